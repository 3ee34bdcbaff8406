"""Which Python runs a stage: the project's, else that of DVC, else what is activated."""

import os
import subprocess
import sys
import venv
from pathlib import Path

import pytest

import made
from sealed_project import Project

TELLS = "import sys\nopen('out.txt', 'w').write(sys.prefix)\n"


@pytest.fixture
def elsewhere(tmp_path: Path) -> Path:
    """Make an environment with DVC and all packages, as an image or conda has them baked in."""
    folder = tmp_path / "an environment"
    venv.create(folder, with_pip=False)
    [packages] = folder.glob("lib/python*/site-packages")
    own = Path(sys.prefix, *packages.relative_to(folder).parts)
    (packages / "own.pth").write_text(f"{own}\n", encoding="utf-8")
    return folder


@pytest.fixture
def bare(project: Project) -> Project:
    """Leave the project without an environment, and PATH without one that has what is needed."""
    (project.root / ".venv").unlink()
    return project.stage("tell", TELLS)


def run(project: Project, *command: str | Path, **extra: str) -> subprocess.CompletedProcess[str]:
    environ = project.environment(**{"PATH": os.defpath} | extra)
    for name in ("VIRTUAL_ENV", "CONDA_PREFIX"):
        environ[name] = extra.get(name, "")
    return subprocess.run(
        list(map(str, command)),
        cwd=project.root,
        env=environ,
        check=False,
        capture_output=True,
        text=True,
    )


@pytest.mark.fault(71)
def test_without_an_environment_of_its_own_the_python_that_runs_dvc_is_taken(
    bare: Project, elsewhere: Path
) -> None:
    result = run(bare, elsewhere / "bin/python", "-m", "dvc", "repro")
    assert result.returncode == 0, result.stderr
    assert bare.read("out.txt") == str(elsewhere)
    assert f"on the host, with {elsewhere}/bin/python (STAGE_ENGINE=host)" in result.stderr


@pytest.mark.fault(71)
@pytest.mark.parametrize("python", ["python", "env/bin/python"])
def test_the_python_that_runs_dvc_is_found_by_a_name_and_by_a_relative_path(
    bare: Project, elsewhere: Path, python: str
) -> None:
    (bare.root / "env").symlink_to(elsewhere)
    path = f"{elsewhere}/bin:{os.defpath}" if python == "python" else os.defpath
    result = run(bare, "env", "--", python, "-m", "dvc", "repro", PATH=path)
    assert result.returncode == 0, result.stderr
    assert bare.read("out.txt") in {str(elsewhere), str(bare.root / "env")}


@pytest.mark.fault(71)
@pytest.mark.parametrize("variable", ["VIRTUAL_ENV", "CONDA_PREFIX", "PATH"])
def test_called_by_hand_the_python_that_is_activated_is_taken(
    bare: Project, elsewhere: Path, variable: str
) -> None:
    value = f"{elsewhere}/bin:{os.defpath}" if variable == "PATH" else str(elsewhere)
    result = run(bare, "stages/run", "tell", **{variable: value})
    assert result.returncode == 0, result.stderr
    assert bare.read("out.txt") == str(elsewhere)


@pytest.mark.fault(71)
def test_where_no_python_has_what_is_needed_one_line_says_so(bare: Project, tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    venv.create(empty, with_pip=False)
    result = run(bare, "stages/run", "tell", PATH=f"{empty}/bin:{os.defpath}")
    assert result.returncode == 2
    assert result.stderr == (
        "stages/run: expected a Python with the pipeline's packages: .venv, that of DVC, or python3"
        f" on PATH; found {empty}/bin/python3 (lacks pathspec, ruamel, yaml); run `make setup`\n"
    )


@pytest.mark.fault(71)
def test_an_environment_that_lacks_packages_is_passed_over(bare: Project, elsewhere: Path) -> None:
    venv.create(bare.root / ".venv", with_pip=False)
    result = run(bare, "stages/run", "tell", VIRTUAL_ENV=str(elsewhere))
    assert result.returncode == 0, result.stderr
    assert bare.read("out.txt") == str(elsewhere)


@pytest.mark.fault(71)
def test_the_environment_of_the_project_comes_first(bare: Project, elsewhere: Path) -> None:
    (bare.root / ".venv").symlink_to(sys.prefix)
    result = run(bare, elsewhere / "bin/python", "-m", "dvc", "repro")
    assert result.returncode == 0, result.stderr
    assert bare.read("out.txt") == str(bare.root / ".venv")
    assert "on the host (STAGE_ENGINE=host)" in result.stderr


NEEDS = """#!/bin/sh
[ "$LD_LIBRARY_PATH" = /opt/python/lib ] || {
    echo "python: error while loading shared libraries: libpython3.11.so.1.0" >&2; exit 127; }
"""


@pytest.mark.fault(71)
@pytest.mark.parametrize("needed", [True, False])
@pytest.mark.parametrize("engine", ["host", "bwrap"])
def test_a_python_that_needs_the_path_of_its_libraries_has_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, engine: str, *, needed: bool
) -> None:
    """Environment modules put a Python on PATH and its libraries into LD_LIBRARY_PATH."""
    python = tmp_path / "python"
    python.write_text(NEEDS if needed else "#!/bin/sh\n")
    python.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(python))
    environ = {"LD_LIBRARY_PATH": "/opt/python/lib", "PATH": os.defpath}
    sandbox = made.sandbox(tmp_path)
    _, seen = made.engine(engine).command(made.stage("train"), sandbox, environ)
    assert seen.get("LD_LIBRARY_PATH") == ("/opt/python/lib" if needed else None)

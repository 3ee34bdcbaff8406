"""The package alone: a wheel, in an environment that has what it declares and nothing else."""

import os
import subprocess
import tomllib
from pathlib import Path

import pytest

from installed_alone import install

PACKAGE = Path(__file__).parents[2] / "src/sealed"
PROJECT = tomllib.loads((PACKAGE / "pyproject.toml").read_text())


def test_every_folder_of_the_package_is_in_the_wheel() -> None:
    folders = {path.parent for path in PACKAGE.rglob("*.py")} - {PACKAGE / "watch/hook"}
    names = {".".join(("sealed", *folder.relative_to(PACKAGE).parts)) for folder in folders}
    assert set(PROJECT["tool"]["setuptools"]["packages"]) == names


@pytest.fixture(scope="module")
def programs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Install the package alone; return the folder of its programs."""
    return install("sealed", tmp_path_factory.mktemp("alone"))


@pytest.mark.slow
def test_the_wheel_serves_a_project_without_the_rest_of_this_one(
    programs: Path, tmp_path: Path
) -> None:
    (tmp_path / "run.py").write_text("import lib\nopen('out', 'w').write(lib.x)\n")
    (tmp_path / "lib.py").write_text("x = 'x'\n")
    text = (
        "stages:\n  one:\n    cmd: python run.py\n    deps:\n    - run.py\n    outs:\n    - out\n"
    )
    (tmp_path / "dvc.yaml").write_text(text)
    python = programs / "python"

    def run(*command: str | Path) -> tuple[int, str, str]:
        env = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
        env |= {"PATH": f"{programs}:{env['PATH']}", "DVC_NO_ANALYTICS": "1"}
        env |= {"DVC_SITE_CACHE_DIR": str(tmp_path / "site")}
        done = subprocess.run(
            command, cwd=tmp_path, env=env, check=False, capture_output=True, text=True
        )
        return done.returncode, done.stdout, done.stderr

    assert run(python, "-m", "dvc", "init", "--no-scm", "-q")[0] == 0
    status, said, _ = run(programs / "sealed", "check")
    assert (status, said.split(": ")[1:4]) == (1, ["one", "module undeclared", "lib.py"])
    status, said, error = run(programs / "sealed", "learn", "one")
    assert (status, "+    - lib.py\n" in said) == (0, True), error
    assert run(programs / "sealed", "check")[0] == 0
    assert run(python, "-m", "dvc", "commit", "-f", "one")[0] == 0
    status, said, error = run(programs / "sealed", "verify")
    assert (status, said.split(",")[0]) == (0, "verify: 1 outputs"), error
    others = "import importlib.util as u; print(*map(u.find_spec, ('keras', 'mnist', 'review')))"
    assert run(python, "-c", others)[1] == "None None None\n"
    assert "usage: sealed check" in run(programs / "sealed", "check", "--help")[1]

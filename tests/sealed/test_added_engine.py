"""Another package adds an engine, as CONTRIBUTING.md describes it, without an edit in `sealed`."""

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from sealed.engines import choose
from sealed.errors import StageError
from sealed_project import Project

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8").partition("## Adding an engine")[2]
PAGE = PAGE.partition("\n## ")[0]
TELLS = "import os\nopen('out.txt', 'w').write(str(os.nice(0)))\n"


def block(language: str) -> str:
    """Return the code of that language on the page."""
    [text] = re.findall(f"```{language}\n(.*?)```", PAGE, re.DOTALL)
    return str(text)


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """Install the page's engine into a folder, as pip leaves it there."""
    folder = tmp_path / "packages"
    [group] = tomllib.loads(block("toml"))["project"]["entry-points"].items()
    lines = [f"[{group[0]}]", *(f"{name} = {value}" for name, value in group[1].items())]
    information = folder / "nice_engine-1.0.dist-info"
    information.mkdir(parents=True)
    (information / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: nice-engine\nVersion: 1.0\n"
    )
    (information / "entry_points.txt").write_text("\n".join(lines))
    (folder / "nice_engine.py").write_text(block("python"))
    return folder


def run(project: Project, path: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-P", "-m", "sealed.launch", "tell"]
    environ = project.environment(STAGE_ENGINE="nice", PYTHONPATH=path)
    return subprocess.run(
        command, cwd=project.root, env=environ, check=False, capture_output=True, text=True
    )


def test_a_stage_runs_in_the_engine_that_a_package_adds(project: Project, package: Path) -> None:
    result = run(project.stage("tell", TELLS), f"src{os.pathsep}{package}")
    assert result.returncode == 0, result.stderr
    assert project.read("out.txt") == str(min(os.nice(0) + 10, 19))
    assert "on the host, with a low priority (STAGE_ENGINE=nice)\n" in result.stderr


def test_a_package_that_cannot_be_imported_is_named(project: Project, package: Path) -> None:
    (package / "nice_engine.py").unlink()
    result = run(project.stage("tell", TELLS), f"src{os.pathsep}{package}")
    assert result.returncode == 2
    assert (
        "STAGE_ENGINE=nice: nice_engine:Nice cannot be imported (No module named 'nice_engine'); "
        "reinstall the package that it belongs to\n"
    ) in result.stderr


def test_an_unknown_engine_is_refused_and_those_that_are_installed_are_listed(
    package: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = "STAGE_ENGINE: expected docker, podman, bwrap, host{} or slurm, found 'kubernetes'"
    with pytest.raises(StageError, match=f"^{expected.format('')}$"):
        choose.require({"STAGE_ENGINE": "kubernetes"})
    monkeypatch.syspath_prepend(package)
    expected = "STAGE_ENGINE: expected docker, podman, bwrap, host, slurm or nice, found 'kuber"
    with pytest.raises(StageError, match=expected):
        choose.require({"STAGE_ENGINE": "kubernetes"})


@pytest.mark.parametrize("engine", ["host", "bwrap"])
def test_one_engine_imports_no_other_and_looks_up_no_entry_points(engine: str) -> None:
    """Each module that is imported delays the start of each stage."""
    code = f"import sys; from sealed.engines import choose; choose.find({engine!r})"
    code += "; from sealed import launch; print(*sys.modules)"
    path = {"PYTHONPATH": str(ROOT / "src")}
    loaded = subprocess.check_output([sys.executable, "-c", code], env=path, text=True).split()
    others = [name for name in loaded if re.match(r"sealed\.engines\.(container|slurm)", name)]
    assert not [*others, *({"importlib.metadata"} & {*loaded})]


def test_the_page_is_short() -> None:
    assert len(PAGE.strip().splitlines()) <= 40


def test_outside_the_engines_no_code_asks_which_engine_it_has() -> None:
    names = "|".join(f"[\"']{name}[\"']" for name in choose.BUILT_IN)
    asks = re.compile(
        rf"(==|!=|\bin) *\W?({names})|is_job|has_client|isinstance\(engine|bwrap\.NAME"
    )
    package = ROOT / "src/sealed"
    for path in package.rglob("*.py"):
        own = path.relative_to(package).parts
        if own[0] != "engines" or own[1] in {"base.py", "choose.py", "process.py"}:
            assert not asks.search(path.read_text(encoding="utf-8")), path

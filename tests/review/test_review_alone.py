"""The package alone: a wheel, in an environment that has what it declares and nothing else."""

import os
import re
import shutil
import subprocess
import sys
import tomllib
import venv
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import pytest

from any_project import AnyProject

PACKAGE = Path(__file__).parents[2] / "src/review"


def needed(names: list[str]) -> set[str]:
    """Return the distributions that these need here, all the way down, without extras."""
    found: set[str] = set()
    left = list(names)
    while left:
        name = re.sub(r"[-_.]+", "-", left.pop()).lower()
        if name in found:
            continue
        try:
            requires = distribution(name).requires or []
        except PackageNotFoundError:  # for another system or Python
            continue
        found.add(name)
        words = (entry.split(";") for entry in requires if "extra ==" not in entry)
        left += [re.split(r"[\s\[<>=!~(]", entry[0], maxsplit=1)[0] for entry in words]
    return found


def link(names: set[str], site: Path) -> None:
    """Give an environment the files of some distributions of this one, and of no other."""
    for name in names:
        for file in distribution(name).files or []:
            top = file.parts[0]
            source = Path(str(distribution(name).locate_file(top)))
            if top not in {"..", "__pycache__"} and not (site / top).exists():
                (site / top).symlink_to(source)


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the wheel without a network, install it; return the console command."""
    folder = tmp_path_factory.mktemp("alone")
    copy = shutil.copytree(PACKAGE, folder / "src", ignore=shutil.ignore_patterns("__pycache__"))
    build = [
        "wheel",
        "--quiet",
        "--no-deps",
        "--no-build-isolation",
        "--no-index",
        "-w",
        str(folder),
    ]
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check"]
    subprocess.run([*pip, *build, str(copy)], check=True, cwd=folder)
    venv.create(folder / "env", with_pip=False)
    [site] = (folder / "env").glob("lib/python*/site-packages")
    [wheel] = folder.glob("*.whl")
    there = [*pip, "--python", str(folder / "env/bin/python"), "install", "-q", "--no-deps"]
    subprocess.run([*there, "--no-index", wheel], check=True)
    declared = tomllib.loads((PACKAGE / "pyproject.toml").read_text())["project"]["dependencies"]
    link(needed(declared), site)
    return folder / "env/bin/review"


@pytest.mark.slow
def test_the_wheel_reviews_a_project_without_the_rest_of_this_one(
    program: Path, tmp_path: Path
) -> None:
    project = AnyProject(tmp_path)
    project.repro()
    project.commit()
    project.write("params.yaml", "seed: 2\n")
    project.repro()
    python = program.parent / "python"

    def run(*command: str | Path) -> str:
        env = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
        done = subprocess.run(
            command, cwd=tmp_path, env=env, check=False, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    assert "**Worse: of 60 test rows 0 won, 15 lost" in run(program, "diff", "--base", "main")
    assert "self-contained" in run(program, "report", "--base=main", "--output=page.html")
    assert "<h2>Confusion matrix</h2>" in (tmp_path / "page.html").read_text()
    assert "dvc.lock is that of" in run(program, "locked")
    assert "usage: review spread" in run(program, "spread", "--help")
    others = "import importlib.util as u; print(*map(u.find_spec, ('keras', 'mnist', 'sealed')))"
    assert run(python, "-c", others) == "None None None\n"
    assert run(python, "-c", "import review; print(review.__file__)").startswith(
        str(program.parents[1])
    )

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

PACKAGE = Path(__file__).parents[2] / "src/sealed"
PROJECT = tomllib.loads((PACKAGE / "pyproject.toml").read_text())


def test_every_folder_of_the_package_is_in_the_wheel() -> None:
    folders = {path.parent for path in PACKAGE.rglob("*.py")} - {PACKAGE / "watch/hook"}
    names = {".".join(("sealed", *folder.relative_to(PACKAGE).parts)) for folder in folders}
    assert set(PROJECT["tool"]["setuptools"]["packages"]) == names


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
def programs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the wheel without a network, install it; return the folder of its programs."""
    folder = tmp_path_factory.mktemp("alone")
    copy = shutil.copytree(PACKAGE, folder / "src", ignore=shutil.ignore_patterns("__pycache__"))
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check"]
    build = ["wheel", "-q", "--no-deps", "--no-build-isolation", "--no-index", "-w", str(folder)]
    subprocess.run([*pip, *build, str(copy)], check=True, cwd=folder)
    venv.create(folder / "env", with_pip=False)
    [site] = (folder / "env").glob("lib/python*/site-packages")
    [wheel] = folder.glob("*.whl")
    there = [*pip, "--python", str(folder / "env/bin/python"), "install", "-q", "--no-deps"]
    subprocess.run([*there, "--no-index", wheel], check=True)
    declared = [re.split("[<>=]", name)[0] for name in PROJECT["project"]["dependencies"]]
    link(needed(declared), site)
    return folder / "env/bin"


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

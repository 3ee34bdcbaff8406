"""A package in an environment that has its wheel, what it declares, and nothing else."""

import re
import shutil
import subprocess
import sys
import tomllib
import venv
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

SOURCES = Path(__file__).parents[1] / "src"
PIP = [sys.executable, "-m", "pip", "--disable-pip-version-check"]


def install(package: str, folder: Path) -> Path:
    """Build the wheels of a package and of `dvcproject` without a network, and install them.

    Returns the folder of the environment's programs.
    """
    venv.create(folder / "env", with_pip=False)
    [site] = (folder / "env").glob("lib/python*/site-packages")
    declared: list[str] = []
    for name in ("dvcproject", package):
        ignored = shutil.ignore_patterns("__pycache__")
        source = shutil.copytree(SOURCES / name, folder / name, ignore=ignored)
        build = ["wheel", "-q", "--no-deps", "--no-build-isolation", "--no-index"]
        subprocess.run([*PIP, *build, "-w", str(folder / "wheels"), str(source)], check=True)
        settings = tomllib.loads((source / "pyproject.toml").read_text(encoding="utf-8"))
        declared += settings["project"]["dependencies"]
    there = [*PIP, "--python", str(folder / "env/bin/python"), "install", "-q", "--no-deps"]
    subprocess.run([*there, "--no-index", *(folder / "wheels").glob("*.whl")], check=True)
    _link(_needed([re.split("[<>=]", name)[0] for name in declared]), site)
    return folder / "env/bin"


def _needed(names: list[str]) -> set[str]:
    """Return the distributions that these need here, all the way down, without extras."""
    needed: set[str] = set()
    left = list(names)
    while left:
        name = re.sub(r"[-_.]+", "-", left.pop()).lower()
        if name in needed:
            continue
        try:
            requires = distribution(name).requires or []
        except PackageNotFoundError:  # for another system or Python
            continue
        needed.add(name)
        words = (entry.split(";") for entry in requires if "extra ==" not in entry)
        left += [re.split(r"[\s\[<>=!~(]", entry[0], maxsplit=1)[0] for entry in words]
    return needed


def _link(names: set[str], site: Path) -> None:
    """Give an environment the files of some distributions of this one, and of no other."""
    for name in names:
        for file in distribution(name).files or []:
            top = file.parts[0]
            source = Path(str(distribution(name).locate_file(top)))
            if top not in {"..", "__pycache__"} and not (site / top).exists():
                (site / top).symlink_to(source)

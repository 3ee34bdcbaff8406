"""Three packages that never import each other, and one that two of them share."""

import ast
import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("sealed", "review", "mnist")
SHARED = "dvcproject"  # by sealed and review
OURS = re.compile("mnist|digit|28|tensorflow|keras", re.IGNORECASE)  # this project's, no other's
MOST_LINES, MOST_FILES = 250, 16


def imported(path: Path) -> set[str]:
    """Return the first names of the modules that a file imports."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level:
            found.add((node.module or "").partition(".")[0])
    return found


def helpers(folder: str) -> set[str]:
    """Return the names of the modules beside the tests of a package."""
    return {path.stem for path in (ROOT / "tests" / folder).glob("*.py")}


@pytest.mark.parametrize("package", PACKAGES)
def test_a_package_imports_no_other(package: str) -> None:
    others = {*PACKAGES} - {package} | ({SHARED} if package == "mnist" else set())
    for path in (ROOT / "src" / package).rglob("*.py"):
        assert not imported(path) & others, path


def test_the_shared_package_imports_none_of_those_that_share_it() -> None:
    for path in (ROOT / "src" / SHARED).rglob("*.py"):
        assert not imported(path) & {*PACKAGES}, path


@pytest.mark.parametrize("package", PACKAGES)
def test_the_tests_of_a_package_import_no_other_nor_its_tests(package: str) -> None:
    folders = {path.name for path in (ROOT / "tests").iterdir() if path.is_dir()} - {package}
    others = {*PACKAGES} - {package}
    others |= {name for folder in folders for name in helpers(folder)} - helpers(package)
    for path in (ROOT / "tests" / package).rglob("*.py"):
        assert not imported(path) & others, path


def docstrings(text: str) -> set[int]:
    """Return the numbers of the lines that docstrings stand on."""
    found: set[int] = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and ast.get_docstring(
            node
        ):
            found |= {*range(node.body[0].lineno, (node.body[0].end_lineno or 0) + 1)}
    return found


@pytest.mark.parametrize("package", [SHARED, "sealed", "review"])
def test_a_package_for_any_project_has_no_word_of_this_one(package: str) -> None:
    """But for an example in a docstring."""
    files = [path for path in (ROOT / "src" / package).rglob("*.*") if path.is_file()]
    for path in (path for path in files if path.suffix in {".py", ".html", ".toml"}):
        text = path.read_text(encoding="utf-8")
        told = docstrings(text) if path.suffix == ".py" else set()
        for number, line in enumerate(text.splitlines(), 1):
            assert number in told or not OURS.search(line), f"{path}:{number}"


@pytest.mark.parametrize("package", [SHARED, "review", "mnist"])
def test_no_file_is_long_and_no_folder_full(package: str) -> None:
    for path in (ROOT / "src" / package).rglob("*.py"):
        assert len(path.read_text(encoding="utf-8").splitlines()) <= MOST_LINES, path
        assert len(list(path.parent.glob("*.py"))) <= MOST_FILES, path.parent


@pytest.mark.parametrize("page", ["README.md", "docs/review.md", "docs/sealed.md"])
def test_the_install_commands_name_each_folder_that_is_needed(page: str) -> None:
    """No index has `dvcproject`, so pip finds it only where its folder is named too."""
    commands = re.findall(r"pip install((?:\s+\./src/\w+)+)", (ROOT / page).read_text())
    assert commands
    for command in commands:
        folders = command.split()
        for folder in folders:
            settings = tomllib.loads((ROOT / folder / "pyproject.toml").read_text())
            names = [re.split("[<>=]", name)[0] for name in settings["project"]["dependencies"]]
            needed = {f"./src/{name}" for name in names if (ROOT / "src" / name).is_dir()}
            assert needed <= set(folders), command

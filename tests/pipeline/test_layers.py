"""Imports inside of a package run one way: from the commands down to the errors."""

import ast
from collections.abc import Collection, Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

SRC = Path(__file__).parents[2] / "src"
LAYERS = {  # from the ground up; modules and subpackages of one line do not import each other
    "dvcproject": [
        "content document python_params quoting",
        "errors",
        "git ignore params paths root",
        "address",
        "declared",
        "lock revision",
        "cache folder",
    ],
    "mnist": [
        "errors",
        "argument document schema tables task",
        "params",
        "machine source",
        "arrays handwriting",
        "collection configuration evaluation network",
        "predict training",
        "export gate serving",
    ],
    "review": [
        "errors markup",
        "__main__ ancestor experiments output record",
        "retrain verdict",
        "spread words",
        "page",
        "commands",
    ],
    "sealed": [
        "stderr variables verification violation watch",
        "errors parallel",
        "__main__ caller settings signals",
        "stage",
        "findings sandbox",
        "advice engines learn",
        "launch ready",
        "commands shell",
    ],
}
PACKAGES = sorted(LAYERS)


def name(path: Path) -> str:
    """Return the dotted name of a module, that of its folder for `__init__.py`."""
    return ".".join(path.relative_to(SRC).with_suffix("").parts).removesuffix(".__init__")


def imports(package: str) -> dict[str, set[str]]:
    """Return the modules of a package that each of its modules imports."""
    paths = {name(path): path for path in (SRC / package).rglob("*.py")}
    return {module: set(imported(path, paths)) - {module} for module, path in paths.items()}


def imported(path: Path, modules: Collection[str]) -> Iterator[str]:
    """Yield the imported ones of `modules`: of `from a import b` it is `a.b`, or `a` for a name."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in modules)
        elif isinstance(node, ast.ImportFrom):
            for alias in node.names:
                names = (f"{node.module}.{alias.name}", str(node.module))
                yield from [name for name in names if name in modules][:1]


def layer(package: str) -> dict[str, int]:
    """Return the number of the layer of each module and subpackage."""
    return {unit: i for i, units in enumerate(LAYERS[package]) for unit in units.split()}


@pytest.mark.parametrize("package", PACKAGES)
def test_no_modules_import_each_other_in_a_circle(package: str) -> None:
    try:
        TopologicalSorter(imports(package)).prepare()
    except CycleError as error:
        pytest.fail(f"a circle of imports: {' <- '.join(error.args[1])}")


@pytest.mark.parametrize("package", PACKAGES)
def test_every_module_has_a_layer(package: str) -> None:
    paths = (path.relative_to(SRC / package) for path in (SRC / package).rglob("*.py"))
    units = {path.with_suffix("").parts[0] for path in paths}
    assert units - {"__init__"} == layer(package).keys()


@pytest.mark.parametrize("package", PACKAGES)
def test_imports_run_down_the_layers(package: str) -> None:
    layers = layer(package)
    for module, targets in imports(package).items():
        for target in targets - {package}:
            above, below = module.split(".")[1:2], target.split(".")[1:2]
            if above and above != below:
                assert layers[above[0]] > layers[below[0]], f"{module} imports {target}"


@pytest.mark.parametrize("package", PACKAGES)
def test_an_init_file_holds_no_logic(package: str) -> None:
    for path in (SRC / package).rglob("__init__.py"):
        assert len(ast.parse(path.read_text(encoding="utf-8")).body) <= 1, path

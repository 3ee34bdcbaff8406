"""One Python file or notebook as it is read here: its imports, and its tree for what else looks.

Of a notebook the lines are those of its cells, one after the other.
"""

import ast
import json
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

MOST_BYTES = 2_000_000
MAGIC = re.compile(r"[%!?]|\w+\s*=\s*[!%]")


@dataclass(frozen=True)
class Import:
    """`import module`, or `from module import names` with a number of leading dots."""

    module: str
    names: tuple[str, ...] = ()
    dots: int = 0


@cache
def tree(path: Path) -> ast.Module | None:
    """Parse a file; None where it cannot be: Python will say why when it runs."""
    try:
        if path.stat().st_size > MOST_BYTES:
            return None
        if path.suffix == ".ipynb":
            return _of_notebook(json.loads(path.read_bytes()))
        return ast.parse(path.read_bytes())
    except (OSError, SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def _of_notebook(notebook: Any) -> ast.Module:
    """Return the tree of the cells that are plain Python; their magic lines are left out."""
    whole = ast.Module([], [])
    cells = notebook.get("cells") if isinstance(notebook, dict) else None
    for cell in cells if isinstance(cells, list) else []:
        if isinstance(cell, dict) and cell.get("cell_type") == "code":
            with suppress(SyntaxError, ValueError, TypeError):
                lines = "".join(cell.get("source", [])).splitlines()
                code = "\n".join("pass" if MAGIC.match(line) else line for line in lines)
                whole.body += ast.parse(code).body
    return whole


@cache
def imports(path: Path) -> tuple[Import, ...]:
    """Return what a file imports when it runs, wherever in it: not what is for type checkers."""
    parsed = tree(path)
    return tuple(_imports(parsed)) if parsed else ()


@cache
def is_empty(path: Path) -> bool:
    """Tell whether a file does nothing when it runs: it holds words and comments alone."""
    parsed = tree(path)
    return parsed is not None and all(
        isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) for node in parsed.body
    )


@cache
def is_dynamic(path: Path) -> bool:
    """Tell whether a file imports modules whose names are made when it runs."""
    names = {"import_module", "__import__", "iter_modules", "walk_packages", "entry_points"}
    calls = [
        node for node in ast.walk(tree(path) or ast.Module([], [])) if isinstance(node, ast.Call)
    ]
    return any(_called(call) in names and not _by_name(call) for call in calls)


def _imports(node: ast.AST) -> Iterator[Import]:
    if isinstance(node, ast.Import):
        yield from (Import(alias.name) for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        names = tuple(alias.name for alias in node.names)
        yield Import(node.module or "", names, node.level)
    elif isinstance(node, ast.If) and _is_for_type_checkers(node.test):
        for otherwise in node.orelse:
            yield from _imports(otherwise)
    else:
        if module := _by_name(node):
            yield Import(module)
        for child in ast.iter_child_nodes(node):
            yield from _imports(child)


def _is_for_type_checkers(test: ast.expr) -> bool:
    name = test.attr if isinstance(test, ast.Attribute) else getattr(test, "id", "")
    return name == "TYPE_CHECKING"


def _by_name(node: ast.AST) -> str:
    """Return the module of `importlib.import_module("module")`."""
    if not isinstance(node, ast.Call) or not node.args:
        return ""
    name = _called(node)
    value = node.args[0].value if isinstance(node.args[0], ast.Constant) else None
    return value if name == "import_module" and isinstance(value, str) else ""


def _called(node: ast.Call) -> str:
    return str(getattr(node.func, "attr", getattr(node.func, "id", "")))

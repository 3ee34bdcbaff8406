"""Parameters in a Python file, as DVC finds them: plain values that are assigned to names.

At the top, in classes, and to `self` in their `__init__`.
"""

import ast
from collections.abc import Collection
from typing import Any

Body = list[ast.stmt]


def load(text: str) -> dict[str, Any]:
    """Return the parameters of a file. Raises SyntaxError."""
    return _values(ast.parse(text).body)


def filtered(text: str, keys: Collection[str]) -> str:
    """Return a file with the parameters that `keys`, dotted, name, and nothing else."""
    body = _kept(ast.parse(text).body, {tuple(key.split(".")) for key in keys})
    return ast.unparse(ast.Module(body, [])) + "\n" if body else ""


def _values(body: Body, *, of_self: bool = False) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for node in body:
        if isinstance(node, ast.ClassDef):
            found[node.name] = _values(node.body)
        elif isinstance(node, ast.FunctionDef) and node.name == "__init__":
            found |= _values(node.body, of_self=True)
        elif name := _name(node, of_self=of_self):
            try:
                found[name] = ast.literal_eval(node.value)  # type: ignore[attr-defined]
            except (ValueError, TypeError):
                continue  # computed: no parameter
    return found


def _name(node: ast.stmt, *, of_self: bool) -> str:
    """Return the name that a statement assigns a value to; nothing where it does not."""
    if isinstance(node, ast.AnnAssign) and node.value:
        target: ast.expr = node.target
    elif isinstance(node, ast.Assign) and len(node.targets) == 1:
        target = node.targets[0]
    else:
        return ""
    if isinstance(target, ast.Name) and not of_self:
        return target.id
    own = isinstance(target, ast.Attribute) and isinstance(target.value, ast.Name)
    if own and target.value.id == "self":  # type: ignore[attr-defined]
        return target.attr  # type: ignore[attr-defined,no-any-return]
    return ""


def _kept(body: Body, keys: set[tuple[str, ...]], *, of_self: bool = False) -> Body:
    found: Body = []
    for node in body:
        if isinstance(node, ast.ClassDef):
            inner = {key[1:] for key in keys if key[0] == node.name}
            if () in inner:
                found.append(node)
            elif inner:
                node.body = _kept(node.body, inner) or [ast.Pass()]
                found.append(node)
        elif isinstance(node, ast.FunctionDef) and node.name == "__init__":
            if kept := _kept(node.body, keys, of_self=True):
                node.body = kept
                found.append(node)
        elif (name := _name(node, of_self=of_self)) and any(key[0] == name for key in keys):
            found.append(node)
    return found

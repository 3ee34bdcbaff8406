"""What Python code says that it reads: files by a constant path, keys of a params file.

Followed: constants, names bound to them once, `open`, `Path`, `os.path.join`, what loads YAML, JSON
and TOML, `dvc.api.params_show`, `[...]` and `.get(...)`. What goes through a function's argument is
not seen.
"""

import ast
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from sealed.findings.source import tree

PARAMS = "params.yaml"
LOADERS = {"safe_load", "load", "full_load", "load_yaml", "parse"}
READERS = ("read_", "imread", "loadtxt", "genfromtxt", "fromfile", "loadmat")
METHODS = {"read_text", "read_bytes"}
WRITING = frozenset("wax+")


@dataclass(frozen=True)
class Read:
    """A file that is read, or keys of it; both as the code has them."""

    path: str
    keys: tuple[str, ...] = ()
    line: int = 0
    certain: bool = True  # it is read when the file is imported; else when a function is called
    maybe: bool = False  # on a condition


@dataclass(frozen=True)
class _Text:
    text: str


@dataclass(frozen=True)
class _File:
    path: str


@dataclass(frozen=True)
class _Values:
    """What a params file holds, below some keys."""

    path: str
    keys: tuple[str, ...] = ()


_Known = _Text | _File | _Values | None


@cache
def reads(path: Path) -> tuple[Read, ...]:
    """Return what a Python file says that it reads."""
    parsed = tree(path)
    if parsed is None:
        return ()
    reader = _Reader()
    reader.visit(parsed)
    return tuple(dict.fromkeys([*reader.found, *reader.only_bound()]))


class _Reader(ast.NodeVisitor):
    def __init__(self) -> None:
        self.found: list[Read] = []
        self.bound: list[Read] = []  # keys that a name was given
        self.scopes: list[dict[str, _Known]] = [{}]
        self.conditions = 0  # that it is below now

    def visit_FunctionDef(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        taken = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
        self.scopes.append({argument.arg: None for argument in taken})
        self.generic_visit(node)
        self.scopes.pop()

    visit_AsyncFunctionDef = visit_FunctionDef  # noqa: N815

    def visit_If(self, node: ast.If) -> None:
        self.visit(node.test)
        decides = int("__main__" not in ast.dump(node.test))
        self.conditions += decides
        for statement in (*node.body, *node.orelse):
            self.visit(statement)
        self.conditions -= decides

    def visit_Assign(self, node: ast.Assign) -> None:
        value = self._known(node.value)
        for target in node.targets:
            for name in ast.walk(target):
                if isinstance(name, ast.Name):
                    self._bind(name.id, value if name is target else None)
        self._look(node.value)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        if isinstance(node.target, ast.Name) and node.value:
            self._bind(node.target.id, self._known(node.value))
            self._look(node.value)

    def visit_withitem(self, node: ast.withitem) -> None:
        if isinstance(node.optional_vars, ast.Name):
            self._bind(node.optional_vars.id, self._known(node.context_expr))
        self.visit(node.context_expr)

    def _look(self, value: ast.expr) -> None:
        """Visit what a name is bound to: values that are bound are read where the name is."""
        known = self._known(value)
        if isinstance(known, _Values):
            self.bound.append(self._read(known.path, known.keys, value))
            for part in ast.walk(value):  # the file that it comes from is read all the same
                if isinstance(part, ast.Call):
                    self._note_file(part)
        else:
            self.visit(value)

    def visit_Subscript(self, node: ast.Subscript) -> None:
        if not self._note_values(node):
            self.generic_visit(node)

    def visit_Name(self, node: ast.Name) -> None:
        if isinstance(node.ctx, ast.Load):
            self._note_values(node)

    def visit_Call(self, node: ast.Call) -> None:
        self._note_file(node)
        if not self._note_values(node):
            self.generic_visit(node)

    def _note_values(self, node: ast.expr) -> bool:
        known = self._known(node)
        if not isinstance(known, _Values):
            return False
        self._note(known.path, known.keys, node)
        for part in ast.walk(node):
            if isinstance(part, ast.Call):
                self._note_file(part)
        return True

    def _note_file(self, node: ast.Call) -> None:
        known = self._known(node)
        if isinstance(known, _File):
            self._note(known.path, (), node)
        name = _name(node.func)
        read = node.args[0] if node.args and name.startswith(READERS) else None
        if read and (path := self._path(read)):
            self._note(path, (), node)

    def _note(self, path: str, keys: tuple[str, ...], node: ast.expr) -> None:
        self.found.append(self._read(path, keys, node))

    def _read(self, path: str, keys: tuple[str, ...], node: ast.expr) -> Read:
        certain, maybe = len(self.scopes) == 1, self.conditions > 0
        return Read(path, keys, node.lineno, certain, maybe)

    def only_bound(self) -> list[Read]:
        """Return the keys that a name was given and of which no part was seen to be read."""
        seen = {
            (read.path, read.keys[:length])
            for reads, whole in ((self.found, 1), (self.bound, 0))
            for read in reads
            for length in range(len(read.keys) + whole)
        }
        return [read for read in self.bound if read.keys and (read.path, read.keys) not in seen]

    def _bind(self, name: str, value: _Known) -> None:
        scope = self.scopes[-1]
        again = name in scope and scope[name] != value
        scope[name] = None if again else value

    def _known(self, node: ast.expr) -> _Known:
        """Return what an expression stands for, where that can be seen."""
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            return _Text(node.value)
        if isinstance(node, ast.Name):
            return next((scope[node.id] for scope in self.scopes[::-1] if node.id in scope), None)
        if isinstance(node, ast.Subscript):
            return self._below(node.value, node.slice)
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div):
            return self._joined([node.left, node.right])
        return self._called(node) if isinstance(node, ast.Call) else None

    def _below(self, values: ast.expr, key: ast.expr) -> _Known:
        known = self._known(values)
        if isinstance(known, _Values) and isinstance(key, ast.Constant):
            return _Values(known.path, (*known.keys, str(key.value)))
        return None

    def _called(self, node: ast.Call) -> _Known:
        name = _name(node.func)
        if name == "get" and isinstance(node.func, ast.Attribute) and node.args:
            return self._below(node.func.value, node.args[0])
        if name == "params_show" and not node.keywords:
            paths = [self._path(argument) for argument in node.args] or [PARAMS]
            return _Values(paths[0]) if len(paths) == 1 and paths[0] else None
        if name == "Path" or (name == "join" and len(node.args) > 1):
            return self._joined(node.args)
        if name in LOADERS and node.args:
            known = self._known(node.args[0])
            path = known.path if isinstance(known, _File) else self._path(node.args[0])
            structured = path.endswith((".yaml", ".yml", ".json", ".toml"))
            return _Values(path) if structured else None
        return self._opened(node, name)

    def _opened(self, node: ast.Call, name: str) -> _Known:
        """Return the file that `open(path)`, `path.open()` or `path.read_text()` reads."""
        owner = self._path(node.func.value) if isinstance(node.func, ast.Attribute) else ""
        if name in METHODS:
            return _File(owner) if owner else None
        if name != "open":
            return None
        modes = [*(node.args if owner else node.args[1:])][:1]
        modes += [word.value for word in node.keywords if word.arg == "mode"]
        mode = self._known(modes[0]) if modes else _Text("r")
        path = owner or (self._path(node.args[0]) if node.args else "")
        reading = isinstance(mode, _Text) and not WRITING & set(mode.text)
        return _File(path) if path and reading else None

    def _path(self, node: ast.expr) -> str:
        known = self._known(node)
        return known.text if isinstance(known, _Text) else ""

    def _joined(self, parts: list[ast.expr]) -> _Known:
        texts = [self._path(part) for part in parts]
        return _Text("/".join(texts)) if all(texts) else None


def _name(function: ast.expr) -> str:
    return function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")

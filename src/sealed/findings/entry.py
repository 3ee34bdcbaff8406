"""A stage's entry in the text of dvc.yaml: where it is, and the text with more declared in it.

A line is put in where that is all it takes, so that comments, order and style stay as they are.
Elsewhere the document is written as DVC itself writes it, which keeps comments and order.
"""

import copy
import difflib
import io
from collections.abc import Iterable, Mapping
from functools import cache
from itertools import chain
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from dvcproject import document
from sealed.errors import StageError

PARAMS = "params.yaml"
Pairs = Mapping[str, Iterable[str]]  # params file -> keys


def line(text: str, name: str) -> int:
    """Return the line of a stage in a dvc.yaml, from 1; that of its template for `name@1`."""
    lines = _lines(text)
    return lines.get(name, lines.get(name.rpartition("@")[0], 1))


@cache
def _lines(text: str) -> dict[str, int]:
    try:
        stages = YAML().load(text)["stages"]
        return {name: int(stages.lc.key(name)[0]) + 1 for name in stages}
    except (YAMLError, ValueError, KeyError, TypeError, AttributeError):
        return {}


def extended(
    text: str,
    name: str,
    deps: Iterable[str] = (),
    params: Pairs | None = None,
    outs: Iterable[str] = (),
) -> str:
    """Return a dvc.yaml with more deps, params and outs in one stage. Raises StageError."""
    if "@" in name:
        raise StageError(
            f"{name}: one of several stages of a template, whose entry is not this stage's alone; "
            "add to it by hand"
        )
    _require(text, name)
    for dep in deps:
        text = _with(text, name, "deps", dep)
    for file, keys in (params or {}).items():
        for key in keys:
            text = _with(text, name, "params", key if file == PARAMS else {file: [key]})
    for out in outs:
        text = _with(text, name, "outs", out)
    return text


def patch(before: str, after: str, file: str) -> str:
    """Return the difference as a patch for `git apply` or `patch -p1`."""
    lines = difflib.unified_diff(
        before.splitlines(keepends=True), after.splitlines(keepends=True), f"a/{file}", f"b/{file}"
    )
    return "".join(
        one if one.endswith("\n") else f"{one}\n\\ No newline at end of file\n" for one in lines
    )


def _require(text: str, name: str) -> None:
    try:
        entry = document.parse(text.encode())["stages"][name]
    except (ValueError, LookupError, TypeError) as error:
        raise StageError(f"{name}: not to be found in its dvc.yaml: {error}") from None
    if not isinstance(entry, dict) or "cmd" not in entry:
        raise StageError(f"{name}: written by a template, not by an entry of its own; add by hand")
    if not all(isinstance(entry.get(key, []), list) for key in ("deps", "params", "outs")):
        raise StageError(f"{name}: its deps, params or outs are no lists; add by hand")


def _with(text: str, name: str, key: str, item: Any) -> str:
    whole = YAML().load(text)
    entry = whole["stages"][name]
    wanted = _added(_apart(document.parse(text.encode())), name, key, item)
    if wanted is None:
        return text
    in_place = _by_lines(text, whole["stages"], entry, key, item)
    candidates = chain(in_place, _by_dvc(text, name, key, item))
    found = next((one for one in candidates if _reads_as(one, wanted)), None)
    if found is None:
        raise StageError(
            f"{name}: shares its {key} with another stage through a YAML anchor; "
            "write the entry of each out, or add to it by hand"
        )
    return found


def _apart(value: Any) -> Any:
    """Return a document in which no two places share a list or a mapping, as aliases do."""
    if isinstance(value, dict):
        return {key: _apart(inner) for key, inner in value.items()}
    return [_apart(inner) for inner in value] if isinstance(value, list) else value


def _by_dvc(text: str, name: str, key: str, item: Any) -> Iterable[str]:
    """Yield the text as DVC writes it, at last with a list that this stage no longer shares."""
    for apart in (False, True):
        whole = YAML().load(text)
        entry = whole["stages"][name]
        if apart:
            entry[key] = _apart(entry.get(key, []))
        _add(entry, key, item)
        yield _dumped(whole)


def _added(whole: Any, name: str, key: str, item: Any) -> Any:
    """Return the document as it should read afterwards; None where it does so already."""
    before = copy.deepcopy(whole)
    _add(whole["stages"][name], key, item)
    return None if whole == before else whole


def _add(entry: Any, key: str, item: Any) -> None:
    items = entry.setdefault(key, [])
    if isinstance(item, dict):
        ((file, keys),) = item.items()
        for known in items:
            if isinstance(known, dict) and isinstance(known.get(file), list):
                known[file] += [key for key in keys if key not in known[file]]
                return
    if item not in items:
        items.append(item)


def _by_lines(text: str, stages: Any, entry: Any, key: str, item: Any) -> Iterable[str]:
    """Yield the text with lines put in where they may belong; whether they do is to be seen."""
    lines = text.splitlines(keepends=True)
    if lines and not lines[-1].endswith("\n"):
        lines[-1] += "\n"
    entry_column = entry.lc.col
    if key in entry and entry[key] and not entry[key].fa.flow_style():
        last, column = entry[key].lc.item(len(entry[key]) - 1)
        dash = lines[last][:column].rfind("-")
        yield _put(lines, last + 1, dash, [item])
    elif key not in entry:
        after = [one for one in entry if entry.lc.key(one)[0] > entry.lc.key("cmd")[0]]
        inner = _indent(entry, entry_column)
        if after:
            at = min(entry.lc.key(one)[0] for one in after)
            yield _put(lines, at, entry_column + inner, [item], f"{' ' * entry_column}{key}:\n")
        else:
            following = [stages.lc.key(one)[0] for one in stages]
            later = [at for at in following if at > entry.lc.key("cmd")[0]]
            at = min(later, default=len(lines))
            yield _put(lines, at, entry_column + inner, [item], f"{' ' * entry_column}{key}:\n")


def _indent(entry: Any, column: int) -> int:
    """Return how far the entry's other lists are indented."""
    for value in entry.values():
        if isinstance(value, list) and value and hasattr(value, "lc") and value.lc.line:
            return max(int(value.lc.col) - column, 0)
    return 0


def _put(lines: list[str], at: int, column: int, items: list[Any], head: str = "") -> str:
    if column < 0:
        return ""
    while at > 0 and head and (not lines[at - 1].strip() or lines[at - 1].lstrip().startswith("#")):
        at -= 1  # before the blank line and the comment that belong to what follows
    new = _dumped(items).splitlines(keepends=True)
    return "".join([*lines[:at], head, *(" " * column + one for one in new), *lines[at:]])


def _dumped(value: Any) -> str:
    """Write a document as DVC does."""
    yaml, stream = YAML(), io.StringIO()
    yaml.default_flow_style = False
    yaml.dump(value, stream)
    return stream.getvalue()


def _reads_as(text: str, wanted: Any) -> bool:
    try:
        return bool(document.parse(text.encode()) == wanted)
    except ValueError:
        return False

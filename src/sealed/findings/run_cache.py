"""Params that DVC's run cache ignores: every key called `size` or `nfiles`, at any depth.

DVC means the keys of files in dvc.lock, and also leaves out params of the same name
(dvc/stage/cache.py). If only such a param changes, DVC restores the outputs of the old value.
"""

from collections.abc import Iterable, Iterator
from typing import Any

IGNORED = ("size", "nfiles")
Keys = tuple[str, ...]


def ignored_params(values: Any, declared: Iterable[str]) -> Iterator[Keys]:
    """Yield the declared keys that the run cache ignores; of all `values` if none is declared."""
    if not isinstance(values, dict):
        return
    names = list(declared) or [str(name) for name in values]
    for name in names:
        if name in IGNORED:
            yield (name,)
            continue
        section: Any = values
        keys = tuple(name.split("."))
        for key in keys:
            section = dict(_members(section)).get(key)
        yield from (inner for inner in _inside(section, keys) if ".".join(inner) not in names)


def _inside(value: Any, keys: Keys) -> Iterator[Keys]:
    for name, inner in _members(value):
        if name in IGNORED:
            yield (*keys, name)
        else:
            yield from _inside(inner, (*keys, name))


def _members(value: Any) -> Iterator[tuple[str, Any]]:
    """Yield the members of a mapping, or those of a list by their index, as DVC names them."""
    if isinstance(value, dict):
        yield from ((str(name), inner) for name, inner in value.items())
    elif isinstance(value, list):
        yield from ((str(index), inner) for index, inner in enumerate(value))

"""Params that DVC's run cache does not see: it passes over each key called `size` or `nfiles`.

It means those of files in dvc.lock, and leaves out, at any depth, what has the same name in a
section of params (dvc/stage/cache.py). After a change of such a param alone it gives back the outs
of the value before.
"""

from collections.abc import Iterable, Iterator
from typing import Any

LEFT_OUT = ("size", "nfiles")
Keys = tuple[str, ...]


def unseen(values: Any, declared: Iterable[str]) -> Iterator[Keys]:
    """Yield the keys that the run cache does not see of `declared`; of none, of all `values`."""
    if not isinstance(values, dict):
        return
    names = list(declared) or [str(name) for name in values]
    for name in names:
        if name in LEFT_OUT:
            yield (name,)
            continue
        found: Any = values
        keys = tuple(name.split("."))
        for key in keys:
            found = dict(_pairs(found)).get(key)
        yield from (one for one in _inside(found, keys) if ".".join(one) not in names)


def _inside(value: Any, keys: Keys) -> Iterator[Keys]:
    for name, inner in _pairs(value):
        if name in LEFT_OUT:
            yield (*keys, name)
        else:
            yield from _inside(inner, (*keys, name))


def _pairs(value: Any) -> Iterator[tuple[str, Any]]:
    """Yield what is in a mapping, or in a list by its place, as DVC names it."""
    if isinstance(value, dict):
        yield from ((str(name), inner) for name, inner in value.items())
    elif isinstance(value, list):
        yield from ((str(place), inner) for place, inner in enumerate(value))

"""Which model a record is of: one of a stage's `records` that names it, `of`, with its MD5.

A model that DVC restores from its run cache comes to lie beside the record of whatever ran last:
that one says nothing of it.
"""

from collections.abc import Callable, Iterable
from typing import Any


def unknown(paths: Iterable[str]) -> str:
    """Say that what a model was made on is not known, though there may be records."""
    return f"not known: no {' or '.join(paths)} of this model"


def of(records: dict[str, Any], md5: Callable[[str], str | None]) -> dict[str, Any]:
    """Return what the records of a model say together."""
    found: dict[str, Any] = {}
    for record in records.values():
        found |= platform(record, md5)
    return found


def platform(record: Any, md5: Callable[[str], str | None]) -> dict[str, Any]:
    """Return what a record says the model was made on; nothing where it is of another one.

    `md5`: the digest that dvc.lock has of a path.
    """
    models = record.get("of") if isinstance(record, dict) else None
    if not isinstance(models, dict) or not models:
        return {}
    if any(md5(path) != digest for path, digest in models.items()):
        return {}
    return {key: value for key, value in record.items() if key != "of"}

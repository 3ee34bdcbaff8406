"""The recipe of a model: the values of all params that a stage declares."""

from typing import Any

from dvcproject.revision import Revision
from review.record import documents, pipeline
from review.record.documents import PARAMS, flatten


def read(revision: Revision) -> dict[str, Any]:
    """Return name -> value; a key of params.yaml as it is, of another file after its path."""
    found: dict[str, Any] = {}
    for stage in pipeline.declared(revision).values():
        for path, keys in stage.params.items():
            if revision.has(path):
                now = documents.params(revision, path)
                found |= named(path, {key: value(now, key) for key in keys or now})
    return found


def named(path: str, values: dict[str, Any]) -> dict[str, Any]:
    """Return the params of a file on one level, by names that say which file."""
    flat = flatten(values)
    return flat if path == PARAMS else {f"{path}: {key}": found for key, found in flat.items()}


def value(document: Any, key: str) -> Any:
    """Return what a dotted key names in params; None where there is no such key."""
    for part in key.split("."):
        if isinstance(document, list) and part.isdecimal() and int(part) < len(document):
            document = document[int(part)]
        else:
            document = document.get(part) if isinstance(document, dict) else None
    return document

"""Which model a record is of. `environment.describe` names it, `of`, with its MD5.

A model that DVC restores from its run cache comes to lie beside the record of whatever ran last:
that one says nothing of it.
"""

from collections.abc import Callable
from typing import Any

UNKNOWN = "not known: no metrics/environment.json of this model"


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

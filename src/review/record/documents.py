"""Documents of a revision with keys and values: YAML, JSON, TOML, Python, as DVC reads them."""

from typing import Any

from dvcproject import document
from dvcproject import params as params_file
from dvcproject.revision import Revision
from review.errors import UserError
from review.markup import as_text
from review.record import readings

PARAMS = "params.yaml"  # the file that DVC means where a stage names a key alone
MARKS = (b"<<<<<<< ", b">>>>>>> ")  # what a merge writes around two versions


def params(revision: Revision, path: str) -> dict[str, Any]:
    """Return a file of params in any form that DVC reads, unchecked."""
    if path.lower().endswith((".json", ".toml", ".py")):
        where = f"{revision.name}: {path}"
        return params_file.parse(revision.require(path), where)
    return yaml_mapping(revision, path)


def metrics(revision: Revision, path: str) -> dict[str, float | str]:
    """Return a file of metrics on one level, numbers and texts, as `dvc metrics` does."""
    if path.lower().endswith(".json"):
        found = readings.mapping(revision, path) or {}
    elif path.lower().endswith((".toml", ".py")):
        found = params(revision, path)
    else:
        found = yaml_mapping(revision, path, alone=path)
    flat = flatten(found)
    return {key: value for key, value in flat.items() if isinstance(value, int | float | str)}


def flatten(nested: dict[Any, Any], prefix: str = "") -> dict[str, Any]:
    """Return nested params as one level: {"train": {"seed": 1}} -> {"train.seed": 1}."""
    flat: dict[str, Any] = {}
    for key, value in nested.items():
        if isinstance(value, dict) and value:
            flat |= flatten(value, f"{prefix}{key}.")
        else:
            flat[f"{prefix}{key}"] = value
    return flat


def yaml_mapping(revision: Revision, path: str, *, alone: str = "") -> dict[str, Any]:
    """Read a mapping in YAML; `alone`: the key of a number that stands alone, where it may.

    Raises UserError with the place.
    """
    content = revision.require(path)
    where = f"{revision.name}: {path}"
    try:
        found = document.parse(content)
    except ValueError as error:
        if all(any(line.startswith(mark) for line in content.splitlines()) for mark in MARKS):
            raise UserError(f"{where}: {CONFLICT}") from None
        raise UserError(f"{where}: expected plain YAML, found {error}") from None
    if alone and isinstance(found, int | float):
        found = {alone: found}
    return dict(expect(dict, found, where, "a mapping"))


CONFLICT = (
    "a merge left two versions of it; resolve params and code, keep either side of dvc.lock and of "
    "what stages write, run `dvc repro`, then `git add`"
)


def expect(kind: type, found: Any, where: str, what: str) -> Any:
    """Return what was found, if it is of a kind. Raises UserError."""
    if not isinstance(found, kind):
        raise UserError(f"{where}: expected {what}, found {as_text(repr(found), 60)}")
    return found

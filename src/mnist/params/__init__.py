"""One section of params.yaml -> a strict, frozen class; the wording of its errors.

A module here is a section: it imports neither TensorFlow nor numpy, so that all of them are read in
a moment, and only the stages that read the section depend on it.
"""

import sys
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from mnist import document
from mnist.errors import UserError

PARAMS = Path("params.yaml")
LONGEST = 80  # characters of a value that are shown
MOST_MISTAKES = 20  # that are told


class Params(BaseModel):
    """Base of every section: no defaults, no unknown keys, no coercion, no NaN, no change."""

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid", allow_inf_nan=False)


P = TypeVar("P", bound=Params)


def read(section: str, kind: type[P], path: Path = PARAMS) -> P:
    """Read one section of `path` as a `kind`. Raises UserError, a line a mistake."""
    return pick(load(path), section, kind, path)


def pick(sections: dict[str, Any], section: str, kind: type[P], path: Path = PARAMS) -> P:
    """Judge one section of what `load` read of `path`. Raises UserError, a line a mistake."""
    if section not in sections:
        raise UserError(f"{path}: {section}: the section is missing; see recipes/ for examples")
    try:
        return kind.model_validate(_lists_to_tuples(sections[section]))
    except ValidationError as error:
        mistakes = [_explain(section, kind, details) for details in error.errors()]
        raise told([f"{path}: {mistake}" for mistake in mistakes]) from None


def told(mistakes: list[str]) -> UserError:
    """Return the error that tells them, a line each; of very many the first."""
    more = len(mistakes) - MOST_MISTAKES
    return UserError("\n".join([*mistakes[:MOST_MISTAKES], *[f"... and {more} more"] * (more > 0)]))


def load(path: Path = PARAMS) -> dict[str, Any]:
    """Read the sections of `path`, unchecked. Raises UserError where it has none."""
    try:
        sections = document.load(path)
    except FileNotFoundError:
        raise UserError(f"{path}: no such file; copy one from recipes/") from None
    except OSError as error:
        raise UserError(f"{path}: expected a file that can be read, {error.strerror}") from None
    except ValueError as error:
        raise UserError(f"{path}: expected plain YAML, found {error}") from None
    if not isinstance(sections, dict):
        found = "an empty file" if sections is None else type(sections).__name__
        raise UserError(f"{path}: expected sections of `key: value`, found {found}")
    return sections


def _lists_to_tuples(value: Any) -> Any:  # YAML has lists; what is frozen has tuples
    if isinstance(value, dict):
        return {key: _lists_to_tuples(item) for key, item in value.items()}
    if isinstance(value, list):
        return tuple(_lists_to_tuples(item) for item in value)
    return value


def _explain(section: str, kind: type[Params], details: Any) -> str:
    where = ".".join(_shorten(str(part)) for part in (section, *details["loc"]))
    match details["type"]:
        case "missing":
            return f"{where}: the key is missing; add it"
        case "extra_forbidden" | "invalid_key":
            return f"{where}: unknown key; known are {', '.join(kind.model_fields)}"
        case "value_error":
            return f"{where}: {details['ctx']['error']}"
    expected = _EXPECTED.get(details["type"]) or details["msg"].removeprefix("Input should be ")
    if details["type"] == "string_pattern_mismatch":
        expected = f"a text of the form {details['ctx']['pattern']}"
    if details["type"] == "too_long":
        expected = f"a list of {details['ctx']['max_length']}"
    return f"{where}: expected {expected}, found {_describe(details['input'])}"


_EXPECTED = {
    "float_type": "a number",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "bool_type": "true or false",
    "string_type": "a text",
    "tuple_type": "a list",
    "model_type": "a section of `key: value`",
    "finite_number": "a finite number",
}


def _describe(value: Any) -> str:
    if isinstance(value, str):
        return f"the text {_shorten(value)!r}"
    if isinstance(value, bool):
        return str(value).lower()
    if value is None:
        return "nothing"
    try:
        return _shorten(repr(list(value)) if isinstance(value, tuple) else repr(value))
    except ValueError:  # Python does not write out a number of more digits
        return f"more than {sys.get_int_max_str_digits()} digits"


def _shorten(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}..."

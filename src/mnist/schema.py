"""`Schema`: the strict, frozen base of the classes that describe YAML, and its error messages."""

import sys
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from mnist.errors import UserError

MAX_SHOWN = 80  # characters of a value
MAX_ERRORS = 20  # that are printed


class Schema(BaseModel):
    """No defaults, no unknown keys, no coercion, no NaN, no change."""

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid", allow_inf_nan=False)


S = TypeVar("S", bound=Schema)


def validate(value: Any, kind: type[S], path: Path, section: str = "") -> S:
    """Return what YAML holds as a `kind`. Raises UserError with one line per error.

    `path`, `section`: where the value stands; every line starts with them.
    """
    try:
        return kind.model_validate(_lists_to_tuples(value))
    except ValidationError as error:
        lines = [f"{path}: {_explain(section, kind, details)}" for details in error.errors()]
        raise combined(lines) from None


def combined(lines: list[str]) -> UserError:
    """Return one error with a line per error, cut after the first `MAX_ERRORS`."""
    more = len(lines) - MAX_ERRORS
    return UserError("\n".join([*lines[:MAX_ERRORS], *[f"... and {more} more"] * (more > 0)]))


def _lists_to_tuples(value: Any) -> Any:  # YAML has lists, frozen classes have tuples
    if isinstance(value, dict):
        return {key: _lists_to_tuples(item) for key, item in value.items()}
    if isinstance(value, list):
        return tuple(_lists_to_tuples(item) for item in value)
    return value


def _explain(section: str, kind: type[Schema], details: Any) -> str:
    keys = [section] if section else []
    where = ".".join(_shorten(str(key)) for key in (*keys, *details["loc"]))
    reason = _reason(kind, details)
    return f"{where}: {reason}" if where else reason


def _reason(kind: type[Schema], details: Any) -> str:
    match details["type"]:
        case "missing":
            return "the key is missing; add it"
        case "extra_forbidden" | "invalid_key":
            return f"unknown key; known are {', '.join(kind.model_fields)}"
        case "value_error":
            return str(details["ctx"]["error"])
        case "string_pattern_mismatch":
            expected = f"a text of the form {details['ctx']['pattern']}"
        case "too_long":
            expected = f"a list of {details['ctx']['max_length']}"
        case other:
            expected = _EXPECTED.get(other) or details["msg"].removeprefix("Input should be ")
    return f"expected {expected}, found {_describe(details['input'])}"


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
    return text if len(text) <= MAX_SHOWN else f"{text[:MAX_SHOWN]}..."

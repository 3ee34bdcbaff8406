"""One section of params.yaml -> a strict, frozen class; the wording of its errors."""

import math
import re
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from mnist.errors import UserError

PARAMS = Path("params.yaml")


class Params(BaseModel):
    """Base of every section: no defaults, no unknown keys, no coercion, no NaN, no change."""

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid", allow_inf_nan=False)


P = TypeVar("P", bound=Params)


def read(section: str, kind: type[P], path: Path = PARAMS) -> P:
    """Read one section of `path` as a `kind`. Raises UserError with every mistake, one line."""
    document = _load(path)
    if section not in document:
        raise UserError(f"{path}: {section}: the section is missing; see recipes/ for examples")
    try:
        return kind.model_validate(_lists_to_tuples(document[section]))
    except ValidationError as error:
        mistakes = [_explain(section, kind, details) for details in error.errors()]
        raise UserError(f"{path}: " + "; ".join(mistakes)) from None


def _load(path: Path) -> dict[str, Any]:
    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UserError(f"{path}: no such file; copy one from recipes/") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        reason = " ".join(str(error).split())
        raise UserError(f"{path}: expected plain YAML, found {reason}") from None
    if not isinstance(document, dict):
        found = "an empty file" if document is None else type(document).__name__
        raise UserError(f"{path}: expected sections of `key: value`, found {found}")
    return document


def _lists_to_tuples(value: Any) -> Any:  # YAML has lists; what is frozen has tuples
    if isinstance(value, dict):
        return {key: _lists_to_tuples(item) for key, item in value.items()}
    if isinstance(value, list):
        return tuple(_lists_to_tuples(item) for item in value)
    return value


def _explain(section: str, kind: type[Params], details: Any) -> str:
    where = ".".join(str(part) for part in (section, *details["loc"]))
    found = details["input"]
    match details["type"]:
        case "missing":
            return f"{where}: the key is missing; add it"
        case "extra_forbidden":
            return f"{where}: unknown key; known are {', '.join(kind.model_fields)}"
        case "value_error":
            return f"{where}: {details['ctx']['error']}"
    expected = _EXPECTED.get(details["type"]) or details["msg"].removeprefix("Input should be ")
    return f"{where}: expected {expected}, found {_describe(found)}{_hint(details['type'], found)}"


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
        return f"the text {value!r}"
    if isinstance(value, bool):
        return str(value).lower()
    if value is None:
        return "nothing"
    return repr(list(value)) if isinstance(value, tuple) else repr(value)


def _hint(kind: str, found: Any) -> str:
    """Say what to write for `1e-4`, which YAML 1.1 reads as a text (yaml/pyyaml#173)."""
    if kind not in {"float_type", "int_type"} or not isinstance(found, str):
        return ""
    if not re.fullmatch(r"[-+]?[0-9.]+([eE][-+]?[0-9]+)?", found):
        return ""
    number = float(found)
    if not math.isfinite(number):
        return ""
    plain = f"{number:.20f}".rstrip("0").rstrip(".") if kind == "float_type" else f"{number:.0f}"
    return f"; write {plain}"

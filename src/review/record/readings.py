"""Numbers and JSON objects of a revision: all finite, within bounds."""

import json
from collections.abc import Mapping
from typing import Any, NamedTuple, NoReturn

import numpy as np
from numpy.typing import NDArray

from dvcproject import document
from dvcproject.revision import Revision
from review.errors import UserError
from review.markup import as_text

MOST_DEPTH = 20
MOST = 1e100  # no number in these files is as large


class Range(NamedTuple):
    """What a number must be."""

    least: float
    most: float = MOST
    whole: bool = False

    def holds(self, value: Any) -> bool:
        """Tell whether a value is such a number."""
        kinds = int if self.whole else int | float
        is_number = isinstance(value, kinds) and not isinstance(value, bool)
        return is_number and self.least <= value <= self.most

    def hold(self, values: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Tell which of finite values are such numbers."""
        inside = (self.least <= values) & (values <= self.most)
        return inside & (values == np.floor(values)) if self.whole else inside

    def __str__(self) -> str:
        """Say it in words."""
        kind = "a whole number" if self.whole else "a number"
        most = f" to {self.most:g}" if self.most < MOST else " or more"
        return f"{kind}, {self.least:g}{most}"


def mapping(revision: Revision, path: str) -> dict[str, Any] | None:
    """Read a JSON object; None where there is no such file. Raises UserError for what is none."""
    content = revision.read(path)
    if content is None:
        return None
    try:
        found = json.loads(content, parse_constant=_refuse, object_pairs_hook=_unique)
        _check(found, 0)
    except RecursionError:
        found = f"more than {MOST_DEPTH} levels"
    except ValueError as error:
        found = document.reason(error)
    if not isinstance(found, dict):
        text = found if isinstance(found, str) else type(found).__name__
        raise UserError(f"{revision.name}: {path}: expected JSON, found {text}")
    return found


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"a number that is none, {constant}")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a key twice")
    return found


def _check(found: Any, depth: int) -> None:
    if depth > MOST_DEPTH:
        raise ValueError(f"more than {MOST_DEPTH} levels")
    if isinstance(found, int | float) and not abs(found) <= MOST:
        raise ValueError(f"a number beyond {MOST:g}")
    if isinstance(found, dict | list):
        for member in found.values() if isinstance(found, dict) else found:
            _check(member, depth + 1)


def require(found: Mapping[str, Any], ranges: Mapping[str, Range], where: str) -> None:
    """Raise UserError, naming the key, where a number is missing or not within its range."""
    for key, allowed in ranges.items():
        if key not in found:
            raise UserError(f"{where}: expected a key {key!r}, found none")
        check(found, {key: allowed}, where)


def check(found: Mapping[str, Any], ranges: Mapping[str, Range], where: str) -> None:
    """Raise UserError, naming the key, where a number that is there is not within its range."""
    for key in ranges.keys() & found.keys():
        if not ranges[key].holds(found[key]):
            text = as_text(repr(found[key]), 60)
            raise UserError(f"{where}: {key}: expected {ranges[key]}, found {text}")

"""Tables of a revision, a column at a time: CSV, TSV, and lists of mappings in JSON or YAML."""

import csv
import io
import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dvcproject import document
from dvcproject.revision import Revision
from review.errors import UserError
from review.markup import as_text
from review.record.readings import Range

CHUNK = 50_000  # rows that are texts at a time
MOST_CLASSES = 10_000
Rows = Iterator[Sequence[str]]


class Table:
    """A table with a row at least; each column is read once, as what it is.

    Raises UserError for what is no table, and for a column that is missing.
    """

    def __init__(self, revision: Revision, path: str) -> None:
        """Open the table of a revision that has a file there."""
        self.where = f"{revision.name}: {path}"
        content = revision.require(path)
        try:
            self.header, self.rows = _read(content, path)
        except (ValueError, csv.Error, RecursionError) as error:
            raise self.refuse(document.reason(error)) from None

    def refuse(self, reason: object) -> UserError:
        """Return the error of a file that is no such table."""
        return UserError(f"{self.where}: expected a table, found {as_text(reason)}")

    def require(self, *names: str) -> None:
        """Raise UserError where a column is missing."""
        for name in names:
            if name not in self.header:
                raise UserError(f"{self.where}: expected a column {name!r}, found none")

    def chunks(self, names: Sequence[str]) -> Iterator[list[Sequence[str]]]:
        """Yield the columns of these names, some rows at a time."""
        self.require(*names)
        places = [self.header.index(name) for name in names]
        count = 0
        try:
            while rows := list(islice(self.rows, CHUNK)):
                columns = list(zip(*rows, strict=True))
                if len(columns) != len(self.header):
                    raise ValueError(f"{len(self.header)} names for {len(columns)} columns")
                count += len(rows)
                yield [columns[place] for place in places]
        except (ValueError, csv.Error) as error:
            raise self.refuse(error) from None
        if not count:
            raise self.refuse("no row")

    def number(self, name: str, allowed: Range, texts: Sequence[str]) -> NDArray[np.float64]:
        """Return texts of a column as numbers. Raises UserError for one that is none."""
        try:
            values = np.array(texts, np.str_).astype(np.float64)
        except ValueError as error:
            raise UserError(f"{self.where}: {name}: {as_text(error)}") from None
        wrong = np.flatnonzero(~(np.isfinite(values) & allowed.hold(values)))
        if len(wrong):
            text = as_text(repr(texts[wrong[0]]), 60)
            raise UserError(f"{self.where}: {name}: expected {allowed}, found {text}")
        return values


class Classes:
    """Names as numbers, in the order in which they come up."""

    def __init__(self, table: Table, name: str) -> None:
        """Count from nothing."""
        self.table, self.name = table, name
        self.codes: defaultdict[str, int] = defaultdict()
        self.codes.default_factory = self.codes.__len__

    def encode(self, texts: Sequence[str]) -> NDArray[np.int64]:
        """Return the number of each name. Raises UserError where they are too many, or empty."""
        found = np.fromiter(map(self.codes.__getitem__, texts), np.int64, len(texts))
        if len(self.codes) > MOST_CLASSES or "" in self.codes:
            what = "an empty one" if "" in self.codes else f"more than {MOST_CLASSES:,}"
            raise UserError(f"{self.table.where}: {self.name}: expected classes, found {what}")
        return found


def _read(content: bytes, path: str) -> tuple[list[str], Rows]:
    text = content.decode("utf-8-sig")
    kind = path.lower().rpartition(".")[2]
    if kind in {"json", "yaml", "yml"}:
        found = json.loads(text) if kind == "json" else document.parse(content)
        return _mappings(found)
    rows = csv.reader(
        io.StringIO(text, newline=""),
        delimiter="\t" if kind == "tsv" else ",",
        skipinitialspace=True,
        strict=True,
    )
    header = [name.strip() for name in next(rows, [])]
    if len(set(header)) < len(header):
        raise ValueError(f"{len(set(header))} names for {len(header)} columns")
    return header, filter(None, rows)


def _mappings(found: Any) -> tuple[list[str], Rows]:
    """Read a list of mappings with the same keys, alone or in a mapping, as DVC looks for it."""
    rows = next(_lists(found), None)
    if not rows or not all(isinstance(row, dict) for row in rows):
        raise ValueError("no list of mappings")
    header = list(rows[0])
    if any(row.keys() != rows[0].keys() for row in rows):
        raise ValueError("rows with other keys than the first")
    return [str(name) for name in header], (_texts(row.values()) for row in _in_order(rows, header))


def _in_order(rows: list[dict[Any, Any]], header: list[Any]) -> Iterator[dict[Any, Any]]:
    for row in rows:
        yield row if list(row) == header else {name: row[name] for name in header}


def _lists(found: Any) -> Iterator[list[Any]]:
    if isinstance(found, list):
        yield found
    for member in found.values() if isinstance(found, dict) else ():
        yield from _lists(member)


def _texts(values: Iterable[Any]) -> list[str]:
    return [value if isinstance(value, str) else _text(value) for value in values]


def _text(value: Any) -> str:
    if not isinstance(value, int | float):
        return ""  # null, a list
    return str(value)

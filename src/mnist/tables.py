"""Rows and summaries <-> small text files that diff well: CSV and JSON."""

import csv
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from mnist.errors import UserError


def write_json(summary: Mapping[str, Any], path: Path) -> None:
    """Write an indented JSON file that ends in a newline."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(summary, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def write_csv(header: Iterable[str], rows: Iterable[Iterable[Any]], path: Path) -> None:
    """Write a CSV file; floats to six decimals."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(
            [f"{value:.6f}" if isinstance(value, float) else value for value in row] for row in rows
        )


def read_csv(path: Path) -> list[dict[str, float]]:
    """Read a CSV file of numbers. Raises UserError where a value is none."""
    try:
        with path.open(encoding="utf-8", newline="") as file:
            return [{key: float(row[key]) for key in row} for row in csv.DictReader(file)]
    except (OSError, ValueError, TypeError) as error:
        raise UserError(f"{path}: expected a table of numbers, found {error}") from None

"""Labels as published -> indices of a card's classes."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from mnist.errors import UserError
from mnist.source import idx
from mnist.source.card import Card


def parse(content: bytes, card: Card, name: str) -> NDArray[np.uint16]:  # [N]
    """Read a file of labels. Raises UserError, which starts with `name`, for what is none."""
    if card.label_column is None:
        return indices(idx.parse(content, dimensions=1, name=name), card, name)
    table = idx.parse_table(content, name=name)
    column, columns = card.label_column, table.shape[1]
    if column >= columns:
        raise UserError(f"{name}: expected a label in column {column}, found {columns} columns")
    return indices(table[:, column], card, name)


def indices(numbers: NDArray[Any], card: Card, name: str) -> NDArray[np.uint16]:
    """Return the index of each number's class. Raises UserError for one without, and for none."""
    labels = numbers.astype(np.int64) - card.first_label
    unknown = np.flatnonzero((labels < 0) | (labels >= len(card.classes)))
    if len(unknown) or not len(labels):
        row = unknown[0] if len(unknown) else 0
        found = f"the label {numbers[row]} at index {row}" if len(labels) else "no image"
        start = f", from {card.first_label} on" if card.first_label else ""
        raise UserError(
            f"{name}: expected labels of {len(card.classes)} classes{start}, found {found}"
        )
    return labels.astype(np.uint16)

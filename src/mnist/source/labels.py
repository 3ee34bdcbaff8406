"""Labels as published -> indices of the data set's classes."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from mnist.errors import UserError
from mnist.source import idx
from mnist.source.dataset_spec import DatasetSpec


def parse(content: bytes, spec: DatasetSpec, name: str) -> NDArray[np.uint16]:  # [N]
    """Read a file of labels. Raises UserError, which starts with `name`, if invalid."""
    if spec.label_column is None:
        return indices(idx.parse(content, dimensions=1, name=name), spec, name)
    table = idx.parse_table(content, name=name)
    column, columns = spec.label_column, table.shape[1]
    if column >= columns:
        raise UserError(f"{name}: expected a label in column {column}, found {columns} columns")
    return indices(table[:, column], spec, name)


def indices(numbers: NDArray[Any], spec: DatasetSpec, name: str) -> NDArray[np.uint16]:
    """Return the index of each number's class. Raises UserError if one has none."""
    labels = numbers.astype(np.int64) - spec.first_label
    unknown = np.flatnonzero((labels < 0) | (labels >= len(spec.classes)))
    if len(unknown) or not len(labels):
        row = unknown[0] if len(unknown) else 0
        found = f"the label {numbers[row]} at index {row}" if len(labels) else "no image"
        start = f", from {spec.first_label} on" if spec.first_label else ""
        raise UserError(
            f"{name}: expected labels of {len(spec.classes)} classes{start}, found {found}"
        )
    return labels.astype(np.uint16)

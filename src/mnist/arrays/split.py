"""Split the published training examples, stratified, into training and validation examples."""

import numpy as np
from numpy.typing import NDArray

from mnist.arrays import images
from mnist.arrays.dataset import Examples
from mnist.params.preprocess import PreprocessParams


def split(examples: Examples, params: PreprocessParams) -> tuple[Examples, Examples]:
    """Split into training and validation examples, stratified by label, in the original order.

    The examples are shuffled and sorted by label, and every `validation_one_in`-th is held out.
    So the share of each class, and of the whole, is exact to within one example. Raises UserError
    if fewer would be held out than there are classes.
    """
    params.held_out(len(examples.labels), len(examples.task.classes))
    shuffled = np.random.Generator(np.random.PCG64(params.seed)).permutation(len(examples.labels))
    by_label = shuffled[np.argsort(examples.labels[shuffled], kind="stable")]
    held_out = np.zeros(len(by_label), bool)
    held_out[by_label[:: params.validation_one_in]] = True
    return _select(examples, ~held_out), _select(examples, held_out)


def _select(examples: Examples, mask: NDArray[np.bool_]) -> Examples:
    rows = np.flatnonzero(mask)
    return examples._replace(
        images=images.subset(examples.images, rows), labels=examples.labels[rows]
    )

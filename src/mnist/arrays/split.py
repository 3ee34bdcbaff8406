"""Training and validation examples: a stratified split of those published."""

import numpy as np
from numpy.typing import NDArray

from mnist.arrays import images
from mnist.arrays.dataset import Examples
from mnist.params.preprocess import PreprocessParams


def split(examples: Examples, params: PreprocessParams) -> tuple[Examples, Examples]:
    """Split into training and validation examples, stratified by label, the order kept.

    Every `validation_one_in`-th of the shuffled examples, sorted by label, is for validation: so
    each class, and the whole, give their share to within one example. Raises UserError when fewer
    would be held out than there are classes.
    """
    params.held_out(len(examples.labels), len(examples.task.classes))
    shuffled = np.random.Generator(np.random.PCG64(params.seed)).permutation(len(examples.labels))
    by_label = shuffled[np.argsort(examples.labels[shuffled], kind="stable")]
    held_out = np.zeros(len(by_label), bool)
    held_out[by_label[:: params.validation_one_in]] = True
    return _select(examples, ~held_out), _select(examples, held_out)


def _select(examples: Examples, those: NDArray[np.bool_]) -> Examples:
    rows = np.flatnonzero(those)
    return examples._replace(
        images=images.chosen(examples.images, rows), labels=examples.labels[rows]
    )

"""Training and validation examples: a stratified split of those published."""

import numpy as np
from numpy.typing import NDArray

from mnist.arrays.dataset import CLASSES, Examples
from mnist.params.preprocess import SplitParams


def split(examples: Examples, params: SplitParams) -> tuple[Examples, Examples]:
    """Split into training and validation examples, stratified by label, the order kept.

    Every `validation_one_in`-th of the shuffled examples, sorted by label, is for validation: so
    each class, and the whole, give their share to within one example. Raises UserError when fewer
    would be held out than there are classes.
    """
    params.held_out(len(examples.labels), CLASSES)
    shuffled = np.random.Generator(np.random.PCG64(params.seed)).permutation(len(examples.labels))
    by_label = shuffled[np.argsort(examples.labels[shuffled], kind="stable")]
    held_out = np.zeros(len(by_label), bool)
    held_out[by_label[:: params.validation_one_in]] = True
    return _select(examples, ~held_out), _select(examples, held_out)


def _select(examples: Examples, rows: NDArray[np.bool_]) -> Examples:
    return Examples(examples.images[rows], examples.labels[rows])

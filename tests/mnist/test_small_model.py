"""The network that the tests share is the one that its recipe trains."""

from pathlib import Path

import pytest

import servers
import small_model
from mnist.network import model


@pytest.mark.slow
def test_the_committed_network_is_byte_for_byte_what_its_recipe_trains(tmp_path: Path) -> None:
    trained = small_model.train(tmp_path).read_bytes()
    assert trained == small_model.PATH.read_bytes(), "run `python tests/mnist/small_model.py`"


def test_the_committed_network_reads_digits() -> None:
    images, labels, _ = servers.digits()[1]
    predict = model.predictor(model.load(small_model.PATH).network)
    assert (predict(images).argmax(axis=1) == labels).mean() > 0.94

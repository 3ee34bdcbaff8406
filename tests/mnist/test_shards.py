"""Shards: one digest whatever the threads; the same step as of one batch, but for rounding."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from pydantic import ValidationError

import samples
import test_training as tiny
from mnist.network import model
from mnist.params.train import TrainParams
from mnist.training import forward, loop, shards, trainer

SCRIPT = Path(__file__).with_name("side_by_side.py")


def test_a_sum_is_a_tree_that_the_graph_optimizer_leaves_alone() -> None:
    shards.fix_order()

    @tf.function
    def add(values: tf.Tensor) -> tf.Tensor:
        return shards.total(tf.unstack(values * 1))

    values = tf.constant([[1e8] * 4, [1] * 4, [-1e8] * 4, [1] * 4])
    assert add(values).numpy().tolist() == [0] * 4  # from left to right: 1


@pytest.mark.parametrize(("rows", "count"), [(50, 4), (8, 8), (7, 1), (9, 2)])
def test_shards_are_slices_that_differ_by_one_row_at_most(rows: int, count: int) -> None:
    sizes = shards.sizes(rows, count)
    assert (len(sizes), sum(sizes)) == (count, rows)
    assert max(sizes) - min(sizes) <= 1
    parts = shards.split(tf.range(rows), count)
    assert np.concatenate(parts).tolist() == list(range(rows))
    assert shards.split(None, count) == [None] * count


@pytest.mark.parametrize("count", [2, 4])
def test_a_step_in_shards_is_that_of_the_whole_batch_but_for_rounding(count: int) -> None:
    """Batch norm set aside, whose statistics are a shard's own: dropout and distortions stay."""
    weights = []
    for number in (1, count):
        params = tiny.FEW.model_copy(update={"batch_size": 10, "shards": number})
        network = model.build(tiny.SMALL.model_copy(update={"batch_norm": False}), tiny.DIGITS, 3)
        built = trainer.build(network, tiny.digits(64), params, tiny.DISTORTION)
        built.run_steps(0, loop.order(64, 0, 5, params))
        weights.append(network.get_weights())
    for whole, parts in zip(*weights, strict=True):
        assert np.allclose(whole, parts, atol=1e-5)


def test_statistics_move_by_the_mean_of_the_shards_weighted_by_their_images() -> None:
    network, pixels = (
        model.build(tiny.SMALL, tiny.DIGITS, 3),
        tiny.digits(5).images[:].astype(np.float32),
    )
    kept = forward.draw_kept(network, 5, [0, 0])
    parts = zip(shards.split(tf.constant(pixels), 2), shards.split(kept, 2), strict=True)
    passes = [forward.run(network, *part, tf.reduce_sum) for part in parts]
    forward.move_moments(network, [forward.back(network, passes, 5)])
    norm = network.get_layer("norm_1_1")
    means = [np.asarray(one.way.moments["norm_1_1"][0]) for one in passes]
    assert np.allclose(norm.moving_mean, 0.01 * (3 * means[0] + 2 * means[1]) / 5, rtol=1e-4)


@pytest.mark.parametrize("count", [0, 3, 16])
def test_shards_that_make_no_tree_or_outnumber_the_images_are_refused(count: int) -> None:
    with pytest.raises(ValidationError, match=r"shards"):
        TrainParams.model_validate(tiny.FEW.model_dump() | {"shards": count})


def trained(networks: int, threads: list[str]) -> list[list[str]]:
    """Train random networks on several numbers of threads; return their digests, and the shards."""
    seed = samples.seed()
    done = subprocess.run(
        [sys.executable, str(SCRIPT), str(networks), str(seed), *threads],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    return [line.split() for line in done.stdout.splitlines()]


@pytest.mark.takes(200, "TensorFlow starts once more, and compiles a network for each training")
@pytest.mark.parametrize(
    ("networks", "threads"),
    [
        (samples.many(1), ["1", "3"]),
        pytest.param(samples.many(8), ["1", "2", "3", "4"], marks=pytest.mark.slow),
    ],
)
def test_random_networks_have_one_digest_on_any_number_of_threads_and_on_one_core(
    networks: int, threads: list[str]
) -> None:
    found = trained(networks, threads)
    assert len(found) == networks
    for *digests, _ in found:
        assert len(digests) == len(threads) + 1
        assert len(set(digests)) == 1, found
        assert len(digests[0]) == 64

"""The loop: its order, its optimizer, the same bytes twice."""

import os
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

from mnist import model, training
from mnist.dataset import Examples
from mnist.errors import UserError
from mnist.model import ModelParams
from mnist.optimizer import FusedAdam
from mnist.training import TrainParams

SMALL = ModelParams(
    blocks=((4,), (4, 4)),
    kernel_size=3,
    batch_norm=True,
    dense=(8,),
    dropout=0.5,
    initializer="tutorial",
)
FEW = TrainParams(
    steps=130,
    batch_size=8,
    learning_rate=0.001,
    validate_every=100,
    seed=3,
    reproducible="portable",
    device="cpu",
)


def digits(count: int) -> Examples:
    generator = np.random.Generator(np.random.PCG64(0))
    labels = generator.integers(0, 10, count, np.uint8)
    images = np.zeros((count, 28, 28, 1), np.uint8)
    for row, label in enumerate(labels):
        images[row, 2 * label : 2 * label + 5] = generator.integers(99, 256, (5, 28, 1))
    return Examples(images, labels)


def train(params: TrainParams, path: Path) -> tuple[bytes, list[training.Point]]:
    network = model.build(SMALL, params.seed)
    curve = training.fit(network, digits(64), digits(16), params)
    model.save(network, path)
    return path.read_bytes(), curve


def test_the_same_inputs_train_the_same_bytes_and_another_seed_does_not(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first = train(FEW, tmp_path / "a.keras")
    assert first == train(FEW, tmp_path / "b.keras")
    assert first != train(FEW.model_copy(update={"seed": 4}), tmp_path / "c.keras")
    assert [point.step for point in first[1]] == [0, 100, 130]
    assert "step 100, training accuracy " in capsys.readouterr().out


def test_another_process_saves_the_same_bytes(tmp_path: Path) -> None:
    """Keras writes addresses in memory into its config: one process alone does not show it."""
    code = (
        "import sys; from pathlib import Path; from mnist import model; from test_training import "
        "SMALL; model.save(model.build(SMALL, 1), Path(sys.argv[1]))"
    )
    saved = []
    for name in ("a.keras", "b.keras"):
        path = {"PYTHONPATH": os.pathsep.join(sys.path)}
        command = [sys.executable, "-c", code, str(tmp_path / name)]
        subprocess.run(command, env=os.environ | path, check=True, capture_output=True)
        saved.append((tmp_path / name).read_bytes())
    assert saved[0] == saved[1]


def test_plain_keras_loads_the_model_and_predicts_the_same(tmp_path: Path) -> None:
    network = model.build(SMALL, 1)
    model.save(network, tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    images = digits(700).images
    expected = model.predictor(network)(images)
    assert np.allclose(loaded.predict(images, verbose=0), expected, atol=1e-6)
    assert np.array_equal(model.predictor(model.load(tmp_path / "model.keras"))(images), expected)


def test_a_truncated_model_is_refused(tmp_path: Path) -> None:
    model.save(model.build(SMALL, 1), tmp_path / "m.keras")
    (tmp_path / "m.keras").write_bytes((tmp_path / "m.keras").read_bytes()[:999])
    with pytest.raises(UserError, match=r"m\.keras: expected a Keras model, found"):
        model.load(tmp_path / "m.keras")


def test_the_fused_adam_is_keras_adam() -> None:
    start = np.linspace(-1, 1, 50, dtype=np.float32)
    ends = []
    for kind in (keras.optimizers.Adam, FusedAdam):
        variable = keras.Variable(start)
        optimizer = kind(0.01)
        for step in range(20):
            gradient = tf.sin(variable.value * (step + 1))
            optimizer.apply([gradient], [variable])
        ends.append(keras.ops.convert_to_numpy(variable))
    assert np.allclose(ends[0], ends[1], atol=1e-5)
    assert np.abs(ends[0] - start).max() > 0.05


def test_every_epoch_is_a_permutation_and_any_step_is_known_alone() -> None:
    rows = training.order(20, 0, 10, FEW)  # 80 positions: 4 epochs
    epochs = rows.reshape(4, 20)
    assert all(sorted(epoch) == list(range(20)) for epoch in epochs)
    assert len({tuple(epoch) for epoch in epochs}) == 4
    assert np.array_equal(training.order(20, 7, 3, FEW), rows[7:])


def test_a_batch_larger_than_the_set_is_refused() -> None:
    params = FEW.model_copy(update={"batch_size": 65})
    with pytest.raises(UserError, match=r"train\.batch_size: expected at most the 64 training"):
        training.fit(model.build(SMALL, 1), digits(64), digits(9), params)


def test_a_gpu_that_is_not_there_is_not_replaced_in_silence() -> None:
    with pytest.raises(UserError, match=r"train\.device: expected a GPU, found none"):
        training.fit(
            model.build(SMALL, 1), digits(9), digits(9), FEW.model_copy(update={"device": "gpu"})
        )


def test_a_loss_that_is_not_finite_stops_and_names_the_step() -> None:
    params = FEW.model_copy(update={"learning_rate": 1e38})
    with pytest.raises(UserError, match=r"the loss of step \d+ is (nan|inf); lower train.learning"):
        training.fit(model.build(SMALL, 1), digits(64), digits(9), params)

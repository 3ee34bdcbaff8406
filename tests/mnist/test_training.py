"""The loop: its order, its optimizer, the same bytes twice."""

import functools
import tempfile
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

import servers
import short_training
import small_model
from mnist.arrays import dataset, images, residence
from mnist.arrays.dataset import Examples
from mnist.errors import UserError
from mnist.network import model
from mnist.params.augment import AugmentParams
from mnist.params.model import ModelParams
from mnist.params.train import TrainParams
from mnist.training import forward, loop, trainer

SMALL = ModelParams(
    blocks=((4,), (4, 4)),
    kernel_size=3,
    padding="same",
    batch_norm=True,
    dense=(8,),
    dropout=0.5,
    initializer="tutorial",
)
FEW = TrainParams(
    steps=130,
    batch_size=8,
    shards=2,
    learning_rate=0.001,
    schedule="constant",
    betas=(0.9, 0.999),
    weight_decay=0,
    label_smoothing=0,
    average=0,
    precision="float32",
    validate_every=100,
    checkpoint_every=100,
    seed=3,
    reproducible="portable",
    device="cpu",
)

EVERYTHING = short_training.EVERYTHING | {"precision": "bfloat16"}
DIGITS = short_training.DIGITS
DISTORTION = AugmentParams.model_validate(short_training.DISTORTION)
AS_THEY_ARE = AugmentParams(rotation=0, shear=0, zoom=0, shift=0, flip=False)


def digits(count: int) -> Examples:
    generator = np.random.Generator(np.random.PCG64(0))
    labels = generator.integers(0, 10, count, np.uint8).astype(np.uint16)
    images = np.zeros((count, 28, 28, 1), np.uint8)
    for row, label in enumerate(labels):
        images[row, 2 * label : 2 * label + 5] = generator.integers(99, 256, (5, 28, 1))
    return Examples(images, labels, DIGITS)


def train(
    params: TrainParams, path: Path, distortion: AugmentParams = AS_THEY_ARE
) -> tuple[bytes, list[loop.Point]]:
    network = model.build(SMALL, DIGITS, params.seed)
    curve = loop.fit(network, digits(64), digits(16), params, distortion)
    model.save(model.Trained(network, DIGITS, 1.0), path)
    return path.read_bytes(), curve


@functools.cache
def trained(distortion: AugmentParams, **update: Any) -> tuple[bytes, list[loop.Point]]:
    """Train once for all tests that compare with it."""
    with tempfile.TemporaryDirectory() as folder:
        return train(FEW.model_copy(update=update), Path(folder) / "a.keras", distortion)


def test_the_same_inputs_train_the_same_bytes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first = train(FEW, tmp_path / "a.keras")
    assert first == trained(AS_THEY_ARE)
    assert [point.step for point in first[1]] == [0, 100, 130]
    assert "step 100, training accuracy " in capsys.readouterr().out


def test_another_seed_trains_other_bytes(tmp_path: Path) -> None:
    other = train(FEW.model_copy(update={"seed": 4}), tmp_path / "a.keras")
    assert other != trained(AS_THEY_ARE)


def test_with_every_feature_on_too(tmp_path: Path) -> None:
    first = trained(DISTORTION, **EVERYTHING)
    assert first == train(FEW.model_copy(update=EVERYTHING), tmp_path / "b.keras", DISTORTION)
    assert first[1][-1].train_loss < first[1][0].train_loss


def test_images_that_are_streamed_train_the_same_bytes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From their file, and no more than three steps of them at once."""
    params = FEW.model_copy(update=EVERYTHING)
    sets = []
    for count in (64, 16):
        dataset.save(digits(count), tmp_path / f"{count}.npz")
        sets.append(dataset.load(tmp_path / f"{count}.npz"))
    monkeypatch.setattr(images, "BLOCK", 3 * FEW.batch_size * 28 * 28)
    network = model.build(SMALL, DIGITS, params.seed)
    streamed, held_out = residence.bring(sets, 0)
    curve = loop.fit(network, streamed, held_out, params, DISTORTION)
    model.save(model.Trained(network, DIGITS, 1.0), tmp_path / "b.keras")
    assert ((tmp_path / "b.keras").read_bytes(), curve) == trained(DISTORTION, **EVERYTHING)


@pytest.mark.slow
@pytest.mark.parametrize("key", EVERYTHING)
def test_each_feature_changes_the_result(key: str, tmp_path: Path) -> None:
    params = FEW.model_copy(update=EVERYTHING)
    without = params.model_copy(update={key: getattr(FEW, key)})
    assert trained(DISTORTION, **EVERYTHING) != train(without, tmp_path / "b.keras", DISTORTION)


def test_without_padding_kernels_stay_inside_the_image() -> None:
    network = model.build(SMALL.model_copy(update={"padding": "valid"}), DIGITS, 1)
    sides = [layer.output.shape[1] for layer in network.layers if "conv" in layer.name]
    assert sides == [26, 11, 9]


def test_bfloat16_trains_and_saves_float32_weights(tmp_path: Path) -> None:
    losses = {}
    for precision in ("float32", "bfloat16"):
        network = model.build(SMALL.model_copy(update={"dropout": 0}), DIGITS, 3)
        params = FEW.model_copy(update={"precision": precision})
        built = trainer.build(network, digits(64), params, AS_THEY_ARE)
        losses[precision] = built.run_steps(0, loop.order(64, 0, 5, params))
        assert {variable.dtype for variable in built.variables[1:]} == {tf.float32, tf.int64}
        model.save(model.Trained(network, DIGITS, 1.0), tmp_path / "m.keras")
        assert {layer.compute_dtype for layer in model.load(tmp_path / "m.keras")[0].layers} == {
            "float32"
        }
    assert not np.array_equal(losses["float32"], losses["bfloat16"])
    assert np.allclose(losses["float32"], losses["bfloat16"], rtol=0.05)


def test_training_computes_what_keras_does() -> None:
    """Batch norm in one operation, whose variance has n - 1 below, and dropout set aside."""
    pixels = digits(64).images[:].astype(np.float32)
    ours, keras_s = (
        model.build(SMALL.model_copy(update={"dropout": 0}), DIGITS, 3) for _ in range(2)
    )
    passed = forward.run(ours, pixels, None, tf.reduce_sum)
    forward.move_moments(ours, [forward.back(ours, [passed], 64)])
    outputs = tf.nn.softmax(passed.way.logits).numpy()
    assert np.allclose(outputs, keras_s(pixels, training=True).numpy(), atol=1e-4)
    for mine, its in zip(ours.get_weights(), keras_s.get_weights(), strict=True):
        assert np.allclose(mine, its, rtol=1e-3, atol=1e-5)


def test_the_saved_weights_and_batch_statistics_are_the_mean_of_those_trained() -> None:
    network = model.build(SMALL, DIGITS, 3)
    params = FEW.model_copy(update={"average": 0.9})
    built = trainer.build(network, digits(64), params, AS_THEY_ARE)
    count = len(network.weights)
    expected = network.get_weights()
    for step in range(20):
        built.run_steps(step, loop.order(64, step, 1, params))
        decay = min(0.9, (1 + step) / (10 + step))
        expected = [
            decay * mean + (1 - decay) * weight.numpy()
            for mean, weight in zip(expected, built.variables[:count], strict=True)
        ]
    assert all(map(np.allclose, network.get_weights(), expected, [1e-4] * count, [1e-5] * count))
    assert not np.allclose(network.get_weights()[0], built.variables[0].numpy(), atol=1e-4)


def test_the_variables_are_the_whole_state() -> None:
    """Where they are put back, the steps that follow give the same bits."""
    params = FEW.model_copy(update=EVERYTHING)
    built = trainer.build(model.build(SMALL, DIGITS, 3), digits(64), params, AS_THEY_ARE)
    built.run_steps(0, loop.order(64, 0, 5, params))
    state = [variable.numpy() for variable in built.variables]
    losses = built.run_steps(5, loop.order(64, 5, 5, params))
    again = trainer.build(model.build(SMALL, DIGITS, 4), digits(64), params, AS_THEY_ARE)
    for variable, value in zip(again.variables, state, strict=True):
        variable.assign(value)
    assert np.array_equal(losses, again.run_steps(5, loop.order(64, 5, 5, params)))
    for ours, theirs in zip(again.variables, built.variables, strict=True):
        assert np.array_equal(ours.numpy(), theirs.numpy())


def test_another_process_saves_the_same_bytes(tmp_path: Path) -> None:
    """Keras writes addresses in memory into its config, which differ between two processes."""
    network = model.build(ModelParams(**servers.SMALL), DIGITS, seed=1)
    network.set_weights(model.load(small_model.PATH).network.get_weights())
    model.save(model.Trained(network, DIGITS, 1.0), tmp_path / "m.keras")
    assert (tmp_path / "m.keras").read_bytes() == small_model.PATH.read_bytes()


def test_plain_keras_loads_the_model_and_predicts_the_same(tmp_path: Path) -> None:
    network = model.build(SMALL, DIGITS, 1)
    model.save(model.Trained(network, DIGITS, 1.0), tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    images = digits(700).images
    expected = model.predictor(network)(images)
    assert np.allclose(loaded.predict(images, verbose=0), expected, atol=1e-6)
    assert np.array_equal(
        model.predictor(model.load(tmp_path / "model.keras")[0])(images), expected
    )


def test_every_epoch_is_a_permutation_and_any_step_is_known_alone() -> None:
    rows = loop.order(20, 0, 10, FEW)  # 80 positions: 4 epochs
    epochs = rows.reshape(4, 20)
    assert all(sorted(epoch) == list(range(20)) for epoch in epochs)
    assert len({tuple(epoch) for epoch in epochs}) == 4
    assert np.array_equal(loop.order(20, 7, 3, FEW), rows[7:])


@pytest.mark.fault(16)
def test_a_batch_larger_than_the_set_is_refused() -> None:
    params = FEW.model_copy(update={"batch_size": 65})
    with pytest.raises(UserError, match=r"train\.batch_size: expected at most the 64 training"):
        loop.fit(model.build(SMALL, DIGITS, 1), digits(64), digits(9), params, AS_THEY_ARE)


@pytest.mark.fault(33)
def test_a_gpu_that_is_not_there_is_not_replaced_in_silence() -> None:
    params = FEW.model_copy(update={"device": "gpu"})
    with pytest.raises(UserError, match=r"train\.device: expected a GPU, found none"):
        loop.fit(model.build(SMALL, DIGITS, 1), digits(9), digits(9), params, AS_THEY_ARE)


@pytest.mark.fault(32)
@pytest.mark.parametrize(("steps", "rate"), [(1, 1e300), (130, 1e38)])
def test_a_loss_that_is_not_finite_stops_and_names_the_step(steps: int, rate: float) -> None:
    params = FEW.model_copy(update={"learning_rate": rate, "steps": steps})
    with pytest.raises(UserError, match=r"the loss of step \d+ is (nan|inf); lower train.learning"):
        loop.fit(model.build(SMALL, DIGITS, 1), digits(64), digits(9), params, AS_THEY_ARE)

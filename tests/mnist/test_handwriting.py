"""A photo of an MNIST digit becomes that digit again; what shows none is refused in a line."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from scipy.special import softmax

from mnist.errors import UserError
from mnist.handwriting import digit
from mnist.source import idx
from mnist.source.bundled import (
    TEST_IMAGES,
    TEST_LABELS,
    TRAIN_IMAGES,
    TRAIN_LABELS,
    mnist_5k,
)
from mnist.task import Task
from rephotograph import rephotograph

SOURCE = Path(__file__).parents[2] / "src"
DIGITS = Task((28, 28, 1), tuple("0123456789"), "ink")
SOFTMAX: dict[str, Any] = {
    "blocks": (),
    "kernel_size": 5,
    "padding": "same",
    "batch_norm": False,
    "dense": (),
    "dropout": 0,
    "initializer": "glorot",
}
Digits = tuple[NDArray[np.uint8], NDArray[np.uint8]]  # images [N, 28, 28, 1], labels [N]


@pytest.fixture(scope="module")
def digits() -> dict[str, Digits]:
    files = mnist_5k()

    def pair(images: str, labels: str) -> Digits:
        pixels = idx.parse(files[images], dimensions=3, name=images)
        return pixels[..., np.newaxis], idx.parse(files[labels], dimensions=1, name=labels)

    return {
        "train": pair(TRAIN_IMAGES, TRAIN_LABELS),
        "test": pair(TEST_IMAGES, TEST_LABELS),
    }


def photographed(images: NDArray[np.uint8], folder: Path) -> NDArray[np.uint8]:
    found = []
    for number, image in enumerate(images):
        path = folder / f"{number}.{'png' if number % 2 else 'jpg'}"
        rephotograph(image, number).save(path)
        found.append(digit.look(path).pixels)
    return np.stack(found)


def nearest(train: Digits, images: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Label each image as the training digit with the most similar direction: one neighbour."""
    known, asked = (
        flat / np.linalg.norm(flat, axis=1, keepdims=True)
        for flat in (array.reshape(-1, 784).astype(np.float32) for array in (train[0], images))
    )
    return np.asarray(train[1][(asked @ known.T).argmax(axis=1)])


def test_a_hundred_photographed_digits_are_read_as_well_as_the_originals(
    digits: dict[str, Digits], tmp_path: Path
) -> None:
    images, labels = (array[::10] for array in digits["test"])
    photos = photographed(images, tmp_path)
    right = [(nearest(digits["train"], found) == labels).sum() for found in (images, photos)]
    assert right[0] >= 90
    assert right[1] >= right[0] - 3
    alike = [np.corrcoef(a.ravel(), b.ravel())[0, 1] for a, b in zip(images, photos, strict=True)]
    assert np.mean(alike) > 0.94


def test_the_digit_fills_a_box_of_20_around_its_centre_of_mass(
    digits: dict[str, Digits], tmp_path: Path
) -> None:
    for photo in photographed(digits["test"][0][::50], tmp_path):
        ink = photo[..., 0].astype(float)
        for axis in (0, 1):
            profile = ink.sum(axis)
            assert abs(profile @ np.arange(28) / profile.sum() - 14) <= 1
        assert max(np.ptp(np.flatnonzero(ink.any(axis))) + 1 for axis in (0, 1)) == 20


def test_images_of_mnist_itself_are_taken_as_they_are(
    digits: dict[str, Digits], tmp_path: Path
) -> None:
    for image in digits["test"][0][::4]:
        for name, pixels in (("light", image), ("dark", 255 - image)):
            Image.fromarray(pixels[..., 0]).save(tmp_path / f"{name}.png")
            assert np.array_equal(digit.look(tmp_path / f"{name}.png").pixels, image)


def test_28_x_28_pixels_that_are_not_prepared_are_prepared(
    digits: dict[str, Digits], tmp_path: Path
) -> None:
    image = digits["test"][0][105]
    small = Image.fromarray(255 - image[4:24, 4:24, 0]).resize((14, 14))
    for name, place in (("corner", (3, 3)), ("middle", (7, 7))):
        sheet = Image.new("L", (28, 28), 255)
        sheet.paste(small, place)
        sheet.save(tmp_path / f"{name}.png")
        found = digit.look(tmp_path / f"{name}.png").pixels
        assert np.corrcoef(found.ravel(), image.ravel())[0, 1] > 0.8


def test_colour_transparency_and_the_turn_of_a_camera_do_not_matter(tmp_path: Path) -> None:
    ink = np.zeros((90, 60), bool)
    ink[10:80, 25:35] = ink[10:20, 25:55] = True
    plain = Image.fromarray(np.where(ink, 0, 255).astype(np.uint8))
    plain.save(tmp_path / "plain.png")
    expected = digit.look(tmp_path / "plain.png").pixels
    alpha = np.zeros((90, 60, 4), np.uint8)
    alpha[ink] = (200, 0, 0, 255)
    Image.fromarray(alpha).save(tmp_path / "transparent.png")
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was turned: rotate by 270 degrees
    plain.transpose(Image.Transpose.ROTATE_90).save(tmp_path / "turned.png", exif=exif)
    for name in ("transparent.png", "turned.png"):
        assert np.array_equal(digit.look(tmp_path / name).pixels, expected), name


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"not an image", "x.png: expected an image, PNG or JPEG, found cannot identify"),
        (b"\x89PNG\r\n\x1a\n" + bytes(40), "x.png: expected an image, PNG or JPEG, found"),
        (b"", "x.png: expected an image, PNG or JPEG, found cannot identify"),
    ],
)
def test_what_is_no_image_is_refused(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "x.png").write_bytes(content)
    with pytest.raises(UserError, match=message):
        digit.look(tmp_path / "x.png")


def test_an_empty_image_a_folder_and_a_missing_one_are_refused(tmp_path: Path) -> None:
    noise = np.random.Generator(np.random.PCG64(0)).integers(240, 256, (50, 50), np.uint8)
    nothing = "expected a digit, found (an image of one|nothing that stands out)"
    for name, pixels in (("white", noise), ("black", 255 - noise)):
        Image.fromarray(pixels).save(tmp_path / f"{name}.png")
        with pytest.raises(UserError, match=rf"{name}\.png: {nothing}"):
            digit.look(tmp_path / f"{name}.png")
    with pytest.raises(UserError, match=r"none\.png: no such file"):
        digit.look(tmp_path / "none.png")
    with pytest.raises(UserError, match=r"expected an image, PNG or JPEG, found .* directory"):
        digit.look(tmp_path)


def predict(folder: Path, *files: str) -> subprocess.CompletedProcess[str]:
    env = os.environ | {"PYTHONPATH": str(SOURCE), "PYTHONDONTWRITEBYTECODE": "1"}
    argv = [sys.executable, "-m", "mnist.predict", *files]
    return subprocess.run(argv, cwd=folder, env=env, check=False, capture_output=True, text=True)


@pytest.mark.slow
def test_the_command_prints_a_digit_and_how_sure_it_is(
    digits: dict[str, Digits], tmp_path: Path
) -> None:
    scores = save_least_squares(digits["train"], tmp_path / "models")
    for number in (105, 505, 720):
        rephotograph(digits["test"][0][number], number).save(tmp_path / f"{number}.png")
    odds = softmax(scores(digits["test"][0]), axis=1).max(axis=1)
    Image.fromarray(digits["test"][0][odds.argmin(), ..., 0]).save(tmp_path / "odd.png")
    Image.new("L", (90, 90), 250).save(tmp_path / "blank.png")
    done = predict(tmp_path, "blank.png", "105.png", "505.png", "720.png", "odd.png")
    blank, *lines, odd = done.stdout.splitlines()
    assert blank == "blank.png: unsure: expected a digit, found an image of one shade"
    assert [line.split(" (")[0] for line in lines] == ["105.png: 1", "505.png: 5", "720.png: 7"]
    others = r"%\); then \d \(\d+\.\d%\), \d \(\d+\.\d%\)$"
    assert all(re.search(others, line) for line in lines)
    assert re.match(r"odd\.png: \d \([1-4]\d\.\d%, unsure: all others together are lik", odd)
    told, none = json.loads(predict(tmp_path, "--json", "505.png", "blank.png").stdout)
    assert (none["file"], none["sure"], none["classes"]) == ("blank.png", False, [])
    assert none["why"] == "expected a digit, found an image of one shade"
    assert (told["file"], told["sure"], told["classes"][0]["class"]) == ("505.png", True, "5")
    assert sum(one["probability"] for one in told["classes"]) == pytest.approx(1, abs=1e-5)


def save_least_squares(
    train: Digits, folder: Path
) -> Callable[[NDArray[np.uint8]], NDArray[np.float32]]:
    """Save a network that is least squares on the bundled digits; return what it computes."""
    from mnist.network import model  # noqa: PLC0415  # seconds
    from mnist.params.model import ModelParams  # noqa: PLC0415

    images, labels = train
    pixels = images.reshape(-1, 784).astype(np.float32)
    ridge = pixels.T @ pixels + 1e6 * np.eye(784, dtype=np.float32)
    weights = 20 * np.linalg.solve(ridge, pixels.T @ np.eye(10, dtype=np.float32)[labels])
    network = model.build(ModelParams(**SOFTMAX), DIGITS, seed=0)
    network.get_layer("logits").set_weights([255 * weights, np.zeros(10)])
    folder.mkdir()
    model.save(model.Trained(network, DIGITS, 1.0), folder / "model.keras")
    return lambda asked: asked.reshape(-1, 784).astype(np.float32) @ weights


def test_the_command_refuses_in_one_line_and_prints_no_digit(tmp_path: Path) -> None:
    (tmp_path / "x.png").write_text("no image")
    done = predict(tmp_path, "x.png")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("x.png: expected an image, PNG or JPEG, found cannot identify")
    assert len(done.stderr.splitlines()) == 1


def test_what_the_terminal_cannot_say_becomes_a_question_mark(tmp_path: Path) -> None:
    env = os.environ | {"PYTHONPATH": str(SOURCE), "PYTHONIOENCODING": "latin-1"}
    argv = [sys.executable, "-m", "mnist.predict", "nothing-é-→.png"]
    done = subprocess.run(argv, cwd=tmp_path, env=env, check=False, capture_output=True)
    assert (done.returncode, done.stdout) == (2, b"")
    assert done.stderr == "nothing-é-?.png: no such file\n".encode("latin-1")

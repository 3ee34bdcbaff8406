"""A prepared image that was scaled up is read as the prepared one; a drawing is not one of them."""

import io
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from mnist.handwriting import digit, prepared
from mnist.source import bundled, idx

FILTERS = [Image.Resampling[name] for name in ("NEAREST", "BILINEAR", "BICUBIC", "LANCZOS")]


@pytest.fixture(scope="module")
def images() -> NDArray[np.uint8]:  # [50, 28, 28]
    files = bundled.mnist_5k()
    return idx.parse(files[bundled.TEST_IMAGES], dimensions=3, name="x")[::20]


@pytest.mark.fault(151)
@pytest.mark.parametrize("side", [56, 100, 140, 280, 1120])
@pytest.mark.parametrize("name", FILTERS)
def test_a_prepared_image_that_was_scaled_up_has_its_own_pixels_again(
    side: int, name: Image.Resampling, images: NDArray[np.uint8], tmp_path: Path
) -> None:
    for number, image in enumerate(images[:: 2 if side == 140 else 10]):
        large = Image.fromarray(255 - image if number % 2 else image).resize((side, side), name)
        large.save(tmp_path / "x.png")
        found = digit.look(tmp_path / "x.png").pixels[..., 0]
        assert np.corrcoef(found.ravel(), image.ravel())[0, 1] > 0.99


@pytest.mark.fault(151)
def test_a_jpeg_of_a_prepared_image_that_was_scaled_up_is_recognised(
    images: NDArray[np.uint8],
) -> None:
    for image in images[::5]:
        file = io.BytesIO()
        Image.fromarray(image).resize((140, 140)).save(file, "jpeg", quality=75)
        colours = np.repeat(np.asarray(Image.open(file), np.float32)[..., np.newaxis], 3, axis=2)
        found = prepared.find(colours)
        assert found is not None
        assert np.abs(found.astype(float) - image).mean() < 4


@pytest.mark.parametrize("side", [140, 280])
def test_a_drawing_in_the_same_place_is_not_taken_for_a_prepared_image(
    side: int, images: NDArray[np.uint8]
) -> None:
    for image in images:
        smooth = Image.fromarray(image).resize((side, side), Image.Resampling.LANCZOS)
        drawn = np.where(np.asarray(smooth) > 110, 255, 0).astype(np.float32)
        assert prepared.find(np.repeat(drawn[..., np.newaxis], 3, axis=2)) is None

"""A picture whose corners were filled by a rotation is read as if there were paper in them."""

import io
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageDraw

import photographs
from mnist.handwriting import corners, digit
from mnist.source import bundled, idx
from sheets import Random

Resampling = Image.Resampling
KINDS = ("plain", "noise", "gradient", "lined", "shadowed", "faint", "inverted", "squeezed")


@pytest.fixture(scope="module")
def images() -> NDArray[np.uint8]:
    files = bundled.mnist_5k()
    return idx.parse(files[bundled.TEST_IMAGES], dimensions=3, name="x")[::50, ..., np.newaxis]


def photographed(kind: str, image: NDArray[np.uint8], random: Random) -> Image.Image:
    content = photographs.KINDS[kind](image, random, 0.5)
    return Image.open(io.BytesIO(content)).convert("RGB")


def prepared(picture: Image.Image, path: Path) -> NDArray[np.uint8]:
    picture.save(path)
    return digit.look(path).pixels


@pytest.mark.fault(153)
@pytest.mark.parametrize("filling", ["white", "black", "rgb(128, 128, 128)"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_rotated_photograph_is_read_whatever_fills_its_corners(
    kind: str, filling: str, images: NDArray[np.uint8], tmp_path: Path
) -> None:
    random = np.random.Generator(np.random.PCG64(7))
    for number in range(1 + (kind == "shadowed")):
        photo = photographed(kind, images[5 * number + 3], random)
        angle, expand = random.uniform(4, 12) * (-1) ** number, number == 1 or kind == "faint"
        turned = photo.rotate(angle, Resampling.BICUBIC, expand=expand, fillcolor=filling)
        around = np.pad(np.asarray(photo), ((150, 150), (150, 150), (0, 0)), mode="edge")
        on_paper = Image.fromarray(around).rotate(angle, Resampling.BICUBIC)
        cropped = on_paper.crop((150, 150, 150 + photo.width, 150 + photo.height))
        expected = prepared(cropped, tmp_path / "expected.png")
        found = prepared(turned, tmp_path / "x.png")
        assert np.corrcoef(found.ravel(), expected.ravel())[0, 1] > 0.8


@pytest.mark.fault(153)
@pytest.mark.parametrize(("paper", "pen"), [("white", "black"), ("black", "white")])
@pytest.mark.parametrize("angle", [-45, -10, 5, 20])
def test_a_rotated_drawing_has_paper_in_its_corners(paper: str, pen: str, angle: int) -> None:
    drawing = Image.new("RGB", (200, 200), paper)
    ImageDraw.Draw(drawing).line([(70, 60), (120, 60), (90, 140)], pen, 14)
    turned = drawing.rotate(angle, Resampling.BILINEAR, expand=True, fillcolor=pen)
    expected = drawing.rotate(angle, Resampling.BILINEAR, expand=True, fillcolor=paper)
    found = corners.fill(np.asarray(turned, np.float32))
    assert np.abs(found - np.asarray(expected)).max() < 1


def test_the_corners_of_other_pictures_stay_as_they_are(images: NDArray[np.uint8]) -> None:
    random = np.random.Generator(np.random.PCG64(8))
    for number, kind in enumerate(photographs.KINDS):
        colours = np.asarray(photographed(kind, images[number], random), np.float32)
        assert np.array_equal(corners.fill(colours), colours), kind


@pytest.mark.parametrize("width", [10, 40, 60])
@pytest.mark.parametrize("shape", ["ellipse", "rectangle"])
@pytest.mark.parametrize("margin", [0, 20])
def test_a_zero_that_fills_the_sheet_is_no_rotated_photograph(
    shape: str, margin: int, width: int
) -> None:
    drawing = Image.new("RGB", (200, 200), "white")
    box = (margin, margin, 199 - margin, 199 - margin)
    getattr(ImageDraw.Draw(drawing), shape)(box, outline="black", width=width)
    colours = np.asarray(drawing, np.float32)
    assert np.array_equal(corners.fill(colours), colours)

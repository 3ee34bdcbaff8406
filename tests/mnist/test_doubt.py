"""What lies beside a digit is told; a blank, several digits and bare ruled paper are no digit."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

import doubtful
import no_digits
import photographs
from mnist import predict
from mnist.errors import UserError
from mnist.handwriting import digit
from mnist.source import bundled, idx
from mnist.task import Task
from sheets import Kind

SEED = 31_007
DIGITS = Task((28, 28, 1), tuple("0123456789"), "ink")


@pytest.fixture(scope="module")
def images() -> NDArray[np.uint8]:
    files = bundled.mnist_5k()
    return idx.parse(files[bundled.TEST_IMAGES], dimensions=3, name="x")[..., np.newaxis]


def doubts(kind: Kind, images: NDArray[np.uint8], count: int, folder: Path) -> Iterator[str]:
    """Yield what is said against each of some photos; empty where nothing is."""
    random = np.random.Generator(np.random.PCG64(SEED))
    for number in range(count):
        content = kind(images[random.integers(len(images))], random, (number + 0.5) / count)
        (folder / "x.img").write_bytes(content)
        try:
            yield digit.look(folder / "x.img").doubt
        except UserError as error:
            yield str(error)


@pytest.mark.fault(60)
@pytest.mark.parametrize("kind", doubtful.KINDS)
def test_a_digit_with_something_beside_it_is_doubted(
    kind: str, images: NDArray[np.uint8], tmp_path: Path
) -> None:
    found = list(doubts(doubtful.KINDS[kind], images, 10, tmp_path))
    assert sum(bool(said) for said in found) >= 9, list(found)
    assert any(said.endswith("as much ink lies beside it") for said in found)


@pytest.mark.fault(59)
def test_a_digit_alone_is_not_doubted(images: NDArray[np.uint8], tmp_path: Path) -> None:
    found = [
        said for kind in photographs.KINDS.values() for said in doubts(kind, images, 2, tmp_path)
    ]
    assert len(found) == 40
    assert sum(bool(said) for said in found) <= 1, found


def test_a_picture_that_is_no_digit_has_a_reason_and_no_class(
    images: NDArray[np.uint8], tmp_path: Path
) -> None:
    random = np.random.Generator(np.random.PCG64(SEED))
    (tmp_path / "x.png").write_bytes(no_digits.two(images[720], random, 0))
    why = "expected one digit, found 2 shapes; crop to one digit"
    assert predict._seen(tmp_path / "x.png", DIGITS) == why
    assert predict.unsure(why) == {"sure": False, "why": why, "classes": []}


def test_of_other_pictures_the_probability_alone_is_asked(tmp_path: Path) -> None:
    (tmp_path / "x.png").write_bytes(
        no_digits.blank(np.zeros((28, 28, 1), np.uint8), np.random.default_rng(1), 0)
    )
    own = Task((16, 16, 3), ("cat", "dog", "newt"), "pad")
    assert predict.look(tmp_path / "x.png", own).doubt == ""
    told = predict.likeliest(np.array([0.3, 0.45, 0.25], np.float32), own)
    assert (told["sure"], told["why"]) == (False, "all others together are likelier")
    told = predict.likeliest(np.array([0.2, 0.55, 0.25], np.float32), own)
    assert (told["sure"], told["why"], told["classes"][0]["class"]) == (True, "", "dog")

"""Distortions: each does what its name says, and the same for the same seed."""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from mnist.params.augment import AugmentParams
from mnist.training.augment import distort, draw

NONE = AugmentParams(rotation=0, shear=0, zoom=0, shift=0, flip=False)
SEED = [1, 2]


def distorted(images: NDArray[np.float32], seed: list[int], **changes: Any) -> NDArray[np.float32]:
    params = NONE.model_copy(update=changes)
    found: NDArray[np.float32] = np.asarray(
        distort(images, draw(len(images), (28, 28), seed, params))
    )
    return found


def bars(count: int) -> NDArray[np.float32]:
    """Draw a vertical bar, 2 pixels wide and 20 high, in the middle."""
    images = np.zeros((count, 28, 28, 1), np.float32)
    images[:, 4:24, 13:15] = 1
    return images


def centre(images: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the centre of mass of each image, (x, y), [N, 2]."""
    place = np.arange(28, dtype=np.float32)
    mass = images[..., 0]
    both = [(mass.sum(axis) * place).sum(1) / mass.sum((1, 2)) for axis in (1, 2)]
    return np.stack(both, axis=1)


def test_nothing_asked_for_is_nothing_done() -> None:
    images = bars(3)
    assert distort(images, draw(len(images), (28, 28), SEED, NONE)) is images


def test_the_same_seed_distorts_alike_and_each_image_its_own_way() -> None:
    images, changes = bars(4), {"rotation": 10, "shear": 5, "zoom": 0.1, "shift": 2}
    first = distorted(images, SEED, **changes)
    assert np.array_equal(first, distorted(images, SEED, **changes))
    other = distorted(images, [1, 3], **changes)
    assert not np.allclose(first, other)
    assert not np.allclose(first[0], first[1])


def test_a_shift_moves_up_to_so_many_pixels_on_each_axis() -> None:
    moved = centre(distorted(bars(200), SEED, shift=3)) - 13.5
    assert np.abs(moved).max() <= 3.001
    assert (np.abs(moved).max(axis=0) > 2.5).all()


@pytest.mark.parametrize(("change", "width"), [({"rotation": 10}, 10), ({"shear": 10}, 10)])
def test_a_rotation_and_a_shear_tilt_the_bar_about_its_middle(
    change: dict[str, float], width: float
) -> None:
    tilted = distorted(bars(200), SEED, **change)
    assert np.abs(centre(tilted) - 13.5).max() < 0.1
    top, bottom = tilted.copy(), tilted.copy()
    top[:, 10:] = bottom[:, :18] = 0
    (run, rise) = (centre(bottom) - centre(top)).T
    slopes = np.degrees(np.arctan(run / rise))
    assert 0.85 * width < np.abs(slopes).max() < 1.1 * width
    assert abs(slopes.mean()) < 0.15 * width


def test_a_zoom_changes_the_area_within_its_share() -> None:
    areas = distorted(bars(200), SEED, zoom=0.2).sum((1, 2, 3)) / 40
    assert 0.9 / 1.2**2 < areas.min() < 0.85
    assert 1.15 < areas.max() < 1.1 / 0.8**2


def test_a_flip_mirrors_half_of_the_images() -> None:
    images = bars(400)
    images[:, 4:6, 15:20] = 1  # an arm to the right
    mirrored = distorted(images, SEED, flip=True)
    unchanged = np.isclose(mirrored, images, atol=1e-4).all((1, 2, 3))
    assert np.isclose(mirrored[~unchanged], images[~unchanged][:, :, ::-1], atol=1e-4).all()
    assert 0.4 < unchanged.mean() < 0.6

"""Kinds of photos of one digit with something else on the sheet, too small to be another digit."""

import numpy as np
from numpy.typing import NDArray
from PIL import ImageDraw, ImageFont
from scipy import ndimage

from sheets import HEIGHT, WIDTH, Kind, Random, file, grain, photograph, picture, write

Digit = NDArray[np.uint8]  # [28, 28, 1]


def small_print(digit: Digit, random: Random, strength: float) -> bytes:
    """Write on a sheet with a line in small letters at the end where the digit is not."""
    ink = write(digit, random, low=112, high=160)
    upper = ink[: HEIGHT // 2].sum() > ink[HEIGHT // 2 :].sum()
    image = picture(photograph(ink))
    font = ImageFont.load_default(int(12 + 4 * strength))
    place = 20, HEIGHT - 30 if upper else 10
    ImageDraw.Draw(image).text(place, "Name, Vorname, Datum, Seite, Note", fill=60, font=font)
    return file(picture(grain(np.asarray(image, float), random)))


def crumbs(digit: Digit, random: Random, strength: float) -> bytes:
    """Scan with crumbs on the glass."""
    points = np.zeros((HEIGHT, WIDTH))
    for _ in range(int(30 + 20 * strength)):
        points[random.integers(10, HEIGHT - 10), random.integers(10, WIDTH - 10)] = 1
    dark = np.clip(16 * ndimage.gaussian_filter(points, 1.5), 0, 1)
    return file(picture(grain(photograph(np.maximum(write(digit, random), dark)), random)))


KINDS: dict[str, Kind] = {kind.__name__: kind for kind in (small_print, crumbs)}

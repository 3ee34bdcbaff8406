"""MNIST's digits on sheets of paper as people photograph and save them: kind -> a file.

`strength` runs from 0 (hardly to be seen) to 1 (as bad as it gets), and drives what a kind varies.
"""

import io
import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Grey = NDArray[np.float64]  # [HEIGHT, WIDTH], paper and pen: 0 to 255; ink and light: 0 to 1
Random = np.random.Generator
Kind = Callable[[NDArray[np.uint8], Random, float], bytes]

WIDTH, HEIGHT = 400, 300  # pixels
PAPER, PEN = 230, 40
LINES = 28  # pixels between two


def write(digit: NDArray[np.uint8], random: Random, *, low: int = 112, high: int = 224) -> Grey:
    """Write a digit `[28, 28, 1]`, its field enlarged to `low` to `high` pixels, somewhere."""
    side = int(random.integers(low, high))
    large = Image.fromarray(digit[..., 0]).resize((side, side), Image.Resampling.BICUBIC)
    top, left = random.integers(0, HEIGHT - side), random.integers(0, WIDTH - side)
    rest = (top, HEIGHT - side - top), (left, WIDTH - side - left)
    return np.pad(np.asarray(large, float) / 255, rest)


def across(random: Random) -> Grey:
    """Return 0 to 1 from one side of the sheet to another, in any direction."""
    angle = random.uniform(0, 2 * math.pi)
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    way = rows * math.sin(angle) + columns * math.cos(angle)
    return np.asarray((way - way.min()) / np.ptp(way))


def lamp(random: Random, strength: float) -> Grey:
    """Return light that falls from full to 80 %, or to 45 %."""
    return 1 - (0.2 + 0.35 * strength) * across(random)


def shadow(random: Random, strength: float) -> Grey:
    """Return light that ends at an edge, sharp or soft, and is 30 to 55 % less behind it."""
    edge, soft = random.uniform(0.25, 0.75), random.uniform(0.002, 0.03)
    return 1 - (0.3 + 0.25 * strength) / (1 + np.exp((edge - across(random)) / soft))


def ruled(random: Random, strength: float, *, squared: bool = False) -> Grey:
    """Return lines every 28 pixels, 20 to 36 % darker, askew by up to 3 degrees."""
    slope = math.tan(math.radians(3 * strength * random.choice([-1, 1])))
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    phase, width = random.uniform(0, LINES), random.uniform(1, 2.5)
    light = np.ones((HEIGHT, WIDTH))
    for way in [rows + slope * columns, columns - slope * rows][: 1 + squared]:
        off = np.abs((way + phase) % LINES - LINES / 2)
        light -= (0.2 + 0.16 * strength) * np.clip(width / 2 + 0.5 - off, 0, 1)
    return np.clip(light, 0.6, 1)


def photograph(
    ink: Grey, light: Grey | float = 1, *, paper: float = PAPER, pen: float = PEN
) -> Grey:
    """Return grey values: paper and pen under a light."""
    return (paper + ink * (pen - paper)) * light


def grain(grey: Grey, random: Random, spread: float = 3) -> Grey:
    """Add a camera's noise."""
    return grey + random.normal(0, spread, grey.shape)


def picture(values: Grey) -> Image.Image:
    """Round to 8 bits: `[H, W]` grey, `[H, W, 3]` colours, `[H, W, 4]` with transparency."""
    return Image.fromarray(np.clip(np.rint(values), 0, 255).astype(np.uint8))


def file(image: Image.Image, form: str = "png", **options: Any) -> bytes:
    """Return what lies on the disk once it is saved."""
    content = io.BytesIO()
    image.save(content, form, **options)
    return content.getvalue()

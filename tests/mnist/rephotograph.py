"""Digits as a camera sees them: enlarged, shifted, on paper or a blackboard, with noise."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image


def rephotograph(digit: NDArray[np.uint8], seed: int) -> Image.Image:
    """Return a grey image of 150 to 500 pixels of an MNIST digit `[28, 28, 1]`."""
    random = np.random.Generator(np.random.PCG64(seed))
    side = int(random.integers(4, 12)) * 28
    large = Image.fromarray(digit[..., 0]).resize((side, side), Image.Resampling.BICUBIC)
    pad = random.integers(0, 60, 4)
    ink = np.pad(np.asarray(large, float) / 255, (tuple(pad[:2]), tuple(pad[2:])))
    paper, pen = [(230, 40), (250, 0), (20, 220), (180, 90)][seed % 4]
    photo = paper + ink * (pen - paper) + random.normal(0, 3, ink.shape)
    return Image.fromarray(np.clip(photo, 0, 255).astype(np.uint8))

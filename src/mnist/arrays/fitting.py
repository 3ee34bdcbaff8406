"""An image of any shape -> one of the shape that a network sees."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

SHARPEST = Image.Resampling.LANCZOS  # looks at every source pixel; integers: the same everywhere
MODES = {1: "L", 3: "RGB"}
Shape = tuple[int, int, int]  # height, width, channels


def all_of(images: NDArray[np.uint8], shape: Shape, fit: str) -> NDArray[np.uint8]:
    """Fit images `[N, H, W, C]` of one shape; those that are right already are not touched."""
    if images.shape[1:] == shape:
        return images
    fitted = np.empty((len(images), *shape), np.uint8)
    for image, place in zip(images, fitted, strict=True):
        pixels = image[..., 0] if image.shape[-1] == 1 else image
        place[:] = one(Image.fromarray(pixels), shape, fit)
    return fitted


def one(image: Image.Image, shape: Shape, fit: str) -> NDArray[np.uint8]:  # [H, W, C]
    """Fit one image: `stretch`ed, `crop`ped about its middle, or `pad`ded with black."""
    height, width, channels = shape
    image = image.convert(MODES[channels])
    if fit == "stretch":
        image = image.resize((width, height), SHARPEST)
    elif fit == "crop":
        image = ImageOps.fit(image, (width, height), SHARPEST)
    else:
        image = ImageOps.pad(image, (width, height), SHARPEST)
    return np.asarray(image).reshape(shape)

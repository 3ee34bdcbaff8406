"""An image of any shape -> one of `preprocess.size` and `preprocess.colour`."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from mnist.params.preprocess import PreprocessParams

SHARPEST = Image.Resampling.LANCZOS  # looks at every source pixel; integers: the same everywhere
MODES = {"grey": "L", "rgb": "RGB"}


def all_of(images: NDArray[np.uint8], params: PreprocessParams) -> NDArray[np.uint8]:
    """Fit images `[N, H, W, C]` of one shape; those that are right already are not touched."""
    if images.shape[1:] == params.shape:
        return images
    modes = {1: "L", 3: "RGB"}
    fitted = np.empty((len(images), *params.shape), np.uint8)
    for image, place in zip(images, fitted, strict=True):
        pixels = image[..., 0] if image.shape[-1] == 1 else image
        place[:] = one(Image.fromarray(pixels, modes[image.shape[-1]]), params)
    return fitted


def one(image: Image.Image, params: PreprocessParams) -> NDArray[np.uint8]:  # [H, W, C]
    """Fit one image: stretched, or cropped about its middle, or padded with black."""
    height, width = params.size
    image = image.convert(MODES[params.colour])
    if params.fit == "stretch":
        image = image.resize((width, height), SHARPEST)
    elif params.fit == "crop":
        image = ImageOps.fit(image, (width, height), SHARPEST)
    else:
        image = ImageOps.pad(image, (width, height), SHARPEST)
    return np.asarray(image).reshape(params.shape)

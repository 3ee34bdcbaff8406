"""Resize images of any shape to the shape that the network sees."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

FILTER = Image.Resampling.LANCZOS  # reads every source pixel; in integers, so the same everywhere
MODES = {1: "L", 3: "RGB"}
Shape = tuple[int, int, int]  # height, width, channels


def resize_all(images: NDArray[np.uint8], shape: Shape, fit: str) -> NDArray[np.uint8]:
    """Resize images `[N, H, W, C]` of one shape; return them as they are if they have `shape`."""
    if images.shape[1:] == shape:
        return images
    resized = np.empty((len(images), *shape), np.uint8)
    for image, target in zip(images, resized, strict=True):
        pixels = image[..., 0] if image.shape[-1] == 1 else image
        target[:] = resize(Image.fromarray(pixels), shape, fit)
    return resized


def resize(image: Image.Image, shape: Shape, fit: str) -> NDArray[np.uint8]:  # [H, W, C]
    """Resize one image by `fit`: `stretch`, `crop` around the centre, or `pad` with black."""
    height, width, channels = shape
    image = image.convert(MODES[channels])
    if fit == "stretch":
        image = image.resize((width, height), FILTER)
    elif fit == "crop":
        image = ImageOps.fit(image, (width, height), FILTER)
    else:
        image = ImageOps.pad(image, (width, height), FILTER)
    return np.asarray(image).reshape(shape)

"""Decode JPEGs of many kinds and fit them, as `preprocess` does; print a digest of each.

`python jpegs.py` on one processor and on another tells whether the bytes are the same.
"""

import hashlib
import io
import json
from typing import Any

import numpy as np
from PIL import Image

from mnist.arrays import resizing
from mnist.source import photo

FORMS: dict[str, tuple[str, dict[str, Any]]] = {
    "baseline": ("RGB", {"quality": 90, "subsampling": 0}),
    "progressive": ("RGB", {"quality": 90, "progressive": True}),
    "4:2:2": ("RGB", {"quality": 60, "subsampling": 1}),
    "4:2:0": ("RGB", {"quality": 60, "subsampling": 2}),
    "4:2:0 progressive": ("RGB", {"quality": 60, "subsampling": 2, "progressive": True}),
    "restarts": ("RGB", {"quality": 80, "restart_marker_blocks": 3}),
    "coarse": ("RGB", {"quality": 8}),
    "grey": ("L", {"quality": 85}),
    "CMYK": ("CMYK", {"quality": 85}),
    "turned": ("RGB", {"quality": 85, "subsampling": 2}),
}
SMALL, LARGE = (61, 47), (1300, 901)  # the larger one is decoded as reduced
KINDS = [(form, SMALL) for form in FORMS]
KINDS += [(form, LARGE) for form in ("progressive", "4:2:0", "turned")]
FITS = (((32, 32, 3), "pad"), ((28, 28, 1), "stretch"))


def drawn(size: tuple[int, int], mode: str) -> Image.Image:
    """Draw waves of all lengths, an edge and grain, in whole numbers: the same everywhere."""
    width, height = size
    rows, columns = np.mgrid[:height, :width]
    random = np.random.Generator(np.random.PCG64(width))
    waves = [np.abs(columns * rows // (1 + band) % 360 - 180) for band in range(3)]
    pixels = 40 + np.dstack(waves) + random.integers(-9, 10, (height, width, 3))
    pixels[rows > columns] //= 2
    return Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8)).convert(mode)


def packed(form: str, size: tuple[int, int]) -> bytes:
    """Return a JPEG."""
    mode, options = FORMS[form]
    exif = Image.Exif()
    if form == "turned":
        exif[0x0112] = 6
    file = io.BytesIO()
    drawn(size, mode).save(file, "jpeg", exif=exif, **options)
    return file.getvalue()


def digests() -> dict[str, str]:
    """Return form and size -> a digest of the file, of all its pixels, and of them fitted."""
    found = {}
    for form, size in KINDS:
        content = packed(form, size)
        image = photo.decode(io.BytesIO(content), form, least=1)
        parts = [content, np.asarray(image).tobytes()]
        parts += [resizing.resize(image, shape, fit).tobytes() for shape, fit in FITS]
        found[f"{form} {size}"] = " ".join(hashlib.sha256(part).hexdigest()[:16] for part in parts)
    return found


if __name__ == "__main__":
    print(json.dumps(digests()))

"""A file that somebody took for a picture -> its colours, or one line that says what it is."""

import logging
import os
import struct
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from threading import Lock
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from mnist.errors import UserError

# no EPS, which Pillow hands to a program; a JPEG may be an MPO, a phone's, with a preview behind
FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF", "PPM")
LEAST_SIDE = 8  # pixels
MOST_PIXELS = 80_000_000  # of a picture before it is decoded: 4 bytes each
WORKING_SIDE = 640  # pixels: a longer side is reduced to it; a digit needs a twentieth of that
SIGNATURES = {  # where, what lies there, what it is
    (0, b"%PDF"): "a PDF; save its page as PNG",
    (0, b"<svg"): "an SVG drawing; save it as PNG",
    (0, b"%!PS"): "PostScript; save its page as PNG",
    (4, b"ftyphei"): "HEIC; save it as JPEG",
    (4, b"ftypmif1"): "HEIC; save it as JPEG",
    (4, b"ftypavif"): "AVIF; save it as JPEG",
}
_TOO_LARGE = f"expected at most {MOST_PIXELS // 10**6} megapixels"
BROKEN = (
    *(OSError, ValueError, SyntaxError, struct.error, EOFError, OverflowError, MemoryError),
    *(IndexError, KeyError, TypeError, AttributeError),
)  # what Pillow's readers raise for files that are cut or changed


def read(path: Path) -> NDArray[np.float32]:  # [H, W, 3], 0: black, 255: white
    """Read one picture, upright, on white where it is transparent, reduced to a working size.

    Raises UserError for what is no picture, and before decoding for one that is too large.
    """
    pixels = np.asarray(open_file(path), np.float32)
    return pixels if pixels.ndim == 3 else np.repeat(pixels[..., np.newaxis], 3, axis=2)


def open_file(path: Path) -> Image.Image:
    """Decode the picture in a file: RGB, or grey as floats. Raises UserError as `read` does."""
    require_file(path)
    with silent():
        return decode(path, str(path))


def decode(file: Path | BinaryIO, name: str, *, least: int = LEAST_SIDE) -> Image.Image:
    """Decode as `read` does, what lies in a file or an archive: colours, or grey as floats.

    Raises UserError, which starts with `name`; `least`: pixels of its shorter side. For threads,
    inside of one `silent`.
    """
    try:
        Image.init()  # all formats, else it knows five
        with Image.open(file, formats=FORMATS) as image:
            _check(name, image, least)
            image.draft(None, (WORKING_SIDE, WORKING_SIDE))  # a JPEG is decoded as reduced
            with _quiet() if image.format == "TIFF" else nullcontext():
                image.load()
            return _colours(ImageOps.exif_transpose(image))
    except Image.DecompressionBombError:  # of more than twice Pillow's limit
        raise UserError(f"{name}: {_TOO_LARGE}, found more; save it smaller") from None
    except BROKEN as error:
        reason = _kind(file) or " ".join(str(error).split())[:200] or type(error).__name__
        raise UserError(f"{name}: expected an image, PNG or JPEG, found {reason}") from None


def entries(folder: Path) -> list[Path]:
    """List what is in a folder, by the bytes of its names, without what systems leave there."""
    paths = (path for path in folder.iterdir() if not path.name.startswith("."))
    return sorted(
        (path for path in paths if path.name not in {"Thumbs.db", "desktop.ini", "__MACOSX"}),
        key=lambda path: os.fsencode(path.name),
    )


def require_file(path: Path) -> None:
    """Refuse what cannot be opened, or would be waited for: a pipe, a device."""
    try:
        there = path.exists()
    except OSError as error:  # a name that is too long, say
        raise UserError(f"{path}: expected an image, PNG or JPEG, found {error}") from None
    if not there and path.is_symlink():
        raise UserError(f"{path}: expected an image, PNG or JPEG, found a broken link")
    if not there:
        raise UserError(f"{path}: no such file")
    if not path.is_file():
        found = "a directory" if path.is_dir() else "a pipe or a device"
        raise UserError(f"{path}: expected an image, PNG or JPEG, found {found}")


def _check(name: str, image: Image.Image, least: int) -> None:
    """Look at what the header tells, before anything is decoded."""
    width, height = image.size
    if min(image.size) < least:
        raise UserError(
            f"{name}: expected {least} x {least} pixels or more, found {width} x {height}"
        )
    if width * height > MOST_PIXELS:
        raise UserError(f"{name}: {_TOO_LARGE}, found {width} x {height} pixels; save it smaller")
    if image.format != "MPO" and getattr(image, "is_animated", False):
        raise UserError(f"{name}: expected one picture, found several in one file; save one")


def _colours(image: Image.Image) -> Image.Image:
    if image.mode.startswith(("I", "F")):
        return _deep(image)
    if image.has_transparency_data:
        image = _on_paper(_reduce(image.convert("RGBA")))
    return _reduce(image.convert("RGB"))


def _deep(image: Image.Image) -> Image.Image:
    """Stretch 16 or 32 bits a pixel, of which scanners use any part, to 0 to 255."""
    values = np.asarray(image, np.float32)
    if not np.isfinite(values).all():
        raise ValueError("pixels that are not finite")
    top = max(float(values.max()), 1)
    grey = Image.fromarray(np.clip(values / top * 255, 0, 255))
    return _reduce(grey)


def _on_paper(image: Image.Image) -> Image.Image:
    """Lay ink without paper on white, or on black where the ink itself is light."""
    pixels = np.asarray(image, np.float32)
    alpha = pixels[..., 3]
    light = float((pixels[..., :3].mean(axis=2) * alpha).sum()) > 128 * float(alpha.sum())
    drawn = 2 * float(alpha.mean()) < 255  # most of the sheet is not there: what is, is ink
    paper = Image.new("RGBA", image.size, "black" if light and drawn else "white")
    return Image.alpha_composite(paper, image)


def _reduce(image: Image.Image) -> Image.Image:
    scale = WORKING_SIDE / max(image.size)
    if scale >= 1:
        return image
    width, height = (max(round(side * scale), 1) for side in image.size)
    return image.resize((width, height), Image.Resampling.BOX)


@contextmanager
def silent() -> Iterator[None]:
    """Keep back Pillow's warnings: of sizes, which are checked here, and of EXIF."""
    logger = logging.getLogger("PIL")
    before, logger.level = logger.level, logging.CRITICAL
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.level = before


_ALONE = Lock()  # there is one standard error


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep off standard error what libtiff, which is no Python, writes there itself."""
    with _ALONE:
        kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, 2)
        try:
            yield
        finally:
            os.dup2(kept, 2)
            os.close(kept)
            os.close(nowhere)


def _kind(file: Path | BinaryIO) -> str | None:
    """Name what people take for a picture and Pillow does not."""
    if not isinstance(file, Path):
        return None
    try:
        with file.open("rb") as opened:
            start = opened.read(32)
    except OSError:
        return None
    kinds = [kind for (at, sign), kind in SIGNATURES.items() if start[at:].startswith(sign)]
    return kinds[0] if kinds else None

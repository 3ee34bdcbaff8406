"""A file of any format and depth is a picture, upright, on paper; else a line says what it is."""

import io
import os
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from mnist.errors import UserError
from mnist.source import photo

EXPECTED = "expected an image, PNG or JPEG, found "


def drawn() -> Image.Image:
    """Draw the letter L in black on white, 90 x 60."""
    grey = np.full((60, 90), 255, np.uint8)
    grey[10:50, 20:28] = grey[42:50, 20:50] = 0
    return Image.fromarray(grey)


def content(image: Image.Image, form: str, **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, form, **options)
    return file.getvalue()


def read(folder: Path, file: bytes) -> NDArray[np.float32]:
    (folder / "x.png").write_bytes(file)
    return photo.read(folder / "x.png")


def chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def header_of(width: int, height: int) -> bytes:
    """Return a PNG that announces a size and has no pixels: who decodes it finds it cut short."""
    size = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", size) + chunk(b"IDAT", zlib.compress(b""))


FORMS: dict[str, bytes] = {
    "png": content(drawn(), "png"),
    "bmp": content(drawn(), "bmp"),
    "gif": content(drawn(), "gif"),
    "webp": content(drawn(), "webp", lossless=True),
    "ppm": content(drawn(), "ppm"),
    "tiff": content(drawn(), "tiff", compression="tiff_lzw"),
    "one bit": content(drawn().convert("1"), "png"),
    "16 bits": content(Image.fromarray(np.asarray(drawn()).astype(np.uint16) * 257), "png"),
    "12 of 16 bits": content(Image.fromarray(np.asarray(drawn()).astype(np.uint16) * 16), "png"),
    "32 bits": content(Image.fromarray(np.asarray(drawn()).astype(np.int32) * 65536), "tiff"),
    "real": content(Image.fromarray(np.asarray(drawn(), np.float32) / 255), "tiff"),
    "palette": content(drawn().convert("RGB").quantize(2), "png"),
    "grey with transparency": content(drawn().convert("LA"), "png"),
    "CMYK": content(drawn().convert("RGB").convert("CMYK"), "tiff"),
    "CMYK as JPEG": content(drawn().convert("RGB").convert("CMYK"), "jpeg", quality=100),
    "JPEG": content(drawn(), "jpeg", quality=100),
    "a phone's JPEG": content(drawn(), "mpo", quality=100, save_all=True, append_images=[drawn()]),
}


@pytest.mark.fault(61)
@pytest.mark.parametrize("form", FORMS)
def test_every_format_and_depth_is_the_same_picture(form: str, tmp_path: Path) -> None:
    found = read(tmp_path, FORMS[form])
    expected = np.asarray(drawn(), np.float32)[..., np.newaxis]
    assert found.shape == (60, 90, 3)
    assert np.abs(found - expected).max() <= (12 if "JPEG" in form else 0)


@pytest.mark.fault(61)
@pytest.mark.parametrize("turn", range(2, 9))
def test_the_turn_of_a_camera_is_undone(turn: int, tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = turn
    turned = {2: 0, 3: 3, 4: 1, 5: 5, 6: 2, 7: 6, 8: 4}[turn]  # the transposition that undoes it
    image = drawn().transpose(Image.Transpose(turned))
    found = read(tmp_path, content(image, "png", exif=exif))
    assert np.array_equal(found[..., 0], np.asarray(drawn()))


@pytest.mark.fault(61)
@pytest.mark.parametrize(("shade", "paper"), [(0, 255), (90, 255), (255, 0), (200, 0)])
def test_ink_without_paper_is_laid_on_the_other_shade(
    shade: int, paper: int, tmp_path: Path
) -> None:
    alpha = 255 - np.asarray(drawn())
    pixels = np.dstack([np.full((60, 90, 3), shade, np.uint8), alpha])
    found = read(tmp_path, content(Image.fromarray(pixels), "png"))
    assert (found[0, 0, 0], found[12, 22, 0]) == (paper, shade)


@pytest.mark.fault(61)
def test_a_picture_of_twelve_megapixels_is_reduced(tmp_path: Path) -> None:
    large = drawn().resize((4000, 2667), Image.Resampling.BICUBIC)
    for form in ("png", "jpeg"):
        assert read(tmp_path, content(large, form)).shape == (427, 640, 3)


@pytest.mark.fault(61)
@pytest.mark.parametrize(
    ("file", "found"),
    [
        (b"%PDF-1.7\n%\xe2\xe3", EXPECTED + "a PDF; save its page as PNG"),
        (b"\0\0\0\x18ftypheic\0\0", EXPECTED + "HEIC; save it as JPEG"),
        (b"<svg xmlns=", EXPECTED + "an SVG drawing; save it as PNG"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", EXPECTED + "PostScript; save"),
        (b"", EXPECTED + "cannot identify"),
        (content(drawn(), "png")[:-60], EXPECTED + "image file is truncated"),
        (content(drawn(), "jpeg")[:-300], EXPECTED + "image file is truncated"),
        (content(drawn(), "gif")[:-90], EXPECTED),
        (FORMS["tiff"][:99] + b"\xff" * 99 + FORMS["tiff"][198:], EXPECTED),
        (content(drawn().resize((1, 1)), "png"), "expected 8 x 8 pixels or more, found 1 x 1"),
        (content(drawn().resize((300, 2)), "png"), "expected 8 x 8 pixels or more, found 300 x 2"),
        (header_of(20_000, 20_000), "expected at most 80 megapixels, found more; save it smaller"),
        (header_of(10_000, 9_000), "expected at most 80 megapixels, found 10000 x 9000 pixels"),
        (content(Image.fromarray(np.full((9, 9), np.nan, np.float32)), "tiff"), EXPECTED + "pixel"),
        *(
            (
                content(drawn(), form, save_all=True, append_images=[drawn().rotate(9)]),
                "expected one",
            )
            for form in ("gif", "png", "webp", "tiff")
        ),
    ],
)
def test_what_is_no_single_picture_is_refused_in_one_line(
    file: bytes, found: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(UserError) as error:
        read(tmp_path, file)
    assert str(error.value).startswith(f"{tmp_path / 'x.png'}: {found}")
    assert len(str(error.value).splitlines()) == 1
    assert capfd.readouterr() == ("", "")


@pytest.mark.fault(61)
def test_what_is_no_file_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for name, found in (
        ("pipe", EXPECTED + "a pipe or a device"),
        (".", EXPECTED + "a directory"),
        ("none.png", "no such file"),
        ("x" * 300, EXPECTED + ".*name too long"),
    ):
        with pytest.raises(UserError, match=found):
            photo.read(tmp_path / name)


@pytest.mark.fault(61)
@pytest.mark.parametrize("form", FORMS)
def test_a_changed_file_is_a_picture_or_refused_in_one_line(
    form: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    random = np.random.Generator(np.random.PCG64(len(form)))
    for number in range(40):
        changed = bytearray(FORMS[form])
        for place in random.integers(0, min(len(changed), 200 if number % 2 else 9999), 3):
            changed[place] = random.integers(256)
        if number % 4 == 0:
            del changed[random.integers(len(changed)) :]
        try:
            said = str(read(tmp_path, bytes(changed)).shape[2])
        except UserError as error:
            said = str(error)
        assert len(said.splitlines()) == 1
        assert said == "3" or "x.png: expected " in said
    assert capfd.readouterr() == ("", "")

"""Seventeen kinds of pictures that show no single digit, each of which is to be refused."""

import math

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from scipy import ndimage

import sheets
from sheets import (
    HEIGHT,
    PAPER,
    PEN,
    WIDTH,
    Kind,
    Random,
    file,
    grain,
    photograph,
    picture,
)

Digit = NDArray[np.uint8]  # [28, 28, 1]
EMPTY = np.zeros((HEIGHT, WIDTH))


def blank(_digit: Digit, random: Random, strength: float) -> bytes:
    return file(picture(grain(EMPTY + random.uniform(20, 240), random, 8 * strength)))


def static(_digit: Digit, random: Random, strength: float) -> bytes:
    """Show a television without a programme: noise, fine or coarse."""
    values = ndimage.gaussian_filter(random.normal(0, 1, EMPTY.shape), 4 * strength)
    return file(picture(128 + 60 * values / values.std()))


def slope(_digit: Digit, random: Random, strength: float) -> bytes:
    return file(picture(grain(photograph(EMPTY, sheets.lamp(random, 1 + strength / 2)), random)))


def shade(_digit: Digit, random: Random, strength: float) -> bytes:
    return file(picture(grain(photograph(EMPTY, sheets.shadow(random, strength)), random)))


def lines(_digit: Digit, random: Random, strength: float) -> bytes:
    return file(picture(grain(photograph(EMPTY, sheets.ruled(random, strength)), random)))


def squares(_digit: Digit, random: Random, strength: float) -> bytes:
    light = sheets.ruled(random, strength, squared=True)
    return file(picture(grain(photograph(EMPTY, light), random)))


def word(_digit: Digit, random: Random, strength: float) -> bytes:
    text = str(random.choice(["HELLO", "TensorFlow", "No. 5", "ab", "2 + 3"]))
    return _text(text, int(50 + 180 * strength / len(text)), random)


def print_(_digit: Digit, random: Random, strength: float) -> bytes:
    """Print a page in small letters."""
    text = "\n".join(" ".join(["lorem ipsum dolor"] * 3) for _ in range(9))
    return _text(text, int(12 + 5 * strength), random)


def two(digit: Digit, random: Random, strength: float) -> bytes:
    """Write two digits side by side, the gap from half to a fifth of their height."""
    return _side_by_side([digit, np.rot90(digit, 2) if random.integers(2) else digit], strength)


def three(digit: Digit, _random: Random, strength: float) -> bytes:
    return _side_by_side([digit] * 3, strength)


def scene(_digit: Digit, random: Random, strength: float) -> bytes:
    """Photograph something else: coloured things before a sky."""
    image = picture(np.dstack([grain(EMPTY + shade, random) for shade in (120, 170, 220)]))
    draw = ImageDraw.Draw(image)
    for _ in range(4 + int(8 * strength)):
        x, y = int(random.integers(0, WIDTH)), int(random.integers(HEIGHT // 3, HEIGHT))
        size = int(random.integers(20, 120))
        red, green, blue = (int(value) for value in random.integers(0, 255, 3))
        box = (x - size, y - size // 2, x + size, y + size)
        (draw.ellipse if random.integers(2) else draw.rectangle)(box, fill=(red, green, blue))
    values = ndimage.gaussian_filter(np.asarray(image, float), (1, 1, 0))
    return file(picture(grain(values, random, 4)), "jpeg", quality=85)


def chequered(_digit: Digit, random: Random, strength: float) -> bytes:
    side = int(15 + 60 * strength)
    rows, columns = np.mgrid[:HEIGHT, :WIDTH] // side
    return file(picture(grain(np.where((rows + columns) % 2, PAPER, PEN).astype(float), random)))


def blob(_digit: Digit, random: Random, strength: float) -> bytes:
    """Fill a disc or a square, of 25 to 90 % of the sheet's height."""
    image, box = _sheet(0.25 + 0.65 * strength)
    draw = ImageDraw.Draw(image)
    (draw.ellipse if random.integers(2) else draw.rectangle)(box, fill=PEN)
    return file(image)


def face(_digit: Digit, _random: Random, strength: float) -> bytes:
    """Draw a face: a circle, two eyes, a mouth."""
    image, box = _sheet(0.5 + 0.3 * strength)
    draw = ImageDraw.Draw(image)
    draw.ellipse(box, outline=PEN, width=8)
    left, top, size = box[0], box[1], box[2] - box[0]
    for x in (0.3, 0.6):
        eye = left + x * size, top + 0.3 * size
        draw.ellipse((*eye, eye[0] + 0.1 * size, eye[1] + 0.1 * size), fill=PEN)
    mouth = left + 0.25 * size, top + 0.4 * size, left + 0.75 * size, top + 0.8 * size
    draw.arc(mouth, 20, 160, fill=PEN, width=6)
    return file(image)


def signature(_digit: Digit, random: Random, strength: float) -> bytes:
    """Draw one wild stroke across the sheet."""
    time = np.linspace(0, 1, 400)
    loops = 4 + 5 * strength
    x = 60 + 280 * time + 25 * np.cos(2 * math.pi * loops * time)
    height = np.interp(time, np.linspace(0, 1, 9), random.uniform(15, 70, 9))
    y = 150 + height * np.sin(2 * math.pi * loops * time)
    image = picture(EMPTY + PAPER)
    points = list(map(tuple, np.stack([x, y], axis=1)))
    ImageDraw.Draw(image).line(points, fill=PEN, width=4, joint="curve")
    return file(picture(grain(np.asarray(image, float), random)))


def cut(digit: Digit, random: Random, strength: float) -> bytes:
    """Write a digit of which 15 to 50 % are beyond the edge."""
    ink = sheets.write(digit, random)
    rows = np.flatnonzero((ink > 0.3).any(axis=1))
    lost = rows[0] + int((0.15 + 0.35 * strength) * np.ptp(rows))
    grey = grain(photograph(ink), random)[lost:]
    return file(picture(np.rot90(grey, int(random.integers(4)))))


def dots(_digit: Digit, random: Random, strength: float) -> bytes:
    """Scan crumbs on the glass."""
    ink = EMPTY.copy()
    for _ in range(int(6 + 30 * strength)):
        ink[random.integers(20, HEIGHT - 20), random.integers(20, WIDTH - 20)] = 1
    ink = np.clip(16 * ndimage.gaussian_filter(ink, 1.5), 0, 1)
    return file(picture(grain(photograph(ink), random)))


KINDS: dict[str, Kind] = {
    kind.__name__: kind
    for kind in (
        *(blank, static, slope, shade, lines, squares, word, print_, two, three),
        *(scene, chequered, blob, face, signature, cut, dots),
    )
}


def _text(text: str, size: int, random: Random) -> bytes:
    image = picture(EMPTY + PAPER)
    font = ImageFont.load_default(size)
    draw = ImageDraw.Draw(image)
    draw.text((WIDTH / 2, HEIGHT / 2), text, fill=PEN, font=font, anchor="mm")
    return file(picture(grain(np.asarray(image, float), random)))


def _side_by_side(digits: list[Digit], strength: float) -> bytes:
    crops = []
    for digit in digits:
        columns = np.flatnonzero(digit.any(axis=(0, 2)))
        crops.append(digit[:, columns[0] : columns[-1] + 1, 0])
    gap = np.zeros((28, round(20 * (0.5 - 0.3 * strength))), np.uint8)
    row = np.hstack([part for crop in crops for part in (gap, crop)] + [gap])
    scale = min(140 / 28, WIDTH / row.shape[1])
    size = int(row.shape[1] * scale), int(28 * scale)
    ink = np.asarray(Image.fromarray(row).resize(size, Image.Resampling.BICUBIC), float) / 255
    top, left = (HEIGHT - size[1]) // 2, (WIDTH - size[0]) // 2
    whole = np.pad(ink, ((top, HEIGHT - size[1] - top), (left, WIDTH - size[0] - left)))
    return file(picture(photograph(whole)))


def _sheet(share: float) -> tuple[Image.Image, tuple[float, float, float, float]]:
    """Return an empty sheet, and a square in its middle, of a share of its height."""
    half = share * HEIGHT / 2
    box = WIDTH / 2 - half, HEIGHT / 2 - half, WIDTH / 2 + half, HEIGHT / 2 + half
    return picture(EMPTY + PAPER), box

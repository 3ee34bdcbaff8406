"""Twenty kinds of photos and drawings of one digit, each of which is to be read."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

import sheets
from sheets import HEIGHT, WIDTH, Grey, Kind, Random, file, grain, photograph, picture, write

Digit = NDArray[np.uint8]  # [28, 28, 1]


def plain(digit: Digit, random: Random, strength: float) -> bytes:
    return file(picture(grain(photograph(write(digit, random)), random, strength)))


def noise(digit: Digit, random: Random, strength: float) -> bytes:
    return file(picture(grain(photograph(write(digit, random)), random, 8 + 20 * strength)))


def inverted(digit: Digit, random: Random, strength: float) -> bytes:
    paper = 15 + 45 * strength
    grey = photograph(write(digit, random), paper=paper, pen=random.uniform(200, 250))
    return file(picture(grain(grey, random)))


def gradient(digit: Digit, random: Random, strength: float) -> bytes:
    light = sheets.lamp(random, strength)
    return file(picture(grain(photograph(write(digit, random), light), random)))


def lined(digit: Digit, random: Random, strength: float) -> bytes:
    light = sheets.ruled(random, strength)
    return file(picture(grain(photograph(write(digit, random), light), random)))


def squared(digit: Digit, random: Random, strength: float) -> bytes:
    light = sheets.ruled(random, strength, squared=True)
    return file(picture(grain(photograph(write(digit, random), light), random)))


def shadowed(digit: Digit, random: Random, strength: float) -> bytes:
    light = sheets.shadow(random, strength)
    return file(picture(grain(photograph(write(digit, random), light), random)))


def lit_and_lined(digit: Digit, random: Random, strength: float) -> bytes:
    light = sheets.lamp(random, strength) * sheets.ruled(random, strength)
    grey = grain(photograph(write(digit, random), light), random, 6 * strength)
    return file(picture(grey), "jpeg", quality=80)


def transparent(digit: Digit, random: Random, strength: float) -> bytes:
    """Draw in dark ink or in light on no paper at all, as drawing programs save it."""
    ink = write(digit, random)
    shade = random.choice([60 * strength, 255 - 60 * strength])
    return file(picture(np.dstack([np.full((*ink.shape, 3), shade), 255 * ink])))


def deep(digit: Digit, random: Random, strength: float) -> bytes:
    """Scan with 16 bits a pixel, of which more or fewer are used."""
    grey = grain(photograph(write(digit, random)), random)
    top = 65535 - 50000 * strength
    return file(Image.fromarray((np.clip(grey, 0, 255) * top / 255).astype(np.uint16)))


def printed(digit: Digit, random: Random, strength: float) -> bytes:
    grey = grain(photograph(write(digit, random), paper=250 - 40 * strength), random)
    image = picture(np.dstack([grey, grey, grey * (1 - 0.2 * strength)])).convert("CMYK")
    return file(image, *(("jpeg",) if random.integers(2) else ("tiff",)))


def palette(digit: Digit, random: Random, strength: float) -> bytes:
    grey = grain(photograph(write(digit, random)), random)
    image = picture(np.dstack([grey, grey, 0.9 * grey]))
    return file(
        image.quantize(int(64 - 56 * strength)), *(("png",) if random.integers(2) else ("gif",))
    )


def turned(digit: Digit, random: Random, strength: float) -> bytes:
    """Save it as the sensor saw it, with a note how the camera was held."""
    light = sheets.lamp(random, strength / 2)
    image = picture(grain(photograph(write(digit, random), light), random))
    note, turn = [
        (6, Image.Transpose.ROTATE_90),
        (8, Image.Transpose.ROTATE_270),
        (3, Image.Transpose.ROTATE_180),
        (2, Image.Transpose.FLIP_LEFT_RIGHT),
    ][int(random.integers(4))]
    exif = Image.Exif()
    exif[0x0112] = note
    return file(image.transpose(turn), "jpeg", quality=90, exif=exif)


def thin(digit: Digit, random: Random, strength: float) -> bytes:
    """Use a pencil: take as much from the strokes as leaves them whole, and no end shorter."""
    ink = write(digit, random, low=140)
    before = _extent(ink)
    for radius in range(int(2 + 12 * strength), 0, -1):
        less = ndimage.grey_erosion(ink, footprint=_disc(radius))
        if _extent(less)[0] == before[0] and min(_extent(less)[1:] / before[1:]) > 0.8:
            ink = ndimage.gaussian_filter(less, 0.5)
            break
    return file(picture(grain(photograph(ink, pen=60 + 50 * strength), random)))


def thick(digit: Digit, random: Random, strength: float) -> bytes:
    """Use a marker: strokes wider by up to 20 pixels, but no hole shut."""
    ink = write(digit, random)
    holes = ndimage.label(ink < 0.5)[1]
    for radius in range(int(2 + 8 * strength), 0, -1):
        more = ndimage.grey_dilation(ink, footprint=_disc(radius))
        if ndimage.label(more < 0.5)[1] == holes:
            ink = more
            break
    return file(picture(grain(photograph(ink), random)))


def off_centre(digit: Digit, random: Random, strength: float) -> bytes:
    """Write small, in a corner."""
    side = int(90 - 40 * strength)
    ink = write(digit, random, low=side, high=side + 8)
    rows, columns = (np.flatnonzero(ink.any(axis)) for axis in (1, 0))
    margin = 8
    ink = np.roll(ink, (margin - rows[0], margin - columns[0]), (0, 1))
    flips = random.integers(2, size=2)
    down, right = HEIGHT - 2 * margin - np.ptp(rows), WIDTH - 2 * margin - np.ptp(columns)
    ink = np.roll(ink, (int(flips[0] * (down - 1)), int(flips[1] * (right - 1))), (0, 1))
    return file(picture(grain(photograph(ink), random)))


def blurred(digit: Digit, random: Random, strength: float) -> bytes:
    grey = ndimage.gaussian_filter(photograph(write(digit, random)), 1 + 4 * strength)
    return file(picture(grain(grey, random)))


def coloured(digit: Digit, random: Random, strength: float) -> bytes:
    """Write in red, green, blue, orange or yellow, on paper that is more or less white."""
    pens = [(200, 30, 40), (20, 130, 60), (40, 60, 190), (240, 140, 20), (235, 220, 40)]
    pen = np.array(pens[int(random.integers(len(pens)))], float)
    paper = np.array([240, 240, 240 - 60 * strength * (pen[2] > 50)])
    ink = write(digit, random)[..., None]
    return file(picture(grain(paper + ink * (pen - paper), random)), "jpeg", quality=85)


def faint(digit: Digit, random: Random, strength: float) -> bytes:
    """Use a pencil on grey paper, 45 to 20 % darker than that: low contrast."""
    paper = random.uniform(140, 220)
    pen = paper * (0.55 + 0.25 * strength)
    return file(picture(grain(photograph(write(digit, random), paper=paper, pen=pen), random, 2)))


def squeezed(digit: Digit, random: Random, strength: float) -> bytes:
    """Save it as a JPEG of so few bytes that it shows."""
    grey = grain(photograph(write(digit, random)), random)
    return file(picture(grey), "jpeg", quality=int(30 - 24 * strength))


KINDS: dict[str, Kind] = {
    kind.__name__: kind
    for kind in (
        *(plain, noise, inverted, gradient, lined, squared, shadowed, lit_and_lined),
        *(transparent, deep, printed, palette, turned, thin, thick, off_centre),
        *(blurred, coloured, faint, squeezed),
    )
}


def _disc(radius: int) -> NDArray[np.bool_]:
    rows, columns = np.mgrid[-radius : radius + 1, -radius : radius + 1]
    return np.asarray(rows**2 + columns**2 <= radius**2)


def _extent(ink: Grey) -> NDArray[np.float64]:
    """Count the parts, and the rows and columns that they reach across."""
    drawn = ink > 0.5
    return np.array(
        [ndimage.label(drawn)[1], *(np.ptp(np.flatnonzero(drawn.any(axis))) for axis in (0, 1))]
        if drawn.any()
        else [0, 0, 0],
        float,
    )

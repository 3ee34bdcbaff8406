"""Digits as six hands draw them: strokes of points, synthetic. No person drew them.

A digit is a few strokes through points of a unit square; a hand chooses among the ways to write
it, and has a slant, a width, a size, a tremor and a pen of its own.
"""

import itertools
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import interpolate

Points = list[tuple[float, float]]  # x to the right, y down, 0 to 1
Drawing = list[Points]  # strokes

# ways to write each digit: strokes, `*` before a corner between straight lines
WAYS: dict[str, list[list[str]]] = {
    "0": [
        ["55,2 22,20 15,55 30,92 62,96 84,65 80,25 55,2 47,4"],
        ["45,3 85,30 78,80 45,98 16,70 20,25 48,4"],
    ],
    "1": [["*50,3 *50,97"], ["*30,25 *54,4 *54,97"]],
    "2": [
        ["20,22 45,3 74,14 74,38 48,66 *18,95 *84,95"],
        ["18,30 40,4 72,12 70,42 40,72 22,90 34,80 56,90 84,92"],
    ],
    "3": [
        ["22,12 50,3 74,18 66,40 *46,47 70,54 80,74 58,96 20,88"],
        ["*20,5 *76,5 *46,40 76,56 72,86 44,97 18,86"],
    ],
    "4": [["*58,3 *14,66 *88,66", "*66,38 *66,98"], ["*24,4 *20,52 *82,52", "*74,4 *70,98"]],
    "5": [
        ["*76,5 *28,5 *24,44 56,38 80,58 70,88 42,97 18,86"],
        ["*28,5 *25,44 56,38 78,58 70,88 42,97 18,88", "*28,5 *78,6"],
    ],
    "6": [
        ["68,3 36,26 20,62 34,94 64,94 76,72 58,55 34,60 24,74"],
        ["56,3 26,40 22,76 46,97 74,80 62,56 36,58 24,72"],
    ],
    "7": [["*16,6 *82,6 *42,97"], ["*16,8 *80,6 60,48 50,97", "*34,52 *74,52"]],
    "8": [
        ["70,14 44,3 26,20 44,42 72,66 60,95 34,94 24,72 52,44 72,24 66,10"],
        ["50,46 26,26 48,3 72,22 50,46 24,74 48,97 76,74 52,47"],
    ],
    "9": [
        ["72,20 46,4 24,24 34,48 62,46 74,22 *73,16 70,60 62,97"],
        ["72,26 50,4 26,18 32,46 62,46 *73,14 *72,97"],
    ],
}


class Hand(NamedTuple):
    """How one writes."""

    name: str
    way: int  # of those above, where there are as many
    slant: float  # x a y
    width: float  # times
    size: float  # of the paper
    place: tuple[float, float]  # of the middle
    tremor: float  # of the digit
    pointer: str  # mouse | touch | pen


HANDS = (
    Hand("upright", 0, 0.0, 0.9, 0.72, (0.5, 0.5), 0.004, "mouse"),
    Hand("slanting", 1, 0.28, 0.85, 0.70, (0.48, 0.52), 0.006, "pen"),
    Hand("backward", 0, -0.16, 0.9, 0.66, (0.52, 0.48), 0.008, "touch"),
    Hand("small, in a corner", 1, 0.08, 0.9, 0.42, (0.28, 0.3), 0.008, "mouse"),
    Hand("wide, large", 0, 0.05, 1.1, 0.88, (0.5, 0.5), 0.005, "touch"),
    Hand("trembling", 1, 0.12, 0.8, 0.62, (0.55, 0.55), 0.016, "pen"),
)


def draw(digit: str, hand: Hand) -> Drawing:
    """Return the strokes of a digit in a hand, always the same."""
    seed = sum(hand.name.encode()) * 10 + int(digit)
    random = np.random.default_rng(seed)
    ways = WAYS[digit]
    return [_placed(_line(stroke), hand, random) for stroke in ways[hand.way % len(ways)]]


def _line(stroke: str) -> NDArray[np.float64]:  # [N, 2]
    """Read a stroke; its round parts are splines, and its corners stay."""
    words = stroke.split()
    points = np.array([[float(number) for number in word.strip("*").split(",")] for word in words])
    corners = [i for i, word in enumerate(words) if word[0] == "*" or i in (0, len(words) - 1)]
    parts = []
    for start, stop in itertools.pairwise(corners):
        part = points[start : stop + 1]
        along = np.cumsum([0, *np.linalg.norm(np.diff(part, axis=0), axis=1)])
        curve = interpolate.make_interp_spline(along, part, k=min(3, len(part) - 1))
        parts.append(curve(np.linspace(0, along[-1], 6 * len(part))))
    return np.concatenate(parts) / 100


def _placed(line: NDArray[np.float64], hand: Hand, random: np.random.Generator) -> Points:
    wander = np.cumsum(random.normal(0, hand.tremor, line.shape), axis=0)
    line = line + wander - np.linspace(0, 1, len(line))[:, None] * wander[-1]
    x, y = (line - 0.5).T
    x, y = (x * hand.width - y * hand.slant) * hand.size, y * hand.size
    x, y = x + hand.place[0], y + hand.place[1]
    return [(float(a), float(b)) for a, b in np.clip(np.stack([x, y], axis=1), 0.01, 0.99)]

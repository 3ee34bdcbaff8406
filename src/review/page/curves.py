"""Learning curves of both revisions as SVG."""

import math
from collections import Counter

import numpy as np
from numpy.typing import NDArray

from review.markup import as_text, hypertext
from review.record.sources import Line
from review.verdict.verdict import Review

WIDTH, HEIGHT = 560, 300  # of the drawing
LEFT, RIGHT, TOP, BOTTOM = 64, 12, 34, 52  # margins
MOST = 8  # drawings
POINTS = 500  # of a line: more are not seen
TICKS = 4
SPAN = 100  # times its least value: what reaches farther, a loss, is drawn logarithmically
BEFORE, AFTER = "#b45309", "#1d4ed8"
Numbers = NDArray[np.float64]
Drawn = tuple[str, str, str, Numbers, Numbers]  # revision, colour, dashes, xs, ys


def curves(review: Review) -> list[tuple[str, str]]:
    """Return title and drawing of each column of the line plots, both revisions in one."""
    sides = ((review.before, BEFORE, "6 4"), (review.after, AFTER, ""))
    lines = dict.fromkeys([*review.after.curves, *review.before.curves])
    plots = [
        (line, column)
        for line in lines
        for column in dict.fromkeys(
            name for side, *_ in sides for name in side.curves.get(line, {})
        )
    ]
    names = Counter(_name(*plot) for plot in plots)
    found = []
    for line, column in plots[:MOST]:
        drawn = [
            (side.name, colour, dash, *side.curves[line][column])
            for side, colour, dash in sides
            if column in side.curves.get(line, {})
        ]
        name = _name(line, column)
        title = name if names[name] == 1 else f"{name}: {line.path}"
        found.append((title, _draw(line, column, drawn)))
    return found


def _name(line: Line, column: str) -> str:
    return f"{column} over {line.x or 'rows'}"


def _draw(line: Line, column: str, drawn: list[Drawn]) -> str:
    xs, ys = (np.concatenate([one[place] for one in drawn]) for place in (3, 4))
    logarithmic = bool(ys.min() > 0) and bool(ys.max() > SPAN * ys.min())
    box = (_range(xs), _range(_scaled(ys, logarithmic)))
    lines = [
        f'<polyline fill="none" stroke="{colour}" stroke-width="2.5" stroke-dasharray="{dash}" '
        f'points="{_points(x, _scaled(y, logarithmic), box)}"/>'
        for _, colour, dash, x, y in drawn
    ]
    keys = [
        f'<li><span style="background: {colour}"></span>{hypertext(name)}'
        f"{_last(x, y)}{', dashed' if dash else ''}</li>"
        for name, colour, dash, x, y in drawn
    ]
    alt = hypertext(f"{_name(line, column)}; the lines are listed below")
    return (
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{alt}">'
        f"{_axes(line, column, box, logarithmic=logarithmic)}"
        f'{"".join(lines)}</svg><ul class="key">{"".join(keys)}</ul>'
    )


def _last(x: Numbers, y: Numbers) -> str:
    """Say where a line ends, if it runs on: a threshold's, of an ROC say, ends where all do."""
    return f": {y[-1]:.4g} at {x[-1]:.6g}" if (np.diff(x) > 0).all() else ""


def _scaled(values: Numbers, logarithmic: bool) -> Numbers:
    return np.log10(values) if logarithmic else values


Box = tuple[tuple[float, float], tuple[float, float]]  # the range of x, of y


def _range(values: Numbers) -> tuple[float, float]:
    low, high = float(values.min()), float(values.max())
    return (low, high) if high > low else (low - 1, high + 1)


def _x(value: float, box: Box) -> float:
    low, high = box[0]
    return LEFT + (WIDTH - LEFT - RIGHT) * (value - low) / (high - low)


def _y(value: float, box: Box) -> float:
    low, high = box[1]
    return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * (value - low) / (high - low)


def _points(xs: Numbers, ys: Numbers, box: Box) -> str:
    step = max(len(xs) // POINTS, 1)
    kept = [*range(0, len(xs), step), len(xs) - 1]
    return " ".join(f"{_x(xs[row], box):.1f},{_y(ys[row], box):.1f}" for row in kept)


def _axes(line: Line, column: str, box: Box, *, logarithmic: bool) -> str:
    low, high = box[1]
    ticks = [low + (high - low) * share / TICKS for share in range(TICKS + 1)]
    parts = [
        f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{_y(tick, box):.1f}" y2="{_y(tick, box):.1f}" '
        f'stroke="#d9dfe7"/><text x="{LEFT - 8}" y="{_y(tick, box) + 4:.1f}" '
        f'text-anchor="end">{_short(10**tick if logarithmic else tick)}</text>'
        for tick in ticks
    ]
    start, end = box[0]
    parts += [
        f'<text x="{_x(value, box):.1f}" y="{HEIGHT - BOTTOM + 20}" '
        f'text-anchor="{anchor}">{_short(value)}</text>'
        for value, anchor in ((start, "start"), ((start + end) / 2, "middle"), (end, "end"))
    ]
    middle = (LEFT + WIDTH - RIGHT) / 2
    name = hypertext(as_text(line.x or "rows", 40))
    parts.append(f'<text x="{middle}" y="{HEIGHT - 4}" text-anchor="middle">{name}</text>')
    parts.append(f'<text x="4" y="16">{hypertext(as_text(column, 60))}</text>')
    return "".join(parts)


def _short(value: float) -> str:
    return f"{value:.3g}" if abs(value) < 1000 or math.log10(abs(value)) > 6 else f"{value:,.0f}"

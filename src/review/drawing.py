"""The report's drawings: learning curves as SVG, the confusion matrix as a table."""

import numpy as np

from review.quoting import hypertext
from review.record import Record
from review.verdict import Review

WIDTH, HEIGHT = 560, 300  # of the drawing
LEFT, RIGHT, TOP, BOTTOM = 64, 12, 34, 52  # margins
LEAST = 0.1  # error rate in percent at the foot of the logarithmic scale
MOST_CLASSES = 30  # of a confusion matrix
TICKS = (0.1, 1, 10, 100)
BEFORE, AFTER = "#b45309", "#1d4ed8"


def curves(review: Review) -> str:
    """Draw the validation error of both revisions over the steps, on a logarithmic scale."""
    both = ((review.before, BEFORE, "6 4"), (review.after, AFTER, ""))
    sides = [side for side in both if side[0].curve]
    last = max(float(side.curve["step"][-1]) for side, _, _ in sides) or 1.0
    lines = [
        f'<polyline fill="none" stroke="{colour}" stroke-width="2.5" stroke-dasharray="{dash}" '
        f'points="{_points(side, last)}"/>'
        for side, colour, dash in sides
    ]
    keys = [
        f'<li><span style="background: {colour}"></span>{hypertext(side.name)}: '
        f"{100 * (1 - side.curve['validation_accuracy'][-1]):.2f} % at step "
        f"{side.curve['step'][-1]:.0f}{', dashed' if dash else ''}</li>"
        for side, colour, dash in sides
    ]
    alt = "Validation error over training steps, both revisions; the last values are listed below"
    return (
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{alt}">{_axes(last)}'
        f'{"".join(lines)}</svg><ul class="key">{"".join(keys)}</ul>'
    )


def _x(step: float, last: float) -> float:
    return LEFT + (WIDTH - LEFT - RIGHT) * step / last


def _y(percent: float) -> float:
    share = np.log10(max(percent, LEAST) / LEAST) / np.log10(100 / LEAST)
    return float(HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * share)


def _points(side: Record, last: float) -> str:
    errors = 100 * (1 - side.curve["validation_accuracy"])
    pairs = zip(side.curve["step"], errors, strict=True)
    return " ".join(f"{_x(step, last):.1f},{_y(error):.1f}" for step, error in pairs)


def _axes(last: float) -> str:
    parts = [
        f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{_y(tick):.1f}" y2="{_y(tick):.1f}" '
        f'stroke="#d9dfe7"/><text x="{LEFT - 8}" y="{_y(tick) + 4:.1f}" '
        f'text-anchor="end">{"" if tick > LEAST else "≤ "}{tick:g}</text>'
        for tick in TICKS
    ]
    parts += [
        f'<text x="{_x(share, 1):.1f}" y="{HEIGHT - BOTTOM + 20}" '
        f'text-anchor="{"end" if share == 1 else "middle"}">{share * last:.0f}</text>'
        for share in (0, 0.25, 0.5, 0.75, 1)
    ]
    middle = (LEFT + WIDTH - RIGHT) / 2
    parts.append(f'<text x="{middle}" y="{HEIGHT - 4}" text-anchor="middle">step</text>')
    parts.append('<text x="4" y="16">validation error (%)</text>')
    return "".join(parts)


def interval(review: Review, low: float, high: float) -> str:
    """Draw the difference with its interval against zero, and what seeds alone do, if known."""
    assert review.pairing is not None  # noqa: S101  # for mypy: there is an interval
    noise, difference = review.seeds.noise, review.pairing.difference
    reach = 1.15 * max(abs(low), abs(high), noise or 0, 1e-4)

    def x(share: float) -> float:
        return WIDTH / 2 + (WIDTH / 2 - 30) * share / reach

    band = ""
    if noise is not None:
        band = (
            f'<rect x="{x(-noise):.1f}" y="14" width="{2 * (x(noise) - x(0)):.1f}" height="36" '
            f'fill="#dbe4f0"/><text x="{x(-noise) + 6:.1f}" y="27">seeds alone</text>'
        )
    texts = [
        f'<text x="{x(share):.1f}" y="68" text-anchor="middle">{100 * share:+.2f}</text>'
        for share in (low, high)
    ]
    alt = (
        f"The difference {100 * difference:+.2f} points, its interval from {100 * low:+.2f} to "
        f"{100 * high:+.2f}, against zero"
    )
    return (
        f'<svg class="interval" viewBox="0 0 {WIDTH} 92" role="img" aria-label="{alt}">{band}'
        f'<line x1="{x(0)}" x2="{x(0)}" y1="8" y2="74" stroke="#4b5868" stroke-dasharray="3 3"/>'
        f'<text x="{x(0)}" y="88" text-anchor="middle">0: no difference (points)</text>'
        f'<line x1="{x(low):.1f}" x2="{x(high):.1f}" y1="40" y2="40" stroke="{AFTER}" '
        f'stroke-width="4" stroke-linecap="round"/>'
        f'<circle cx="{x(difference):.1f}" cy="40" r="8" fill="{AFTER}"/>{"".join(texts)}</svg>'
    )


def confusion(review: Review) -> str:
    """Write how often each class was taken for which, by the second model; mistakes coloured."""
    actual, predicted, _ = review.after.predictions
    classes = range(int(max(actual.max(), predicted.max())) + 1)
    if len(classes) > MOST_CLASSES:
        return f"<p>More than {MOST_CLASSES} classes: not drawn.</p>"
    counts = np.zeros((len(classes), len(classes)), np.int64)
    np.add.at(counts, (actual, predicted), 1)
    top = max(int(np.where(np.eye(len(classes), dtype=bool), 0, counts).max()), 1)
    head = "".join(f'<th scope="col">{label}</th>' for label in classes)
    rows = []
    for label in classes:
        cells = [_cell(int(counts[label, read]), label == read, top) for read in classes]
        rows.append(f'<tr><th scope="row">{label}</th>{"".join(cells)}</tr>')
    name = hypertext(review.after.name)
    return (
        f'<table class="confusion"><caption>Rows: the class; columns: what {name} read</caption>'
        f'<thead><tr><th scope="col">as</th>{head}</tr></thead>'
        f"<tbody>{''.join(rows)}</tbody></table>"
    )


def _cell(count: int, right: bool, top: int) -> str:
    if right:
        return f'<td class="right">{count}</td>'
    if not count:
        return '<td class="none">0</td>'
    return f'<td style="background: rgb(251 146 60 / {0.25 + 0.6 * count / top:.2f})">{count}</td>'

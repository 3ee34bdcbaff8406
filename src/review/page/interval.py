"""The difference of two accuracies, drawn with its interval."""

from review.verdict.compared import Compared

WIDTH = 560  # of the drawing
COLOUR = "#1d4ed8"


def interval(table: Compared, noise: float | None, low: float, high: float) -> str:
    """Draw the difference with its interval against zero, and what seeds alone do, if known."""
    assert table.pairing is not None  # noqa: S101  # for mypy: there is an interval
    difference = table.pairing.difference
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
        f'<line x1="{x(low):.1f}" x2="{x(high):.1f}" y1="40" y2="40" stroke="{COLOUR}" '
        f'stroke-width="4" stroke-linecap="round"/>'
        f'<circle cx="{x(difference):.1f}" cy="40" r="8" fill="{COLOUR}"/>{"".join(texts)}</svg>'
    )

"""Compare the workspace with a git revision, from what git holds: no data, no remote, no network.

`python -m review diff --base main` writes markdown. Exit status 0; 1 where --fail-on or
--min-accuracy asks for it; 2 where there is nothing true to review.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from review import command, verdict
from review.errors import UserError
from review.record import SPREAD
from review.record.readings import Range
from review.words import markdown

CONFIDENCES = Range(1e-6, 1 - 1e-6)  # beyond them, an interval has no end


def main(arguments: Sequence[str] | None = None) -> None:
    """Write the review as markdown; end with the status that the options ask for."""
    parser = choices(argparse.ArgumentParser(prog="review diff", description=__doc__))
    parser.add_argument("--output", type=Path, help="a file for the markdown, else stdout")
    parser.add_argument("--picture", type=Path, help="a PNG for the images that changed sides")
    parser.add_argument("--fail-on", choices=["worse"], help="exit 1 on this verdict")
    parser.add_argument("--min-accuracy", type=float, help="exit 1 below this accuracy")
    options = parser.parse_args(arguments)
    if options.picture and options.picture.suffix != ".png":
        raise UserError(f"--picture: expected the name of a PNG, found {options.picture}")
    review = make(options)
    drawn = bool(options.picture) and _draw(review, options.picture)
    text = markdown.write(review, picture=options.picture if drawn else None)
    if options.output:
        command.write(text, options.output)
    else:
        print(text, end="")
    reasons = verdict.gate(
        review, fail_on_worse=bool(options.fail_on), minimum=options.min_accuracy
    )
    if reasons:
        print(*reasons, sep="\n", file=sys.stderr)
        sys.exit(1)


def choices(parser: argparse.ArgumentParser) -> argparse.ArgumentParser:
    """Add what a review can be told, however it is written."""
    parser.add_argument("--base", required=True, help="a git revision to compare with")
    parser.add_argument("--tip", action="store_true", help="compare with the tip of the base")
    parser.add_argument("--confidence", type=float, default=0.95, help="of every interval")
    parser.add_argument("--images", help="an npz file whose array `images` has a picture a row")
    parser.add_argument("--spread", default=SPREAD, help="what `review spread` wrote")
    spread_with = verdict.Options().spread_with
    parser.add_argument("--spread-with", default=spread_with, help="the command to name for that")
    return parser


def make(options: argparse.Namespace) -> verdict.Review:
    """Make the review that the options ask for. Raises UserError."""
    if not CONFIDENCES.holds(options.confidence):
        found = options.confidence
        raise UserError(f"review: --confidence: expected {CONFIDENCES}, found {found}")
    found = vars(options)
    chosen = verdict.Options(**{name: found[name] for name in verdict.Options._fields})
    return verdict.make(Path.cwd(), options.base, chosen)


def _draw(review: verdict.Review, path: Path) -> bool:
    if review.images is None:
        return False
    from review.words import grid  # noqa: PLC0415  # matplotlib takes a third of a second

    return grid.save(review, path)

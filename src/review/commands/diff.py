"""`review diff`: compare the workspace with a git revision, as markdown."""

import argparse
import sys
from pathlib import Path

from dvcproject.root import find
from review import output
from review.errors import UserError
from review.record.readings import Range
from review.record.record import SPREAD
from review.verdict import verdict
from review.words import markdown

CONFIDENCES = Range(1e-6, 1 - 1e-6)  # beyond them, an interval has no end
DESCRIPTION = """\
Compares the workspace with a git revision and writes the result as markdown.
Reads what git holds: no data, no remote and no network are needed."""
STATUSES = """\
exit status:
  0  the comparison was written
  1  --fail-on or --min-accuracy asks for it
  2  the arguments are invalid, or there is nothing to compare"""


def add_options(command: argparse.ArgumentParser) -> None:
    """Add the options of the command."""
    command.description, command.epilog = DESCRIPTION, STATUSES
    add_review_options(command)
    command.add_argument(
        "--output", type=Path, metavar="FILE", help="write the markdown there (default: print it)"
    )
    command.add_argument(
        "--picture",
        type=Path,
        metavar="PNG",
        help="draw the images whose prediction changed sides (default: no picture)",
    )
    command.add_argument(
        "--fail-on",
        choices=["worse"],
        help="end with status 1 if the change is worse than the base (default: never)",
    )
    command.add_argument(
        "--min-accuracy",
        type=float,
        metavar="SHARE",
        help="end with status 1 below this accuracy, such as 0.99 (default: no minimum)",
    )
    command.set_defaults(run=run)


def add_review_options(command: argparse.ArgumentParser) -> None:
    """Add the options of a review that do not depend on its format."""
    defaults = verdict.Options()
    command.add_argument(
        "--base", required=True, metavar="REVISION", help="git revision to compare with (required)"
    )
    command.add_argument(
        "--tip",
        action="store_true",
        help="compare with the tip of the base (default: where the branch left the base)",
    )
    command.add_argument(
        "--confidence",
        type=float,
        default=defaults.confidence,
        metavar="SHARE",
        help="confidence of every interval (default: %(default)s)",
    )
    command.add_argument(
        "--images",
        metavar="NPZ",
        help="file of the project whose array `images` has one picture per row of the "
        "predictions (default: no pictures)",
    )
    command.add_argument(
        "--spread",
        default=SPREAD,
        metavar="FILE",
        help="file of the project that `review spread` wrote (default: %(default)s)",
    )
    command.add_argument(
        "--spread-with",
        default=defaults.spread_with,
        metavar="COMMAND",
        help="command to recommend if that file is missing (default: %(default)s)",
    )


def run(options: argparse.Namespace) -> None:
    """Write the review as markdown; end with the status that the options ask for."""
    if options.picture and options.picture.suffix != ".png":
        raise UserError(f"--picture: expected the name of a PNG, found {options.picture}")
    review = make(options)
    drawn = bool(options.picture) and _draw(review, options.picture)
    text = markdown.write(review, picture=options.picture if drawn else None)
    if options.output:
        output.write(text, options.output)
    else:
        print(text, end="")
    reasons = verdict.gate(
        review, fail_on_worse=bool(options.fail_on), minimum=options.min_accuracy
    )
    if reasons:
        print(*reasons, sep="\n", file=sys.stderr)
        sys.exit(1)


def make(options: argparse.Namespace) -> verdict.Review:
    """Make the review that the options ask for. Raises UserError."""
    confidence = options.confidence
    if not CONFIDENCES.holds(confidence):
        raise UserError(f"review: --confidence: expected {CONFIDENCES}, found {confidence}")
    values = vars(options)
    chosen = verdict.Options(**{name: values[name] for name in verdict.Options._fields})
    return verdict.make(find(Path.cwd()), options.base, chosen)


def _draw(review: verdict.Review, path: Path) -> bool:
    if review.images is None:
        return False
    from review.words import grid  # noqa: PLC0415  # matplotlib takes a third of a second

    return grid.save(review, path)

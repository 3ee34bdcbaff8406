"""Compare the workspace with a git revision, from what git holds: no data, no remote, no network.

`python -m review.diff --base main` writes markdown. Exit status 0; 1 where --fail-on or
--min-accuracy asks for it; 2 where there is nothing true to review.
"""

import argparse
import sys
from pathlib import Path

from review import command, markdown, verdict
from review.command import run
from review.errors import UserError


def main() -> None:
    """Write the review as markdown; end with the status that the options ask for."""
    parser = argparse.ArgumentParser(prog="python -m review.diff", description=__doc__)
    parser.add_argument("--base", required=True, help="a git revision to compare with")
    parser.add_argument("--tip", action="store_true", help="compare with the tip of the base")
    parser.add_argument("--output", type=Path, help="a file for the markdown, else stdout")
    parser.add_argument("--picture", type=Path, help="a PNG for the images that changed sides")
    parser.add_argument("--fail-on", choices=["worse"], help="exit 1 on this verdict")
    parser.add_argument("--min-accuracy", type=float, help="exit 1 below this accuracy")
    options = parser.parse_args()
    if options.picture and options.picture.suffix != ".png":
        raise UserError(f"--picture: expected the name of a PNG, found {options.picture}")
    review = verdict.make(Path.cwd(), options.base, tip=options.tip)
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


def _draw(review: verdict.Review, path: Path) -> bool:
    from review import grid  # noqa: PLC0415  # matplotlib takes a third of a second

    return grid.save(review, path)


if __name__ == "__main__":
    run(main)

"""The review and more as one page: curves, confusion, mistakes.

`python -m review report --base main --output report.html`
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

from review import command, diff, page
from review.quoting import printable


def main(arguments: Sequence[str] | None = None) -> None:
    """Write the page."""
    parser = diff.choices(argparse.ArgumentParser(prog="review report", description=__doc__))
    parser.add_argument("--output", type=Path, required=True, help="a file for the page")
    options = parser.parse_args(arguments)
    text = page.write(diff.make(options))
    command.write(text, options.output)
    print(printable(f"{options.output}: {len(text) / 1000:.0f} kB, self-contained"))

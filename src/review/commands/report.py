"""`review report`: compare the workspace with a git revision, as one HTML page."""

import argparse
from pathlib import Path

from dvcproject.quoting import printable
from review import output
from review.commands import diff
from review.page import page

DESCRIPTION = """\
Compares the workspace with a git revision and writes one self-contained HTML page,
with learning curves, confusion matrices and the images that are read wrong."""
STATUSES = """\
exit status:
  0  the page was written
  2  the arguments are invalid, or there is nothing to compare"""


def add_options(command: argparse.ArgumentParser) -> None:
    """Add the options of the command."""
    command.description, command.epilog = DESCRIPTION, STATUSES
    diff.add_review_options(command)
    command.add_argument(
        "--output", type=Path, required=True, metavar="FILE", help="write the page there (required)"
    )
    command.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    """Write the page."""
    text = page.write(diff.make(options))
    output.write(text, options.output)
    print(printable(f"{options.output}: {len(text) / 1000:.0f} kB, self-contained"))

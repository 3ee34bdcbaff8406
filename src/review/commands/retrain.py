"""`review retrain`: check that a clean copy of HEAD produces the same bytes."""

import argparse
import sys
from pathlib import Path

from dvcproject.quoting import printable
from dvcproject.root import find
from review import retrain
from review.retrain import DifferentBytesError, Promise

DESCRIPTION = """\
Puts the project as HEAD holds it into a temporary folder, runs the whole pipeline there
without any cache, and compares every output with dvc.lock."""
STATUSES = """\
exit status:
  0  all outputs are equal, or differ only where the same bytes are not promised
  1  outputs differ where the same bytes are promised
  2  the run itself failed"""


def add_options(command: argparse.ArgumentParser) -> None:
    """Add the options of the command."""
    command.description, command.epilog = DESCRIPTION, STATUSES
    command.add_argument(
        "--portable-unless",
        default="",
        metavar="KEY=VALUE",
        help="with this value of a param the same bytes are promised only on the same processor "
        "(default: they are promised on any processor)",
    )
    command.add_argument(
        "--needs-flag",
        default="",
        metavar="FLAG",
        help="the same bytes are promised only on processors with this flag, such as avx2 "
        "(default: on any processor)",
    )
    command.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    """Check what HEAD holds of the project around the working directory."""
    root, promise = find(Path.cwd()), Promise(options.portable_unless, options.needs_flag)
    if edited := retrain.edited(root):
        line = f"verify: HEAD is verified, without what is not committed: {', '.join(edited)}"
        print(printable(line), file=sys.stderr)
    try:
        print(printable(f"verify: {retrain.check(root, promise)}"))
    except DifferentBytesError as error:
        print(printable(error), file=sys.stderr)
        sys.exit(1)

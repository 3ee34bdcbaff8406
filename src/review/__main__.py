"""The program `review`, also `python -m review`: one subcommand per module of `review.commands`."""

import argparse
import sys
from collections.abc import Sequence
from importlib import import_module

from review import errors

COMMANDS = {
    "diff": "compare the workspace with a git revision, as markdown",
    "report": "the same comparison and more, as one HTML page",
    "spread": "measure how far the seed alone moves a metric, with DVC experiments",
    "locked": "fail unless dvc.lock matches the code, params and metrics of the workspace",
    "retrain": "check that a clean copy of HEAD produces the same bytes",
}


def main() -> None:
    """Run the command that the command line names."""
    errors.run(lambda: run(sys.argv[1:]))


def run(words: Sequence[str]) -> None:
    """Run the command of a command line. Raises ProjectError, and SystemExit for a status."""
    options = parser(words).parse_args(words)
    options.run(options)


def parser(words: Sequence[str]) -> argparse.ArgumentParser:
    """Return the parser of a command line; only the command that it names has its options."""
    program = argparse.ArgumentParser(
        prog="review",
        description="Compare two revisions of a DVC project that predicts classes.",
        epilog="Every command works in any folder of the project.",
        allow_abbrev=False,
    )
    commands = program.add_subparsers(required=True, metavar="COMMAND")
    for name, text in COMMANDS.items():
        command = commands.add_parser(
            name,
            help=text,
            allow_abbrev=False,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        if name in words[:1]:  # the libraries of the other commands take up to a second to import
            import_module(f"review.commands.{name}").add_options(command)
    return program


if __name__ == "__main__":
    main()

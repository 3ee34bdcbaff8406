"""`python -m review diff | report | locked | spread | retrain`: each with its own --help."""

import sys
from collections.abc import Callable
from importlib import import_module

from review import command

DOORS = {
    "diff": "compare the workspace with a git revision, in markdown",
    "report": "the same and more as one page",
    "locked": "fail unless dvc.lock is that of the code, params and metrics here",
    "spread": "how far the seed alone moves a metric, as DVC experiments",
    "retrain": "does a clean copy make the same bytes?",
}


def main() -> None:
    """Run the command that is named first."""
    command.run(_chosen)


def _chosen() -> None:
    name, *arguments = sys.argv[1:] or ["--help"]
    if name not in DOORS:
        lines = [f"  {door:<8} {text}" for door, text in DOORS.items()]
        print("usage: review COMMAND [--help]", *lines, sep="\n")
        sys.exit(0 if name in {"-h", "--help"} else 2)
    # the others' libraries are not loaded
    run: Callable[[list[str]], None] = import_module(f"review.{name}").main
    run(arguments)


if __name__ == "__main__":
    main()

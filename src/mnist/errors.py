"""What is told to the user in one line, and what is a bug."""

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn


class UserError(Exception):
    """A mistake of the caller or of the outside world: where, expected, found, what to do."""


def require_output(path: Path) -> None:
    """Raise UserError where the pipeline has not written this file yet."""
    if not path.is_file():
        raise UserError(f"{path}: no such file; run `make repro`")


def run(main: Callable[[], None]) -> None:
    """Run a script's `main`; a mistake, and a place that fails, end in one line and status 2.

    Ctrl-C ends in a line too, with the status 130 that a shell gives it. Anything else is a bug and
    shows its traceback. What the streams cannot say, in Latin-1 say, becomes a question mark.
    """
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="replace")  # type: ignore[union-attr]
    try:
        main()
        sys.stdout.flush()
    except UserError as error:
        _end(str(error))
    except OSError as error:
        # what stdout still holds would fail again at exit
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        where = "standard output" if error.filename is None else str(error.filename)
        _end(f"{where}: {error.strerror or error}")
    except KeyboardInterrupt:
        _end("interrupted", 130)


def printable(text: object) -> str:
    """Return a text as one line without the characters that a terminal obeys."""
    return "".join(
        sign if sign.isprintable() else "\N{REPLACEMENT CHARACTER}" for sign in str(text)
    )


def _end(lines: str, status: int = 2) -> NoReturn:
    print("\n".join(map(printable, lines.split("\n"))), file=sys.stderr)
    sys.exit(status)

"""How a command ends: a user's mistake in one line, a bug with its traceback."""

import os
import shlex
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

from dvcproject.errors import ProjectError
from dvcproject.quoting import printable


class UserError(ProjectError):
    """A mistake of the caller or of the outside world: where, expected, found, what to do."""


def run(main: Callable[[], None]) -> None:
    """Run a command. A mistake ends in one line on stderr and exit status 2, Ctrl-C in 130.

    Characters that the encoding of the output lacks, as in Latin-1, become question marks.
    """
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="replace")  # type: ignore[union-attr]
    try:
        main()
        sys.stdout.flush()
    except ProjectError as error:
        _end(_pasteable(str(error)), 2)
    except KeyboardInterrupt as error:
        _end(_pasteable(str(error)) or "interrupted", 130)
    except OSError as error:
        _close_stdout()  # what it still holds would fail again at exit
        where = "standard output" if error.filename is None else str(error.filename)
        _end(printable(f"{where}: {error.strerror or error}"), 2)


def _end(line: str, status: int) -> NoReturn:
    print(line, file=sys.stderr)
    sys.exit(status)


def _pasteable(message: str) -> str:
    """Return a message whose commands can be pasted: with the path of DVC where PATH has none."""
    dvc = Path(sys.executable).with_name("dvc")
    if shutil.which("dvc") or not dvc.exists():
        return message
    path = dvc.relative_to(Path.cwd()) if dvc.is_relative_to(Path.cwd()) else dvc
    return message.replace("`dvc ", f"`{shlex.quote(str(path))} ")


def _close_stdout() -> None:
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())

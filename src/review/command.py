"""A command that a person or CI runs: one line for what went wrong, files whole or not at all."""

import os
import shlex
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from dvcproject.errors import ProjectError
from review import errors
from review.errors import UserError
from review.quoting import printable


def run(main: Callable[[], None]) -> None:
    """Run `main`; a mistake, and a place that cannot be read or written, end in a line, status 2.

    What stdout cannot say, in Latin-1 say, becomes a question mark.
    """
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="replace")  # type: ignore[union-attr]
    errors.run(lambda: _told(main))


def _told(main: Callable[[], None]) -> None:
    try:
        main()
        sys.stdout.flush()
    except ProjectError as error:
        raise UserError(_pasteable(printable(error))) from None
    except KeyboardInterrupt as error:
        raise KeyboardInterrupt(_pasteable(str(error))) from None
    except OSError as error:
        _close_stdout()  # what it still holds would fail again at exit
        where = "standard output" if error.filename is None else str(error.filename)
        raise UserError(printable(f"{where}: {error.strerror or error}")) from None


def _pasteable(message: str) -> str:
    """Return a message whose commands can be pasted: with the path of DVC where PATH has none."""
    dvc = Path(sys.executable).with_name("dvc")
    if shutil.which("dvc") or not dvc.exists():
        return message
    path = dvc.relative_to(Path.cwd()) if dvc.is_relative_to(Path.cwd()) else dvc
    return message.replace("`dvc ", f"`{shlex.quote(str(path))} ")


def _close_stdout() -> None:
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


@contextmanager
def whole(path: Path) -> Iterator[Path]:
    """Yield a file to write that becomes `path` when all is written. Raises UserError if it cannot.

    A pipe or a device is written as it is.
    """
    target = path.resolve()
    part = target.with_name(f".{os.getpid()}-{target.name}")
    if target.exists() and not target.is_file() and not target.is_dir():
        part = target
    try:
        yield part
        if part != target:
            part.replace(target)
    except OSError as error:
        raise UserError(f"{path}: {error.strerror or error}; nothing was written") from None
    finally:
        if part != target:
            with suppress(OSError):
                part.unlink()


def write(text: str, path: Path) -> None:
    """Write a text to `path`, whole or not at all."""
    with whole(path) as part:
        part.write_bytes(text.encode("utf-8", "replace"))

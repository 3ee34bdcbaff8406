"""The audit hook: what the Python processes of a stage open, where there is no strace.

`variables` is what a launcher adds to the environment of a stage; `read` what was logged. The hook
is copied to where the stage sees it; of this package it may see nothing.
"""

import json
import os
import shutil
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sealed.watch.opens import Opens

FOLDER = Path(__file__).with_name("hook")
LOG = "SEALED_WATCH"
MOST_BYTES = 50_000_000  # of a log that are read; the stage can write to it what it likes


def variables(
    environ: Mapping[str, str], log: Path | str, folder: Path | str = FOLDER
) -> dict[str, str]:
    """Return variables that have every Python log into `log`, with the hook in `folder`."""
    path = [str(folder), *filter(None, [environ.get("PYTHONPATH", "")])]
    return {LOG: str(log), "PYTHONPATH": os.pathsep.join(path)}


def put(folder: Path, log: Path) -> None:
    """Copy the hook into a folder, and make an empty log."""
    folder.mkdir(exist_ok=True)
    for file in FOLDER.glob("*.py"):
        shutil.copyfile(file, folder / file.name)
    log.touch()


def read(log: Path) -> "Opens":
    """Read a log; there is none where no Python ran."""
    from sealed.watch.opens import Opens  # noqa: PLC0415  # not before the stage has started

    found = Opens()
    for line in _content(log).splitlines():
        try:
            how, path = json.loads(line)
            found.note(path, how)
        except (ValueError, TypeError, AttributeError, RecursionError):
            continue  # half a line: it was killed; or no line of the hook's
    return found


def _content(log: Path) -> bytes:
    """Return what a log holds, if it still is one and not what a stage has put in its place."""
    try:
        descriptor = os.open(log, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return b""
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        return b""
    with os.fdopen(descriptor, "rb") as file:
        return file.read(MOST_BYTES)

"""Who runs the pipeline: a process that a stage must not outlive, and what it said about itself."""

import os
import signal
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from sealed.errors import SIGNALLED, StageError

STARTED = 19  # the field of /proc/PID/stat after the name: when, in ticks since the machine did


class Process(NamedTuple):
    """A process, told from a later one of the same number."""

    pid: int
    started: str


def find() -> Process | None:
    """Return who runs the pipeline: the nearest ancestor that is no `sh -c`; None: not to be seen.

    Raises StageError when it has ended already.
    """
    child, pid = os.getpid(), os.getppid()
    with suppress(FileNotFoundError, ProcessLookupError):
        try:
            while (words := Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0"))[1:]:
                if not (words[0].endswith(b"sh") and b"-c" in words[1:]):
                    break
                child, pid = pid, int(status(pid)[1])
            return Process(pid, status(pid)[STARTED]) if pid > 1 else None
        except (FileNotFoundError, ProcessLookupError):
            if int(status(child)[1]) == pid:  # it lives, out of sight: hidepid, or `docker exec`
                return None
    raise StageError("who started it is gone", SIGNALLED + signal.SIGHUP)


def require(process: Process | None) -> None:
    """Raise StageError where it has ended; None: it is not to be seen."""
    if process and gone(process):
        raise StageError("who started it is gone; nothing is published", SIGNALLED + signal.SIGHUP)


def status(pid: int) -> list[str]:
    """Return the fields of /proc/PID/stat after the name, which may hold anything."""
    status = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    return status.rpartition(")")[2].split()


def gone(process: Process) -> bool:
    """Tell whether a process has ended; its number may be somebody else's by now."""
    try:
        fields = status(process.pid)
    except (FileNotFoundError, ProcessLookupError):
        return True
    return fields[0] in "ZX" or fields[STARTED] != process.started

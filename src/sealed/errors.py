"""Why a stage was refused, failed or was stopped, told in one line."""

from collections.abc import Iterable

from sealed.quoting import printable
from sealed.violation import Finding

SIGNALLED = 0x80  # added to the number of a signal: the exit status by which a shell tells it


class StageError(Exception):
    """Where, what was expected, what was found, what to do; and the exit status to end with."""

    def __init__(self, line: str, status: int = 2, found: Iterable[Finding] = ()) -> None:
        """Keep the line, the exit status, and what of it is a violation."""
        super().__init__(printable(line))
        self.status = status
        self.found = list(found)

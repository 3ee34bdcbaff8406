"""Standard error of a launcher, which nobody may read: `| head` has ended, a terminal is closed.

A stage writes to a pipe that the launcher empties. Where what it says cannot be passed on, it is
dropped: otherwise the pipe would fill, and the stage would wait for ever.
"""

import io
import os
import sys


class Forgiving(io.FileIO):
    """A descriptor that leads to nowhere from the first write on that fails."""

    def write(self, words: "bytes | bytearray | memoryview") -> int:  # type: ignore[override]
        """Write, return how many bytes were taken."""
        try:
            return super().write(words)
        except OSError:
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self.fileno())
            os.close(nowhere)
            return super().write(words)


def forgive() -> None:
    """Let no later write to standard error fail; it may be closed already (`2>&-`)."""
    descriptor = sys.stderr.fileno() if sys.stderr else os.open(os.devnull, os.O_WRONLY)
    raw = Forgiving(descriptor, "wb", closefd=False)
    sys.stderr = io.TextIOWrapper(
        io.BufferedWriter(raw), errors="backslashreplace", line_buffering=True
    )

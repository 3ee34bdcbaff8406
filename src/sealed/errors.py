"""Why a stage was refused, failed or was stopped, told in one line."""

SIGNALLED = 0x80  # added to the number of a signal: the exit status by which a shell tells it


class StageError(Exception):
    """Where, what was expected, what was found, what to do; and the exit status to end with."""

    def __init__(self, line: str, status: int = 2) -> None:
        """Keep the line, and the exit status."""
        super().__init__(" ".join(line.splitlines()))
        self.status = status

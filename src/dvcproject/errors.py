"""What is wrong with a project, in one line."""

from dvcproject.quoting import printable


class ProjectError(Exception):
    """Where, what was expected, what was found, what to do; and the exit status to end with."""

    status = 2

    def __init__(self, line: str) -> None:
        """Keep the text as one line that a terminal can print."""
        super().__init__(printable(line))

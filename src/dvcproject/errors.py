"""What is wrong with a project, in one line."""


class ProjectError(Exception):
    """Where, what was expected, what was found, what to do; and the exit status to end with."""

    status = 2

    def __init__(self, line: str) -> None:
        """Keep the line; what git or DVC wrote over several lines becomes one."""
        super().__init__(" ".join(line.splitlines()))

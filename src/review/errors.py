"""What is told to the user in one line, and what is a bug."""

import sys
from collections.abc import Callable

from dvcproject.errors import ProjectError


class UserError(ProjectError):
    """A mistake of the caller or of the outside world: where, expected, found, what to do."""


def run(main: Callable[[], None]) -> None:
    """Run a script's `main`; a `UserError` ends in one line on stderr and exit status 2.

    Ctrl-C ends in a line too, with the status 130 that a shell gives it. Anything else is a bug and
    shows its traceback.
    """
    try:
        main()
    except ProjectError as error:
        print(error, file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt as error:
        print(str(error) or "interrupted", file=sys.stderr)
        sys.exit(130)

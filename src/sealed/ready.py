"""Can `dvc repro` start? `python -m sealed.ready` takes what `dvc repro` takes, and runs nothing.

DVC deletes the outputs of a stage before it runs the stage, so a mistake is reported before that.
"""

import os
import sys
from collections.abc import Mapping

from sealed.engines import choose
from sealed.errors import StageError


def require(words: list[str], environ: Mapping[str, str]) -> None:
    """Raise StageError where STAGE_ENGINE or the arguments of `dvc repro` are invalid."""
    choose.require(environ)
    if words:
        _require_arguments(words)


def _require_arguments(words: list[str]) -> None:
    from dvc.cli import DvcParserError, parse_args  # noqa: PLC0415  # half a second

    try:
        parse_args(["repro", *words])
    except DvcParserError:  # DVC has printed the mistake and its usage
        raise StageError(
            f"DVC_FLAGS: expected arguments of `dvc repro`, found {' '.join(words)!r:.80}"
        ) from None


def main() -> int:
    """Check; a user's mistake ends in one line."""
    try:
        require(sys.argv[1:], os.environ)
    except (StageError, OSError) as reason:
        print(f"sealed: {reason}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())

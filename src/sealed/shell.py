"""The shell that DVC starts each command with: `SHELL=sealed-shell dvc repro` seals every stage.

DVC calls `$SHELL -c COMMAND` in the stage's working directory, with DVC_STAGE set. What else is
asked of a shell, `/bin/sh` does.
"""

import os
import sys

from sealed import address, launch
from sealed.errors import StageError

SH = "/bin/sh"


def main() -> int:
    """Run what a shell is asked for."""
    words = sys.argv[1:]
    asked = len(words) == 2 and words[0] == "-c"
    if not asked or not {"DVC_STAGE", "DVC_ROOT"} & os.environ.keys():
        os.environ["SHELL"] = SH
        os.execv(SH, [SH, *words])  # noqa: S606
    name = os.environ.get("DVC_STAGE", words[1])
    return launch.ended(name, lambda: _launch(words[1]))


def _launch(words: str) -> None:
    if "DVC_STAGE" not in os.environ:
        raise StageError("this DVC does not say which stage it runs; install DVC 3.49 or later")
    launch.launch(address.of_command(os.environ), words)


if __name__ == "__main__":
    sys.exit(main())

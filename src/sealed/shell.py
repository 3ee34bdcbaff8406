"""The shell that DVC starts each command with: `SHELL=sealed-shell dvc repro` seals every stage.

DVC calls `$SHELL -c COMMAND` in the stage's working directory, with DVC_STAGE set. What else is
asked of a shell, `/bin/sh` does.
"""

import os
import sys

from dvcproject import address
from sealed import launch, stderr

SH = "/bin/sh"


def main() -> int:
    """Run what a shell is asked for."""
    words = sys.argv[1:]
    asked = len(words) == 2 and words[0] == "-c"
    if not asked or not {"DVC_STAGE", "DVC_ROOT"} & os.environ.keys():
        os.environ["SHELL"] = SH
        os.execv(SH, [SH, *words])  # noqa: S606
    stderr.forgive()
    name = os.environ.get("DVC_STAGE", words[1])
    return launch.ended(name, lambda: launch.launch(address.of_command(os.environ), words[1]))


if __name__ == "__main__":
    sys.exit(main())

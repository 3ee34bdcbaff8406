"""`sealed` for `forked.run`: DVC, which it becomes, goes on in the same process."""

import os
import runpy
import sys
from pathlib import Path

from sealed.__main__ import main

DVC, EXECV = str(Path(sys.executable).with_name("dvc")), os.execv


def become(program: str, argv: list[str]) -> None:
    """Run DVC, or the folder of code that runs it; anything else is executed."""
    os.execv = EXECV
    if program == DVC:
        sys.argv = ["dvc", *argv[1:]]
        runpy.run_module("dvc", run_name="__main__", alter_sys=True)
    elif argv[3:4] == [DVC]:
        sys.argv = list(argv[1:])
        runpy.run_path(argv[1], run_name="__main__")
    else:
        os.execv(program, argv)  # noqa: S606
    sys.exit()


if __name__ == "__main__":
    os.execv = become  # type: ignore[assignment]
    sys.exit(main())

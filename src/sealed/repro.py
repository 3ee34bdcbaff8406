"""Run DVC so that each stage is sealed: `python -m sealed.repro repro [what dvc repro takes]`.

It becomes `dvc`, with SHELL set to the launcher; dvc.yaml and dvc.lock stay as they are. With
`--violations FILE` what is wrong with the stages is in that file in the end, a line of JSON each.
"""

import os
import shlex
import shutil
import sys
from pathlib import Path
from typing import NoReturn

from sealed.errors import StageError
from sealed.watch import told

OURS = "--violations"
LAUNCHER = """#!/bin/sh
exec {python} -c {code} "$@"
"""
CODE = "import sys; sys.path[:0] = {path!r}; from sealed import shell; sys.exit(shell.main())"


def run(words: list[str]) -> NoReturn:
    """Become `dvc` with these arguments. Raises StageError where there is none."""
    here = Path(sys.executable).with_name("dvc")
    dvc = shutil.which("dvc") or (str(here) if here.exists() else None)
    if dvc is None:
        raise StageError("dvc: not on PATH; install it, or activate the environment that has it")
    words = _without_ours(words)
    os.environ["SHELL"] = str(launcher())
    os.execv(dvc, [dvc, *words])  # noqa: S606


def _without_ours(words: list[str]) -> list[str]:
    """Take `--violations FILE` from the arguments, which is not DVC's, and begin the file."""
    left, rest = [], iter(words)
    for word in rest:
        flag, _, value = word.partition("=")
        if flag != OURS:
            left.append(word)
            continue
        value = value or next(rest, "")
        if not value or Path(value).is_dir():
            raise StageError(f"{OURS}: expected a file to write to, found {value!r}")
        told.begin(value)
    return left


def launcher() -> Path:
    """Return the program `sealed-shell`: as installed, else one that is written for this Python."""
    installed = Path(sys.executable).with_name("sealed-shell")
    if installed.exists():
        return installed
    code = CODE.format(path=[str(Path(__file__).parents[1])])
    text = LAUNCHER.format(python=shlex.quote(sys.executable), code=shlex.quote(code))
    place = _project() / ".dvc/tmp/sealed-shell"
    place.parent.mkdir(parents=True, exist_ok=True)
    fresh = place.with_name(f"{place.name}.{os.getpid()}")
    fresh.write_text(text, encoding="utf-8")
    fresh.chmod(0o755)
    return fresh.replace(place)


def _project() -> Path:
    here = Path.cwd()
    for folder in (here, *here.parents):
        if (folder / ".dvc").is_dir():
            return folder
    raise StageError(f"{here}: expected a DVC project around it, found none; run `dvc init`")


def main() -> int:
    """Become DVC; say in a line why that cannot be."""
    try:
        run(sys.argv[1:])
    except (StageError, OSError) as reason:
        print(f"sealed: {reason}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())

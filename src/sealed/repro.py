"""Run DVC so that each stage is sealed: `python -m sealed.repro repro [what dvc repro takes]`.

It becomes `dvc`, with SHELL set to the launcher; dvc.yaml and dvc.lock stay as they are. DVC keeps
its .gitignore entries where a stage fails. With
`--violations FILE` what is wrong with the stages is in that file in the end, a line of JSON each;
with `--jobs N` stages whose inputs are ready run side by side, N at most.
"""

import argparse
import os
import re
import shlex
import shutil
import sys
from pathlib import Path
from typing import NoReturn

from dvcproject import root
from dvcproject.errors import ProjectError
from sealed.engines import choose
from sealed.errors import StageError
from sealed.watch import told

# a Python in the first lines of a program: `#!/usr/bin/env python3`, and pip's for a long path
PYTHON = re.compile(r'"([^"]*/python[\d.]*)"|((?<![\w"])[\w/.+-]*python[\d.]*)')
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
    ours, words = _parser(words).parse_known_args(words)
    argv = _changed([dvc, *words], getattr(ours, "jobs", None))
    if words[:1] == ["repro"] or words[:2] == ["exp", "run"]:
        choose.require(os.environ)  # before DVC deletes the outputs of a stage
    if ours.violations is not None:
        _begin(ours.violations)
    os.environ["SHELL"] = str(launcher())
    os.execv(argv[0], argv)  # noqa: S606


def _parser(words: list[str]) -> argparse.ArgumentParser:
    """Return what tells our own options from DVC's."""
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument("--violations", nargs="?", const="")
    if words[:1] == ["repro"]:  # `dvc exp run --jobs` is DVC's own
        parser.add_argument("--jobs", "-j", nargs="?", const="")
    return parser


def _begin(file: str) -> None:
    if not file or Path(file).is_dir():
        raise StageError(f"--violations: expected a file to write to, found {file!r}")
    told.begin(file)


def _changed(argv: list[str], jobs: str | None) -> list[str]:
    """Return what runs DVC's command as `sealed.jobs` changes it. Raises StageError."""
    if jobs is None and b"dvc.cli" not in Path(argv[0]).read_bytes()[:1024]:
        return argv  # not the program that pip installs: it may do more than start DVC
    count = "0" if jobs is None else jobs
    if jobs is not None and not (jobs.isdecimal() and int(jobs)):
        raise StageError(f"--jobs: expected how many stages at once, 1 or more, found {jobs!r}")
    return [_python_of(argv[0]), str(Path(__file__).with_name("jobs")), count, *argv]


def _python_of(dvc: str) -> str:
    """Return the Python that a program `dvc` runs in. Raises StageError."""
    head = Path(dvc).read_bytes()[:1024].decode(errors="replace").splitlines()[:2]
    named = ["".join(words) for words in PYTHON.findall("\n".join(head))]
    beside = Path(dvc).resolve().with_name("python")  # where it is the program of an environment
    for python in [*named, str(beside)]:
        if found := shutil.which(python):
            return found
    raise StageError(f"--jobs: {dvc}: expected a Python program; install `dvc` with pip")


def launcher() -> Path:
    """Return the program `sealed-shell`: as installed, else one that is written for this Python."""
    installed = Path(sys.executable).with_name("sealed-shell")
    if installed.exists():
        return installed
    code = CODE.format(path=[str(Path(__file__).parents[1])])
    text = LAUNCHER.format(python=shlex.quote(sys.executable), code=shlex.quote(code))
    place = root.find(Path.cwd()) / ".dvc/tmp/sealed-shell"
    place.parent.mkdir(parents=True, exist_ok=True)
    fresh = place.with_name(f"{place.name}.{os.getpid()}")
    fresh.write_text(text, encoding="utf-8")
    fresh.chmod(0o755)
    return fresh.replace(place)


def main() -> int:
    """Become DVC; say in a line why that cannot be."""
    try:
        run(sys.argv[1:])
    except (ProjectError, OSError) as reason:
        print(f"sealed: {reason}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())

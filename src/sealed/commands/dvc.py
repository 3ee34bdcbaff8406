"""`sealed repro`, `sealed exp` and `sealed queue`: DVC itself, with every stage in a sandbox.

The process becomes `dvc`, with SHELL set to `sealed-shell`. dvc.yaml and dvc.lock stay as they are.
If a stage fails, DVC keeps the .gitignore entries of the outputs.
"""

import argparse
import os
import re
import shlex
import shutil
import sys
from pathlib import Path
from typing import NoReturn

from dvcproject.root import find
from sealed.engines import choose
from sealed.errors import StageError
from sealed.findings import violations_file

SOURCE = Path(__file__).parents[1]  # of this package
# a Python in the first lines of a program: `#!/usr/bin/env python3`, and pip's for a long path
PYTHON = re.compile(r'"([^"]*/python[\d.]*)"|((?<![\w"])[\w/.+-]*python[\d.]*)')
LAUNCHER = """#!/bin/sh
exec {python} -c {code} "$@"
"""
CODE = "import sys; sys.path[:0] = {path!r}; from sealed import shell; sys.exit(shell.main())"


DESCRIPTION = """\
Becomes `dvc {name}`, with every stage in a sandbox that contains what the stage declares.
All other arguments go to DVC, which refuses what it does not know: see `dvc {name} --help`."""
STATUSES = """\
exit status:
  0    DVC succeeded
  2    the arguments of `sealed` are invalid, or there is no DVC or engine
  any  other status is that of DVC: 255 if a stage failed, 254 for an unknown argument"""


def add_options(command: argparse.ArgumentParser) -> None:
    """Add our options of the command."""
    name = command.prog.split()[-1]
    command.description, command.epilog = DESCRIPTION.format(name=name), STATUSES
    command.usage = f"sealed {name} [--help] [OPTION ...] [arguments of `dvc {name}` ...]"
    command.add_argument(
        "--violations",
        nargs="?",
        const="",
        metavar="FILE",
        help="write what the stages do and do not declare there, one line of JSON per violation "
        "(default: only messages)",
    )
    if name == "repro":  # `dvc exp run --jobs` is DVC's own
        command.add_argument(
            "--jobs",
            "-j",
            nargs="?",
            const="",
            metavar="N",
            help="run up to N stages at once (default: one after the other)",
        )
    command.set_defaults(run=run, name=name, jobs=None)


def run(options: argparse.Namespace, others: list[str]) -> NoReturn:
    """Become `dvc` with the other arguments. Raises StageError where that cannot be."""
    beside = Path(sys.executable).with_name("dvc")
    dvc = shutil.which("dvc") or (str(beside) if beside.exists() else None)
    if dvc is None:
        raise StageError("dvc: not on PATH; install it, or activate the environment that has it")
    words = [options.name, *others]
    argv = _changed([dvc, *words], options.jobs)
    if words[0] == "repro" or words[:2] == ["exp", "run"]:
        choose.require(os.environ)  # before DVC deletes the outputs of a stage
    if options.violations is not None:
        _begin(options.violations)
    os.environ["SHELL"] = str(launcher())
    os.execv(argv[0], argv)  # noqa: S606


def _begin(file: str) -> None:
    if not file or Path(file).is_dir():
        raise StageError(f"--violations: expected a file to write to, found {file!r}")
    violations_file.begin(file)


def _changed(argv: list[str], jobs: str | None) -> list[str]:
    """Return what runs DVC as `sealed.parallel` changes it. Raises StageError."""
    if jobs is None and b"dvc.cli" not in Path(argv[0]).read_bytes()[:1024]:
        return argv  # not the program that pip installs: it may do more than start DVC
    count = "0" if jobs is None else jobs
    if jobs is not None and not (jobs.isdecimal() and int(jobs)):
        raise StageError(f"--jobs: expected how many stages at once, 1 or more, found {jobs!r}")
    return [_python_of(argv[0]), str(SOURCE / "parallel"), count, *argv]


def _python_of(dvc: str) -> str:
    """Return the Python that a program `dvc` runs in. Raises StageError."""
    head = Path(dvc).read_bytes()[:1024].decode(errors="replace").splitlines()[:2]
    named = ["".join(words) for words in PYTHON.findall("\n".join(head))]
    beside = Path(dvc).resolve().with_name("python")  # where it is the program of an environment
    for python in [*named, str(beside)]:
        if path := shutil.which(python):
            return path
    raise StageError(f"--jobs: {dvc}: expected a Python program; install `dvc` with pip")


def launcher() -> Path:
    """Return the program `sealed-shell`: as installed, or one that is written for this Python."""
    installed = Path(sys.executable).with_name("sealed-shell")
    if installed.exists():
        return installed
    code = CODE.format(path=[str(SOURCE.parent)])
    text = LAUNCHER.format(python=shlex.quote(sys.executable), code=shlex.quote(code))
    program = find(Path.cwd()) / ".dvc/tmp/sealed-shell"
    program.parent.mkdir(parents=True, exist_ok=True)
    draft = program.with_name(f"{program.name}.{os.getpid()}")
    draft.write_text(text, encoding="utf-8")
    draft.chmod(0o755)
    return draft.replace(program)

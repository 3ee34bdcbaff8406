"""`sealed learn STAGE`: runs it once, and declares what it read."""

import argparse
import os
import sys
from pathlib import Path

from dvcproject.root import find
from sealed.check import entry, project
from sealed.errors import StageError
from sealed.learn import reads
from sealed.learn.run import watched
from sealed.stage import Stage

DESCRIPTION = """Runs one stage by `dvc repro --force --single-item`, watched by strace or else by a
hook in Python; shows what it read inside the project and does not declare as a diff of dvc.yaml,
and writes it."""


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command to a program's."""
    parser = commands.add_parser(
        "learn", help="run a stage, declare what it read", description=DESCRIPTION
    )
    parser.add_argument("stage", metavar="STAGE")
    parser.add_argument(
        "--dry", action="store_true", help="run it and show the diff, write nothing"
    )
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Learn one stage of the project around the working directory. Raises StageError."""
    root = find(Path.cwd())
    read = project.read(root)
    stage = _stage(options.stage, read.stages)
    path = root / stage.file
    before = path.read_text(encoding="utf-8")
    entry.extended(before, stage.name, ["any"])  # refused now rather than after the run
    how, opens = watched(stage, root)
    found = reads.undeclared(opens, stage, read)
    after = entry.extended(before, stage.name, [os.path.relpath(dep, stage.wdir) for dep in found])
    print(entry.patch(before, after, stage.file), end="", flush=True)
    print(f"learn: {stage.address}, watched by {how}: {len(found)} undeclared", file=sys.stderr)
    if after != before and not options.dry:
        _write(path, before, after)
        advice = f"`dvc commit --force {stage.address}` records them without another run"
        print(f"learn: written to {stage.file}; {advice}", file=sys.stderr)
    return 0


def _stage(name: str, stages: tuple[Stage, ...]) -> Stage:
    found = next((stage for stage in stages if stage.address == name), None)
    if found is None:
        known = ", ".join(stage.address for stage in stages)
        raise StageError(f"expected one of the stages {known}, found {name!r}")
    return found


def _write(path: Path, before: str, after: str) -> None:
    """Write a dvc.yaml whole or not at all. Raises StageError where it was edited meanwhile."""
    if path.read_text(encoding="utf-8") != before:
        raise StageError(f"{path.name} was edited meanwhile and stays as it is; run it again")
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    fresh.write_text(after, encoding="utf-8")
    fresh.chmod(path.stat().st_mode)
    fresh.replace(path)

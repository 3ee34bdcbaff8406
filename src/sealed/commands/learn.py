"""`sealed learn STAGE`: run one stage and declare what it reads."""

import argparse
import os
import sys
from pathlib import Path

from dvcproject.root import find
from sealed.errors import StageError
from sealed.findings import entry, project
from sealed.learn import reads
from sealed.learn.run import watched

DESCRIPTION = """\
Runs one stage by `dvc repro --force --single-item`, in no sandbox, and watches it with strace,
or with a hook in Python if there is no strace. Prints a diff of dvc.yaml that declares the
files of the project that the stage read, and writes it."""
STATUSES = """\
exit status:
  0    the stage succeeded
  2    the arguments are invalid, or dvc.yaml cannot be edited
  any  other status is that of DVC, if the stage failed; dvc.yaml stays as it is"""


def add_options(command: argparse.ArgumentParser) -> None:
    """Add the options of the command."""
    command.description, command.epilog = DESCRIPTION, STATUSES
    command.add_argument("stage", metavar="STAGE", help="its name in dvc.yaml (required)")
    command.add_argument(
        "--dry", action="store_true", help="print the diff, write nothing (default: write it)"
    )
    command.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Learn one stage of the project around the working directory. Raises StageError."""
    root = find(Path.cwd())
    declared = project.read(root)
    [stage] = project.named(declared.stages, (options.stage,))
    path = root / stage.file
    before = path.read_text(encoding="utf-8")
    entry.extended(before, stage.name, ["any"])  # refused now rather than after the run
    watcher, opens = watched(stage, root)
    missing = reads.undeclared(opens, stage, declared)
    deps = [os.path.relpath(dep, stage.wdir) for dep in missing]
    after = entry.extended(before, stage.name, deps)
    print(entry.patch(before, after, stage.file), end="", flush=True)
    count = f"{len(missing)} undeclared"
    print(f"learn: {stage.address}, watched by {watcher}: {count}", file=sys.stderr)
    if after != before and not options.dry:
        _write(path, before, after)
        advice = f"`dvc commit --force {stage.address}` records them without another run"
        print(f"learn: written to {stage.file}; {advice}", file=sys.stderr)
    return 0


def _write(path: Path, before: str, after: str) -> None:
    """Write a dvc.yaml whole or not at all. Raises StageError where it was edited meanwhile."""
    if path.read_text(encoding="utf-8") != before:
        raise StageError(f"{path.name} was edited meanwhile and stays as it is; run it again")
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    draft.write_text(after, encoding="utf-8")
    draft.chmod(path.stat().st_mode)
    draft.replace(path)

"""`sealed why`: print which engine each stage would run in, and why."""

import argparse
import os
import sys
from pathlib import Path

from dvcproject.quoting import printable
from dvcproject.root import find
from sealed.engines import choose
from sealed.errors import StageError
from sealed.findings import project
from sealed.stage import Stage, among_peers

DESCRIPTION = """\
Prints one line for each stage: the engine that would run it now, and why. Runs nothing.
STAGE_ENGINE=docker, podman, bwrap, host or slurm asks for an engine. Otherwise the first
of docker, podman, bwrap and host that works for the stage is taken."""
STATUSES = """\
exit status:
  0  every stage has an engine
  1  no engine can run at least one of the stages
  2  the arguments are invalid, or DVC cannot read the project"""


def add_options(command: argparse.ArgumentParser) -> None:
    """Add the options of the command."""
    command.description, command.epilog = DESCRIPTION, STATUSES
    command.add_argument(
        "stages", nargs="*", metavar="STAGE", help="stages to look at (default: all)"
    )
    command.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Print the engine of each stage. Raises StageError."""
    root = find(Path.cwd())
    stages = project.named(project.read(root).stages, tuple(options.stages))
    return max([_print_engine(stage, root) for stage in stages], default=0)


def _print_engine(stage: Stage, root: Path) -> int:
    """Print the engine of a stage; return 1 if no engine can run it."""
    if not stage.sealed:
        print(printable(f"{stage.address}: in no sandbox: its `meta` says `sealed: false`"))
        return 0
    try:
        chosen = choose.choose(among_peers(stage, os.environ), root, os.environ)
    except StageError as reason:
        print(f"sealed: {stage.address}: {reason}", file=sys.stderr)
        return 1
    print(printable(f"{stage.address}: {chosen}"))
    return 0

"""`review locked`: fail unless dvc.lock matches the code, params and metrics of the workspace."""

import argparse
from pathlib import Path

from dvcproject.revision import workspace
from dvcproject.root import find
from review.record import lock_check

DESCRIPTION = """\
Compares what dvc.lock records of code, params and metrics with the files of the workspace.
Needs neither data nor a cache, so it runs on a fresh checkout, where `dvc status` reports
everything as deleted."""
STATUSES = """\
exit status:
  0  dvc.lock matches
  2  dvc.lock differs, or cannot be read"""


def add_options(command: argparse.ArgumentParser) -> None:
    """Add the options of the command: it has none."""
    command.description, command.epilog = DESCRIPTION, STATUSES
    command.set_defaults(run=run)


def run(_: argparse.Namespace) -> None:
    """Check the workspace."""
    lock_check.require(workspace(find(Path.cwd())))
    print("dvc.lock is that of the code, the params and the metrics here")

"""`sealed run STAGE`: run one stage in a sandbox."""

import argparse
from pathlib import Path

from dvcproject import address
from dvcproject.root import find
from sealed import launch, stderr

DESCRIPTION = """\
Runs the command of one stage in a sandbox with what dvc.yaml declares for it, and moves its
outputs into the workspace. STAGE_ENGINE chooses the engine, see `sealed why`."""
STATUSES = """\
exit status:
  0    the stage succeeded
  2    the stage was refused, or its outputs were not published
  130  it was stopped by Ctrl-C; 143: by SIGTERM; 129: by SIGHUP
  any  other status is that of the stage's own command, which failed"""


def add_options(command: argparse.ArgumentParser) -> None:
    """Add the options of the command."""
    command.description, command.epilog = DESCRIPTION, STATUSES
    command.add_argument("stage", metavar="STAGE", help="its name in dvc.yaml (required)")
    command.add_argument(
        "--peer",
        action="store_true",
        help="run beside another run of this stage, which publishes the outputs (default: publish)",
    )
    command.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Launch the stage."""
    stderr.forgive()

    def start() -> None:
        stage = address.of_name(options.stage, find(Path.cwd()))
        launch.launch(stage, publishes=not options.peer)

    return launch.ended(options.stage, start)

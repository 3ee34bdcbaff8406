"""`python -m sealed COMMAND`, `sealed COMMAND`: a stage sees what it declares and nothing else."""

import argparse
import signal
import sys

from dvcproject.errors import ProjectError
from sealed import repro, verify
from sealed.check import program as check
from sealed.errors import SIGNALLED
from sealed.learn import program as learn

OF_DVC = {"repro": "dvc repro", "exp": "dvc exp", "queue": "dvc queue"}  # with every stage sealed


def main() -> int:
    """Run the command that the command line names; a user's mistake ends in one line."""
    words = sys.argv[1:]
    try:
        if words[:1] and words[0] in OF_DVC:  # what follows is DVC's to read
            repro.run(words)
        options = _parser().parse_args(words)
        return int(options.run(options))
    except ProjectError as reason:
        print(f"sealed: {reason}", file=sys.stderr)
        return reason.status
    except OSError as error:
        print(f"sealed: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("sealed: interrupted", file=sys.stderr)
        return SIGNALLED + signal.SIGINT


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="sealed", description="Sealed stages for any DVC project."
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    check.add(commands)
    learn.add(commands)
    verify.add(commands)
    for name, command in OF_DVC.items():
        commands.add_parser(name, help=f"`{command}` with every stage sealed", add_help=False)
    return parser


if __name__ == "__main__":
    sys.exit(main())

"""The program `sealed`, also `python -m sealed`: subcommands, one module of `commands` for each."""

import argparse
import signal
import sys
from collections.abc import Sequence
from importlib import import_module

from dvcproject.errors import ProjectError
from sealed.errors import SIGNALLED

COMMANDS = {
    "check": "report what the stages read and do not declare, without running them",
    "learn": "run one stage and declare what it reads",
    "run": "run one stage in a sandbox",
    "repro": "`dvc repro` with every stage in a sandbox",
    "exp": "`dvc exp` with every stage in a sandbox",
    "queue": "`dvc queue` with every stage in a sandbox",
    "verify": "compare every output with dvc.lock and the .dvc files",
    "why": "print which engine each stage would run in, and why",
}
OF_DVC = ("repro", "exp", "queue")  # DVC takes, or refuses, the arguments that are not ours


def main(words: Sequence[str] | None = None) -> int:
    """Run the command of a command line; a user's mistake ends in one line and exit status 2."""
    words = sys.argv[1:] if words is None else words
    program = parser(words)
    try:
        options, others = program.parse_known_args(words)
        if others and words[0] not in OF_DVC:
            program.error(f"unrecognized arguments: {' '.join(others)}")
        return int(options.run(options, others) if words[0] in OF_DVC else options.run(options))
    except ProjectError as reason:
        print(f"sealed: {reason}", file=sys.stderr)
        return reason.status
    except OSError as error:
        print(f"sealed: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("sealed: interrupted", file=sys.stderr)
        return SIGNALLED + signal.SIGINT


def parser(words: Sequence[str]) -> argparse.ArgumentParser:
    """Return the parser of a command line; only the command that it names has its options."""
    program = argparse.ArgumentParser(
        prog="sealed",
        description="Run the stages of a DVC project in sandboxes with only what they declare.",
        epilog="Every command works in any folder of the project.",
        allow_abbrev=False,
    )
    commands = program.add_subparsers(required=True, metavar="COMMAND")
    for name, text in COMMANDS.items():
        command = commands.add_parser(
            name,
            help=text,
            allow_abbrev=False,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        if name in words[:1]:  # a launcher must not wait for the imports of other commands
            module = "dvc" if name in OF_DVC else name
            import_module(f"sealed.commands.{module}").add_options(command)
    return program


if __name__ == "__main__":
    sys.exit(main())

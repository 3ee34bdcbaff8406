"""Run one stage, sealed: `python -m sealed.launch NAME`, in the folder that holds dvc.yaml.

Exit status: 0; that of the stage; 2 where the stage was refused; 128 + n for signal n.
"""

import errno
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import NoReturn

from sealed import checkpoints, command, engine, process, room
from sealed.advice import advise
from sealed.errors import StageError
from sealed.stage import read

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def launch(name: str, root: Path) -> None:
    """Run stage `name` of the project in `root`, publish its outs. Raises StageError, OSError."""
    stage = read(name, root)
    chosen = engine.choose(stage, root, os.environ)
    say(name, str(chosen))
    with _stoppable(), room.opened(stage, root, engine.discard) as bare:
        made = bare._replace(kept=checkpoints.opened(stage, bare, chosen.image, root))
        argv, environ = command.build(chosen, stage, made, os.environ)
        status, last_words = process.run(argv, environ, chosen, made)
        if status:
            for line in advise(last_words, stage, made, root):
                say(name, line)
            reason = engine.explain(status, chosen, stage, os.environ, last_words)
            raise StageError(reason, status if status > 0 else 128 - status)
        room.inspect(made, stage)
        _ignore_signals()  # publishing takes milliseconds, and is whole or not at all
        room.publish(made, stage, root)
        checkpoints.discard(stage, root)


def say(name: str, line: str) -> None:
    """Say a line about a stage, on stderr."""
    print(f"stages/run {name}: {line}", file=sys.stderr, flush=True)


@contextmanager
def _stoppable() -> Iterator[None]:
    """Turn signals into StageError, the first of them; those ignored (nohup) stay ignored."""

    def stop(number: int, _: FrameType | None) -> NoReturn:
        _ignore_signals()  # clearing up is not to be interrupted
        name = signal.Signals(number).name
        raise StageError(f"stopped by {name}; nothing is published", 128 + number)

    for number in SIGNALS:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, stop)
    yield


def _ignore_signals() -> None:
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)


def main() -> int:
    """Launch the stage that the command line names; say in one line what went wrong."""
    name = sys.argv[1] if sys.argv[1:] else ""
    try:
        launch(name, Path.cwd())
    except StageError as reason:
        say(name, str(reason))
        return reason.status
    except OSError as error:
        full = error.errno in {errno.ENOSPC, errno.EDQUOT}
        say(name, f"{error}{'; free some space and run it again' if full else ''}")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())

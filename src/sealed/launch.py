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

from sealed.advice import advise
from sealed.engines import command, engine, process
from sealed.errors import StageError
from sealed.rooms import checkpoints, inputs, restoration, room
from sealed.rooms.room import Room
from sealed.stage import Stage, read

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def launch(name: str, root: Path) -> None:
    """Run stage `name` of the project in `root`, publish its outs. Raises StageError, OSError."""
    with _stoppable(), _restoring(name, root):
        stage = read(name, root)
        room.require_reachable(stage, root)
        checkpoints.sweep(root)
        chosen = engine.choose(stage, root, os.environ)
        say(name, str(chosen))
        with room.opened(stage, root, engine.discard) as bare:
            made = bare._replace(kept=checkpoints.opened(stage, bare, chosen.image, root))
            argv, environ = command.build(chosen, stage, made, root, os.environ)
            status, last_words = process.run(argv, environ, chosen, made)
            if status:
                for line in advise(last_words, stage, made, root):
                    say(name, line)
                reason = engine.explain(status, chosen, stage, os.environ, last_words)
                raise StageError(reason, status if status > 0 else 128 - status)
            _publish(stage, made, root)


def _publish(stage: Stage, made: Room, root: Path) -> None:
    """Put the outs into the workspace, if they are whole and it still holds what they are of."""
    room.inspect(made, stage)
    checkpoints.note(stage, made)
    with room.delivered(made, stage, root) as put:
        if found := inputs.changed(made.inputs, made.path, stage, root):
            raise StageError(
                f"{', '.join(found)}: changed while {stage.script} ran, so its results are not of "
                "what lies here; nothing is published, run it again"
            )
        _ignore_signals()  # publishing takes milliseconds, and is whole or not at all
        put()
    checkpoints.discard_others(made)


@contextmanager
def _restoring(name: str, root: Path) -> Iterator[None]:
    """On failure bring back the outs that DVC has deleted, where it is DVC that runs the stage."""
    try:
        yield
    except BaseException:
        _ignore_signals()
        if address := os.environ.get("DVC_STAGE"):
            for line in restoration.restore(address.rpartition(":")[2], root):
                say(name, line)
        raise


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

    signal.signal(signal.SIGCHLD, signal.SIG_DFL)  # ignored, exit statuses would be lost
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

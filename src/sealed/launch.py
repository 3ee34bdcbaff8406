"""Run a command of one stage, sealed: `python -m sealed.launch NAME`, in the folder of dvc.yaml.

`--peer NAME` runs it beside another run of the same stage that publishes, and publishes nothing.

Exit status: 0; that of the stage; 2 where the stage was refused; 128 + n for signal n.
"""

import errno
import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import NoReturn

from sealed import address, caller
from sealed.address import Address
from sealed.advice import advise, unnoticed, watched
from sealed.engines import bwrap, command, engine, process
from sealed.engines.engine import Engine
from sealed.errors import SIGNALLED, StageError
from sealed.rooms import checkpoints, delivery, inputs, inspection, place, restoration, room
from sealed.rooms.room import Room
from sealed.stage import Stage, among_peers, read

PEER = "--peer"
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def launch(of: Address, words: str | None = None, *, publishes: bool = True) -> None:
    """Run a command of a stage, its only one without `words`; publish its outs after its last.

    Raises StageError, OSError.
    """
    with _stoppable(), _restoring(of):
        stage = among_peers(read(of), os.environ)
        if not stage.sealed and words is not None:
            _become_a_plain_shell(words, of)
        delivery.require_reachable(stage, of.root)
        checkpoints.sweep(of.root)
        chosen = engine.choose(stage, of.root, os.environ)
        rooms = place.rooms(of.root, os.environ, hidden=chosen.name != engine.HOST)
        starter = caller.find()
        terms = room.Terms(rooms, engine.discard, binding=chosen.name == bwrap.NAME)
        with room.opened(stage, of.root, terms, starter) as bare:
            kept = checkpoints.opened(stage, bare, chosen.image, of.root) if publishes else None
            made = bare._replace(turn=_turn(stage, words, bare), kept=kept)
            if made.done == 0:
                _say_what_is_special(stage, chosen, of)
            last_words = _run(chosen, stage, made, of)
            if not publishes:
                return
            if made.done + 1 == len(stage.commands):
                with _advising(last_words, stage, made, of):
                    inspection.inspect(made, stage)
                _publish(stage, made, of)
                for line in unnoticed(stage, made, of.root).lines(stage):
                    say(of, f"it did without what the project has: {line}")
            elif starter:
                room.keep(made, stage, starter)


def _become_a_plain_shell(words: str, of: Address) -> NoReturn:
    say(of, "not sealed, as its `meta` says")
    for number in SIGNALS:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, signal.SIG_DFL)
    os.execv(command.SHELL, [command.SHELL, "-c", words])  # noqa: S606


def _turn(stage: Stage, words: str | None, made: Room) -> str:
    """Return the command that is to run now. Raises StageError where that is another one."""
    if words is None and len(stage.commands) == 1:
        return stage.commands[0]
    if words is None:
        raise StageError(
            f"{stage.file}: {stage.name}.cmd: expected one command, found {len(stage.commands)}; "
            f"`sealed repro {stage.address}` runs them in one room"
        )
    if words != stage.commands[made.done]:
        raise StageError(
            f"{stage.file}: {stage.name}.cmd: expected {stage.commands[made.done]!r:.80}, found "
            f"{words!r:.80}: it was edited, or another run is between two commands; run it again"
        )
    return words


def _say_what_is_special(stage: Stage, chosen: Engine, of: Address) -> None:
    say(of, str(chosen))
    found = [out for out in stage.persistent if (of.root / out).exists()]
    if found:
        say(of, f"{', '.join(found)}: `persist`, so it finds what its last run left there")


def _run(chosen: Engine, stage: Stage, made: Room, of: Address) -> str:
    """Run a command in the room, return its last words. Raises StageError where it fails."""
    argv, environ = command.build(chosen, stage, made, os.environ)
    if chosen.name == engine.HOST:
        environ = watched(made, environ)
    status, last_words = process.run(argv, environ, chosen, made)
    with _advising(last_words, stage, made, of):
        if status:
            reason = engine.explain(status, chosen, stage, os.environ, last_words)
            raise StageError(reason, status if status > 0 else SIGNALLED - status)
    return last_words


@contextmanager
def _advising(last_words: str, stage: Stage, made: Room, of: Address) -> Iterator[None]:
    """Say what may have been missing, before why it failed."""
    try:
        yield
    except StageError:
        for line in advise(last_words, stage, made, of.root):
            say(of, line)
        raise


def _publish(stage: Stage, made: Room, of: Address) -> None:
    """Put the outs into the workspace, if they are whole and it still holds what they are of."""
    checkpoints.note(stage, made)
    with delivery.delivered(made, stage, of.root, place.known(of.root, os.environ)) as put:
        if found := inputs.changed(made.inputs, made.path, stage, of.root):
            raise StageError(
                f"{', '.join(found)}: changed while {stage.what} ran, so its results are not of "
                "what lies here; nothing is published, run it again"
            )
        _ignore_signals()  # publishing takes milliseconds, and is whole or not at all
        put()
    checkpoints.discard_others(made)


@contextmanager
def _restoring(of: Address) -> Iterator[None]:
    """On failure bring back the outs that DVC has deleted, where it is DVC that runs the stage."""
    try:
        yield
    except BaseException:
        _ignore_signals()
        if "DVC_STAGE" in os.environ:
            for line in restoration.restore(of):
                say(of, line)
        raise


def say(of: Address | str, line: str) -> None:
    """Say a line about a stage, on stderr."""
    print(f"sealed {of}: {line}", file=sys.stderr, flush=True)


@contextmanager
def _stoppable() -> Iterator[None]:
    """Turn signals into StageError, the first of them; those ignored (nohup) stay ignored."""

    def stop(number: int, _: FrameType | None) -> NoReturn:
        _ignore_signals()  # clearing up is not to be interrupted
        name = signal.Signals(number).name
        raise StageError(f"stopped by {name}; nothing is published", SIGNALLED + number)

    signal.signal(signal.SIGCHLD, signal.SIG_DFL)  # ignored, exit statuses would be lost
    for number in SIGNALS:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, stop)
    yield


def _ignore_signals() -> None:
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)


def ended(of: Address | str, run: Callable[[], None]) -> int:
    """Run; say in one line what went wrong, and return the exit status."""
    try:
        run()
    except StageError as reason:
        say(of, str(reason))
        return reason.status
    except OSError as error:
        full = error.errno in {errno.ENOSPC, errno.EDQUOT}
        say(of, f"{error}{'; free some space and run it again' if full else ''}")
        return 2
    return 0


def main() -> int:
    """Launch the stage that the command line names."""
    peer = sys.argv[1:2] == [PEER]
    of = address.of_name(sys.argv[1 + peer] if sys.argv[1 + peer :] else "", Path.cwd())
    return ended(of, lambda: launch(of, publishes=not peer))


if __name__ == "__main__":
    sys.exit(main())

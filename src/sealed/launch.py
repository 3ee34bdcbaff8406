"""Run a command of one stage, sealed: `python -m sealed.launch NAME`, anywhere in the project.

`--peer NAME` runs it beside another run of the same stage that publishes, and publishes nothing.

Exit status: 0; that of the stage; 2 where the stage was refused; 128 + n for signal n.
"""

import argparse
import errno
import fcntl
import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache, partial
from pathlib import Path
from types import FrameType
from typing import NoReturn

from dvcproject import address
from dvcproject.address import Address
from dvcproject.errors import ProjectError
from dvcproject.quoting import printable
from dvcproject.root import find
from sealed import caller, settings, stderr
from sealed.caller import Process
from sealed.engines import command, engine, process
from sealed.engines.engine import Engine
from sealed.engines.process import SIGNALS
from sealed.errors import SIGNALLED, StageError
from sealed.findings import violations_file as told
from sealed.rooms import checkpoints, delivery, inputs, inspection, place, restoration, room
from sealed.rooms.room import Room
from sealed.stage import Stage, among_peers, read
from sealed.variables import TURN
from sealed.violation import EDITED, Finding
from sealed.watch import audit

PEER = "--peer"
Code = Callable[[], list[Finding]]  # what `sealed check` says of the stage, looked up once


def launch(of: Address, words: str | None = None, *, publishes: bool = True) -> None:
    """Run a command of a stage, its only one without `words`; publish its outs after its last.

    Raises StageError, OSError.
    """
    with _stoppable(), _restoring(of):
        stage = among_peers(read(of), os.environ)
        if not stage.sealed and words is not None:
            _become_a_plain_shell(words, of)
        delivery.require_reachable(stage, of.root)
        if publishes:
            delivery.recover(stage, of.root, place.known(of.root, os.environ))
        checkpoints.sweep(of.root)
        chosen = engine.choose(stage, of.root, os.environ)
        rooms = place.rooms(of.root, os.environ, hidden=chosen.hides, shared=chosen.is_job)
        starter = caller.find()
        leftovers = engine.Leftovers(partial(say, of))
        terms = room.Terms(rooms, leftovers.discard, binding=chosen.hides)
        with _telling(stage, of), room.opened(stage, of.root, terms, starter) as bare:
            kept = _checkpoints(stage, bare, chosen, of) if publishes else None
            turn, seen = _turn(stage, words, bare), command.seen(chosen, bare)
            made = bare._replace(turn=turn, kept=kept, seen=seen, peer=not publishes)
            if made.done == 0:
                _say_what_is_special(stage, chosen, of)
            code = cache(lambda: _in_code(stage, of))
            last_words = _run(chosen, stage, made, of, code)
            if not publishes:
                return
            if made.done + 1 == len(stage.commands):
                with _advising(last_words, stage, made, of, code):
                    inspection.inspect(made, stage)
                _publish(stage, made, of, starter)
                _say_what_it_did_without(last_words, stage, made, of, code)
            elif starter:
                room.keep(made, stage, starter)


def _checkpoints(stage: Stage, made: Room, chosen: Engine, of: Address) -> Path | None:
    return checkpoints.opened(stage, made, chosen.image, of.root, os.environ)


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
    for key in stage.misplaced:
        say(of, f"warning: {stage.file}: {stage.name}: {settings.explained(key)}")
    found = [out for out in stage.persistent if (of.root / out).exists()]
    if found:
        say(of, f"{', '.join(found)}: `persist`, so it finds what its last run left there")


def _in_code(stage: Stage, of: Address) -> list[Finding]:
    from sealed import advice  # noqa: PLC0415  # not before the stage has started

    return advice.in_code(stage, of.root)


def _say_what_it_did_without(
    last_words: str, stage: Stage, made: Room, of: Address, code: Code
) -> None:
    from sealed import advice  # noqa: PLC0415

    lacking = advice.unnoticed(last_words, stage, made, of.root, code())
    for line in lacking.lines(stage):
        say(of, f"it did without what the project has: {line}")
    _tell(lacking.findings(code()), stage, of)


def _tell(found: list[Finding], stage: Stage, of: Address) -> None:
    """Tell as data what was found wrong; that this cannot be changes nothing else."""
    try:
        told.tell(found, stage, of.root, os.environ)
    except OSError as error:
        say(of, f"{told.VARIABLE}: {error}")


def _run(chosen: Engine, stage: Stage, made: Room, of: Address, code: Code) -> str:
    """Run a command in the room, return its last words. Raises StageError where it fails."""
    audit.put(made.hook, made.log)
    argv, environ = command.build(chosen, stage, made, os.environ)
    last = made.done + 1 == len(stage.commands)
    meanwhile = code if last else lambda: None
    status, last_words = process.run(argv, environ, chosen, made, meanwhile)
    with _advising(last_words, stage, made, of, code):
        if status:
            reason = engine.explain(status, chosen, stage, os.environ, last_words)
            found = engine.refused(chosen, stage, last_words)
            raise StageError(reason, status if status > 0 else SIGNALLED - status, found)
    return last_words


@contextmanager
def _advising(last_words: str, stage: Stage, made: Room, of: Address, code: Code) -> Iterator[None]:
    """Say what may have been missing, before why it failed."""
    try:
        yield
    except StageError as reason:
        from sealed import advice  # noqa: PLC0415

        lacking = advice.advise(last_words, stage, made, of.root, code())
        for line in lacking.lines(stage):
            say(of, line)
        reason.found += lacking.findings(code())
        raise


@contextmanager
def _telling(stage: Stage, of: Address) -> Iterator[None]:
    try:
        yield
    except StageError as reason:
        _tell(reason.found, stage, of)
        raise


def _publish(stage: Stage, made: Room, of: Address, starter: Process | None) -> None:
    """Put the outs into the workspace, if they are whole and it still holds what they are of."""
    checkpoints.note(stage, made)
    with delivery.delivered(made, stage, of.root) as put:
        if TURN in os.environ:  # until DVC, which has it open too, has recorded the stage
            fcntl.flock(int(os.environ[TURN]), fcntl.LOCK_EX)
            caller.require(starter)  # it may have been killed, which gave the turn away
        if found := inputs.changed(made.inputs, made.path, stage, of.root):
            line = (
                f"{', '.join(found)}: changed while {stage.what} ran, so its results are not of "
                "what lies here; nothing is published, run it again"
            )
            raise StageError(line, found=[_edited(*one.partition(": ")) for one in found])
        _ignore_signals()  # publishing takes milliseconds, and is whole or not at all
        put()
    restoration.note(stage, of.root)
    checkpoints.discard_others(made)


def _edited(path: str, _: str, key: str) -> Finding:
    line = "changed while the stage ran; run it again"
    return Finding(EDITED, path, line, keys=tuple(filter(None, key.split("."))))


@contextmanager
def _restoring(of: Address) -> Iterator[None]:
    """On failure bring back the outs that DVC has deleted, where it is DVC that runs the stage.

    What could not be is added to the reason, which comes first.
    """
    try:
        yield
    except BaseException as reason:
        _ignore_signals()
        if "DVC_STAGE" in os.environ:
            for line in restoration.restore(of):
                reason.add_note(line)
        raise


def say(of: Address | str, line: str) -> None:
    """Say a line about a stage, on stderr."""
    print(printable(f"sealed {of}: {line}"), file=sys.stderr, flush=True)


@contextmanager
def _stoppable() -> Iterator[None]:
    """Turn signals into StageError, the first of them; those ignored (nohup) stay ignored."""

    def stop(number: int, _: FrameType | None) -> NoReturn:
        _ignore_signals()  # clearing up is not to be interrupted
        name = signal.Signals(number).name
        reason = StageError(f"stopped by {name}; nothing is published", SIGNALLED + number)
        process.STOPPED.append(reason)
        raise reason

    signal.signal(signal.SIGCHLD, signal.SIG_DFL)  # ignored, exit statuses would be lost
    for number in SIGNALS:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, stop)
    yield


def _ignore_signals() -> None:
    """Hear no more of them, nor does what is started to clear up.

    Not by SIG_IGN: Python would show an error of its own for one that came together with another.
    """
    signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    for number in SIGNALS:
        signal.signal(number, lambda *_: None)


def ended(of: Address | str, run: Callable[[], None]) -> int:
    """Run; say what went wrong, what could not be brought back last; return the exit status."""
    try:
        run()
    except (ProjectError, OSError) as reason:
        for line in [_why(reason), *getattr(reason, "__notes__", [])]:
            say(of, line)
        return reason.status if isinstance(reason, ProjectError) else 2
    return 0


def _why(reason: ProjectError | OSError) -> str:
    full = isinstance(reason, OSError) and reason.errno in {errno.ENOSPC, errno.EDQUOT}
    return f"{reason}{'; free some space and run it again' if full else ''}"


def main() -> int:
    """Launch the stage that the command line names."""
    stderr.forgive()
    parser = argparse.ArgumentParser(prog="sealed.launch", description="Run one stage, sealed.")
    parser.add_argument("stage", metavar="STAGE", help="its name in dvc.yaml")
    parser.add_argument(PEER, action="store_true", help="publish nothing: another run does")
    options = parser.parse_args()

    def run() -> None:
        of = address.of_name(options.stage, find(Path.cwd()))
        launch(of, publishes=not options.peer)

    return ended(options.stage, run)


if __name__ == "__main__":
    sys.exit(main())

"""Run a command of one stage, sealed: `python -m sealed.launch NAME`, anywhere in the project.

`--peer NAME` runs it beside another run of the same stage that publishes, and publishes nothing.

Exit status: 0; that of the stage; 2 where the stage was refused; 128 + n for signal n.
"""

import argparse
import errno
import fcntl
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache, partial
from pathlib import Path
from typing import NamedTuple, NoReturn

from dvcproject import address
from dvcproject.address import Address
from dvcproject.errors import ProjectError
from dvcproject.quoting import printable
from dvcproject.root import find
from sealed import caller, settings, signals, stderr
from sealed.caller import Process
from sealed.engines import choose, process
from sealed.engines.base import SHELL, Engine
from sealed.errors import StageError
from sealed.findings import violations_file as told
from sealed.sandbox import checkpoints, delivery, inputs, inspection, place, restoration
from sealed.sandbox.sandbox import Sandbox, Terms, keep, opened
from sealed.stage import Stage, among_peers, read, turn
from sealed.variables import TURN
from sealed.violation import EDITED, Finding
from sealed.watch import audit


class Run(NamedTuple):
    """One command of a stage, in its sandbox on an engine."""

    of: Address
    stage: Stage
    engine: Engine
    sandbox: Sandbox
    code: Callable[[], list[Finding]]  # what `sealed check` finds in the stage, looked up once

    @property
    def is_last(self) -> bool:
        """Whether the stage has no other command after this one."""
        return self.sandbox.done + 1 == len(self.stage.commands)


def launch(of: Address, words: str | None = None, *, publishes: bool = True) -> None:
    """Run a command of a stage, its only one without `words`; publish its outs after its last.

    Raises StageError, OSError.
    """
    with signals.stoppable(), _restoring(of):
        stage = among_peers(read(of), os.environ)
        if not stage.sealed and words is not None:
            _become_a_plain_shell(words, of)
        delivery.require_reachable(stage, of.root)
        if publishes:
            delivery.recover(stage, of.root, place.known(of.root, os.environ))
        checkpoints.sweep(of.root)
        engine = choose.choose(stage, of.root, os.environ)
        starter = caller.find()
        with _telling(stage, of), opened(stage, of.root, _terms(engine, of), starter) as bare:
            sandbox = bare._replace(turn=turn(stage, words, bare.done), seen=engine.visible(bare))
            run = Run(of, stage, engine, sandbox, cache(lambda: _in_code(stage, of)))
            if publishes:
                _run_and_publish(run, starter)
            else:
                _run(run._replace(sandbox=sandbox._replace(peer=True)))


def _terms(engine: Engine, of: Address) -> Terms:
    """Return what an engine asks of a sandbox."""
    hidden, shared = engine.isolates, engine.needs_shared_disk
    sandboxes = place.sandboxes(of.root, os.environ, hidden=hidden, shared=shared)
    return Terms(sandboxes, process.Leftovers(partial(say, of)).discard, binding=hidden)


def _run_and_publish(run: Run, starter: Process | None) -> None:
    """Run a command; publish the outs after the last, leave the sandbox to the next otherwise."""
    of, stage, sandbox = run.of, run.stage, run.sandbox
    kept = checkpoints.opened(stage, sandbox, run.engine.software, of.root, os.environ)
    run = run._replace(sandbox=sandbox._replace(kept=kept))
    last_output = _run(run)
    if run.is_last:
        with _advising(last_output, run):
            inspection.inspect(run.sandbox, stage)
        _publish(stage, run.sandbox, of, starter)
        _say_what_it_did_without(last_output, run)
    elif starter:
        keep(run.sandbox, stage, starter)


def _become_a_plain_shell(words: str, of: Address) -> NoReturn:
    say(of, "not sealed, as its `meta` says")
    signals.reset()
    os.execv(SHELL, [SHELL, "-c", words])  # noqa: S606


def _say_what_is_special(run: Run) -> None:
    say(run.of, str(run.engine))
    for key in run.stage.misplaced:
        say(run.of, f"warning: {run.stage.file}: {run.stage.name}: {settings.explained(key)}")
    present = [out for out in run.stage.persistent if (run.of.root / out).exists()]
    if present:
        say(run.of, f"{', '.join(present)}: `persist`, so it finds what its last run left there")


def _in_code(stage: Stage, of: Address) -> list[Finding]:
    from sealed import advice  # noqa: PLC0415  # not before the stage has started

    return advice.in_code(stage, of.root)


def _say_what_it_did_without(last_output: str, run: Run) -> None:
    from sealed import advice  # noqa: PLC0415

    lacking = advice.unnoticed(last_output, run.stage, run.sandbox, run.of.root, run.code())
    for line in lacking.lines(run.stage):
        say(run.of, f"it did without what the project has: {line}")
    _tell(lacking.findings(run.code()), run.stage, run.of)


def _tell(findings: list[Finding], stage: Stage, of: Address) -> None:
    """Write findings to the file of violations; that this cannot be changes nothing else."""
    try:
        told.tell(findings, stage, of.root, os.environ)
    except OSError as error:
        say(of, f"{told.VARIABLE}: {error}")


def _run(run: Run) -> str:
    """Run a command in the sandbox, return its last output. Raises StageError where it fails."""
    if run.sandbox.done == 0:
        _say_what_is_special(run)
    audit.put(run.sandbox.hook, run.sandbox.log)
    command = run.engine.command(run.stage, run.sandbox, os.environ)
    meanwhile = run.code if run.is_last else lambda: None
    status, last_output = process.run(command, run.engine, run.sandbox, meanwhile)
    with _advising(last_output, run):
        if status:
            raise run.engine.error(status, run.stage, os.environ, last_output)
    return last_output


@contextmanager
def _advising(last_output: str, run: Run) -> Iterator[None]:
    """Print what may have been missing, before why it failed."""
    try:
        yield
    except StageError as reason:
        from sealed import advice  # noqa: PLC0415

        lacking = advice.advise(last_output, run.stage, run.sandbox, run.of.root, run.code())
        for line in lacking.lines(run.stage):
            say(run.of, line)
        reason.found += lacking.findings(run.code())
        raise


@contextmanager
def _telling(stage: Stage, of: Address) -> Iterator[None]:
    try:
        yield
    except StageError as reason:
        _tell(reason.found, stage, of)
        raise


def _publish(stage: Stage, sandbox: Sandbox, of: Address, starter: Process | None) -> None:
    """Put the outs into the workspace, if they are whole and it still holds what they are of."""
    checkpoints.note(stage, sandbox)
    with delivery.delivered(sandbox, stage, of.root) as put:
        if TURN in os.environ:  # until DVC, which has it open too, has recorded the stage
            fcntl.flock(int(os.environ[TURN]), fcntl.LOCK_EX)
            caller.require(starter)  # it may have been killed, which gave the turn away
        if edited := inputs.changed(sandbox.inputs, sandbox.path, stage, of.root):
            line = (
                f"{', '.join(edited)}: changed while {stage.what} ran, so its results are not of "
                "what lies here; nothing is published, run it again"
            )
            raise StageError(line, found=[_edited(*path.partition(": ")) for path in edited])
        signals.ignore()  # publishing takes milliseconds, and is whole or not at all
        put()
    restoration.note(stage, of.root)
    checkpoints.discard_others(sandbox)


def _edited(path: str, _: str, key: str) -> Finding:
    keys = tuple(filter(None, key.split(".")))
    return Finding(EDITED, path, "changed while the stage ran; run it again", keys=keys)


@contextmanager
def _restoring(of: Address) -> Iterator[None]:
    """On failure bring back the outs that DVC has deleted, where it is DVC that runs the stage.

    What could not be is added to the reason, which comes first.
    """
    try:
        yield
    except BaseException as reason:
        signals.ignore()
        if "DVC_STAGE" in os.environ:
            for line in restoration.restore(of):
                reason.add_note(line)
        raise


def say(of: Address | str, line: str) -> None:
    """Print a line about a stage to stderr."""
    print(printable(f"sealed {of}: {line}"), file=sys.stderr, flush=True)


def ended(of: Address | str, run: Callable[[], None]) -> int:
    """Run; print what went wrong, what could not be brought back last; return the exit status."""
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
    parser.add_argument("--peer", action="store_true", help="publish nothing: another run does")
    options = parser.parse_args()

    def run() -> None:
        launch(address.of_name(options.stage, find(Path.cwd())), publishes=not options.peer)

    return ended(options.stage, run)


if __name__ == "__main__":
    sys.exit(main())

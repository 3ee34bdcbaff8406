"""Run one stage, sealed: `python -m sealed.launch NAME`, in the folder that holds dvc.yaml.

Exit status: 0; that of the stage; 2 where the stage was refused; 128 + n for signal n.
"""

import ctypes
import errno
import os
import select
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Thread
from types import FrameType
from typing import NoReturn

from sealed import checkpoints, engine, inputs, restoration, room
from sealed.advice import advise
from sealed.engine import Engine
from sealed.errors import StageError
from sealed.image import has_gpu
from sealed.room import Room
from sealed.stage import Stage, read

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
GRACE_SECONDS = 5
LAST_WORDS = 16_384  # bytes of the stage's stderr that are kept for advice
PR_SET_PDEATHSIG = 1  # linux/prctl.h


def launch(name: str, root: Path) -> None:
    """Run stage `name` of the project in `root`, publish its outs. Raises StageError, OSError."""
    with _stoppable(), _restoring(name, root):
        stage, gpu = read(name, root), has_gpu()
        room.require_reachable(stage, root)
        checkpoints.sweep(root)
        chosen = engine.choose(root, os.environ, gpu=gpu)
        say(name, str(chosen))
        with room.opened(stage, root, engine.discard) as bare:
            made = bare._replace(kept=checkpoints.opened(stage, bare, chosen.image, root))
            argv, environ = engine.command(chosen, stage, made, os.environ, gpu=gpu)
            status, last_words = _run(argv, environ, chosen, made)
            if status:
                for line in advise(last_words, stage, made, root):
                    say(name, line)
                reason = engine.explain(status, chosen, stage, os.environ)
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


def _run(argv: list[str], environ: dict[str, str], chosen: Engine, made: Room) -> tuple[int, str]:
    """Run a command in the room; return its exit status and the end of what it said on stderr."""
    (made.folder / "engine").write_text(chosen.name, encoding="utf-8")
    caller = _caller()
    child = _start(argv, environ, chosen, made)
    words = bytearray()
    pump = Thread(target=_pass_on, args=(child, words), daemon=True)
    pump.start()
    try:
        _wait(child, caller)
    finally:
        status = _end(child, chosen, made)
        pump.join(GRACE_SECONDS)
    return status, words.decode(errors="replace")


def _start(
    argv: list[str], environ: dict[str, str], chosen: Engine, made: Room
) -> subprocess.Popen[bytes]:
    """Start the stage so that it cannot outlive this process, even if that is killed.

    In a session of its own: Ctrl-C reaches the launcher alone, which ends the stage in order. The
    client of a container is asked to end, since it passes that on to the container.
    """
    libc = ctypes.CDLL(None)
    last = signal.SIGTERM if chosen.image else signal.SIGKILL
    return subprocess.Popen(  # noqa: S603
        argv,
        cwd=made.path,
        env=environ,
        stdin=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        start_new_session=True,
        preexec_fn=lambda: libc.prctl(PR_SET_PDEATHSIG, last),  # noqa: PLW1509  # no thread yet
    )


def _pass_on(child: subprocess.Popen[bytes], words: bytearray) -> None:
    assert child.stderr  # noqa: S101  # for mypy: it is a pipe
    while chunk := os.read(child.stderr.fileno(), LAST_WORDS):
        sys.stderr.buffer.write(chunk)
        sys.stderr.flush()
        words += chunk
        del words[:-LAST_WORDS]


def _caller() -> int | None:
    """Return a descriptor of who runs the pipeline: the nearest ancestor that is no `sh -c`."""
    pid = os.getppid()
    try:
        while (words := Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0"))[1:]:
            if not (words[0].endswith(b"sh") and b"-c" in words[1:]):
                break
            status = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
            pid = int(status.rpartition(")")[2].split()[1])
        return os.pidfd_open(pid) if pid > 1 else None
    except (FileNotFoundError, ProcessLookupError):
        raise StageError("who started it is gone", 128 + signal.SIGHUP) from None


def _wait(child: subprocess.Popen[bytes], caller: int | None) -> None:
    """Wait until the stage has ended. Raises StageError when the caller ended before."""
    poll = select.poll()
    poll.register(os.pidfd_open(child.pid), select.POLLIN)
    if caller is not None:
        poll.register(caller, select.POLLIN)
    ended = [descriptor for descriptor, _ in poll.poll()]
    if caller in ended:
        raise StageError("who started it is gone; nothing is published", 128 + signal.SIGHUP)


def _end(child: subprocess.Popen[bytes], chosen: Engine, made: Room) -> int:
    """End the stage with all that it started, whatever is left of it; return its exit status."""
    if not _ended(child, seconds=0):
        os.killpg(child.pid, signal.SIGTERM)
        _ended(child, seconds=GRACE_SECONDS)
        if chosen.image:
            engine.remove(chosen.name, made.cid)
    with suppress(ProcessLookupError):  # not yet reaped, so the number is still its own
        os.killpg(child.pid, signal.SIGKILL)
    return child.wait()


def _ended(child: subprocess.Popen[bytes], *, seconds: float) -> bool:
    poll = select.poll()
    descriptor = os.pidfd_open(child.pid)
    poll.register(descriptor, select.POLLIN)
    try:
        return bool(poll.poll(seconds * 1000))
    finally:
        os.close(descriptor)


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

"""The process of a stage: it cannot outlive its launcher, nor that one who runs the pipeline."""

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from threading import Thread

from sealed.caller import Process, find, require
from sealed.caller import status as fields
from sealed.engines import bwrap, engine, slurm
from sealed.engines.engine import Engine
from sealed.errors import SIGNALLED, StageError
from sealed.rooms.room import Room

GRACE_SECONDS = 5
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)  # that end the launcher
LAST_WORDS = 16_384  # bytes of the stage's stderr that are kept for advice
LOOK_SECONDS = 0.2  # between two looks whether who started it is still there
PR_SET_PDEATHSIG = 1  # linux/prctl.h
STOPPED: list[StageError] = []  # why all is to end: raised in a callback, Python would lose it
SESSION = 3  # the field of /proc/PID/stat after the name: of which it is a process


def run(
    argv: list[str],
    environ: dict[str, str],
    chosen: Engine,
    made: Room,
    meanwhile: Callable[[], object],
) -> tuple[int, str]:
    """Run a command in the room; return its exit status and the end of what it said on stderr.

    `meanwhile` is done once it has started: a tenth of a second of work that need not hold it up.
    Raises StageError where it did not end by itself: its caller is gone, its job was cancelled.
    """
    (made.folder / "engine").write_text(chosen.name, encoding="utf-8")
    caller = find()
    child = _start(argv, environ, chosen, made)
    words = bytearray()
    pump = Thread(target=_pass_on, args=(child, words), daemon=True)
    pump.start()
    try:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
        meanwhile()
        _wait(child, caller)
    finally:
        status = _end(child, chosen, made)
        pump.join(GRACE_SECONDS)
    if reason := slurm.reason(made.folder):
        raise StageError(reason)
    return status, words.decode(errors="replace")


def _start(
    argv: list[str], environ: dict[str, str], chosen: Engine, made: Room
) -> subprocess.Popen[bytes]:
    """Start the stage so that it cannot outlive this process, even if that is killed.

    In a session of its own: Ctrl-C reaches the launcher alone, which ends the stage in order. The
    client of a container or a job is asked to end, since it passes that on. On return the signals
    that end the launcher are held back: a stage that it does not know yet it could not end.
    """
    libc, launcher = ctypes.CDLL(None), os.getpid()
    last = signal.SIGTERM if chosen.has_client else signal.SIGKILL

    def prepare() -> None:
        libc.prctl(PR_SET_PDEATHSIG, last)
        if os.getppid() != launcher:  # killed before: the kernel tells that no more
            os._exit(SIGNALLED + signal.SIGKILL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, held)

    held = {signal.SIGCHLD, *SIGNALS}
    signal.pthread_sigmask(signal.SIG_BLOCK, held)
    try:
        return subprocess.Popen(  # noqa: S603
            argv,
            cwd=made.cwd,
            env=environ,
            stdin=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            start_new_session=True,
            preexec_fn=prepare,  # noqa: PLW1509  # no thread yet
        )
    except BaseException:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
        raise


def _pass_on(child: subprocess.Popen[bytes], words: bytearray) -> None:
    assert child.stderr  # noqa: S101  # for mypy: it is a pipe
    while chunk := os.read(child.stderr.fileno(), LAST_WORDS):
        sys.stderr.buffer.write(chunk)
        sys.stderr.flush()
        words += chunk
        del words[:-LAST_WORDS]


def _wait(child: subprocess.Popen[bytes], caller: Process | None) -> None:
    """Wait until the stage has ended. Raises StageError when the caller ended before."""
    while not _ended(child, seconds=LOOK_SECONDS):
        if STOPPED:
            raise STOPPED[0]
        require(caller)


def _end(child: subprocess.Popen[bytes], chosen: Engine, made: Room) -> int:
    """End the stage with all that it started, whatever is left of it; return its exit status."""
    if asked := not _ended(child, seconds=0):
        _ask_to_end(child, chosen)
        _ended(child, seconds=slurm.PATIENCE_SECONDS if chosen.is_job else GRACE_SECONDS)
    with suppress(ProcessLookupError):  # not yet reaped, so the number is still its own
        os.killpg(child.pid, signal.SIGKILL)
    status = child.wait()
    if chosen.has_client and (asked or status < 0):  # killed, it has left the stage running
        engine.remove(chosen.name, made.folder)
    return status


def _ask_to_end(child: subprocess.Popen[bytes], chosen: Engine) -> None:
    """Send SIGTERM to the stage: under bubblewrap not to that, which would not wait for it."""
    asked = _session(child.pid) - {child.pid} if chosen.name == bwrap.NAME else set()
    for pid in asked:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGTERM)
    if not asked:
        os.killpg(child.pid, signal.SIGTERM)


def _session(leader: int) -> set[int]:
    """Return the processes of a session."""
    found = set()
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if int(fields(int(folder.name))[SESSION]) == leader:
                found.add(int(folder.name))
    return found


def _ended(child: subprocess.Popen[bytes], *, seconds: float) -> bool:
    """Wait `seconds` at most, and leave the child to be reaped.

    By SIGCHLD, which is blocked: some kernels have no pidfd_open yet, some sandboxes refuse it.
    """
    end = time.monotonic() + seconds
    how = os.WEXITED | os.WNOHANG | os.WNOWAIT
    while os.waitid(os.P_PID, child.pid, how) is None:
        left = end - time.monotonic()
        if left <= 0:
            return False
        signal.sigtimedwait({signal.SIGCHLD}, left)
    return True

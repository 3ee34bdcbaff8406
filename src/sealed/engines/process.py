"""The process of a stage, which must not outlive its launcher, and what is left where it did."""

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

from sealed import signals
from sealed.caller import Process, find, require
from sealed.engines import choose
from sealed.engines.base import Command, Engine
from sealed.errors import SIGNALLED, StageError
from sealed.sandbox.sandbox import Sandbox

NOTE = "engine"  # in a sandbox's folder: the name of the engine that runs its stage
OUTPUT_SECONDS = 5  # for the last output of a stage: another process may have its stderr open
LAST_BYTES = 16_384  # of the stage's stderr, which are kept for advice
LOOK_SECONDS = 0.2  # between two looks whether who started it is still there
PR_SET_PDEATHSIG = 1  # linux/prctl.h


def run(
    command: Command, engine: Engine, sandbox: Sandbox, meanwhile: Callable[[], object]
) -> tuple[int, str]:
    """Run a command in the sandbox; return its exit status and the end of its stderr.

    `meanwhile` is called once it has started: a tenth of a second of work that need not hold it up.
    Raises StageError where it did not end by itself: its caller is gone, its job was cancelled.
    """
    (sandbox.folder / NOTE).write_text(engine.name, encoding="utf-8")
    caller = find()
    child = _start(command, sandbox, signal.SIGTERM if engine.starts_client else signal.SIGKILL)
    last_output = bytearray()
    pump = Thread(target=_pass_on, args=(child, last_output), daemon=True)
    pump.start()
    try:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, signals.SIGNALS)
        meanwhile()
        _wait(child, caller)
    finally:
        status = _end(child, engine, sandbox)
        pump.join(OUTPUT_SECONDS)
    if reason := engine.failure(sandbox.folder):
        raise StageError(reason)
    return status, last_output.decode(errors="replace")


def _start(command: Command, sandbox: Sandbox, orphaned: signal.Signals) -> subprocess.Popen[bytes]:
    """Start the stage so that it cannot outlive this process, even if that is killed.

    In a session of its own: Ctrl-C reaches the launcher alone, which ends the stage in order. When
    the launcher is killed, the kernel sends `orphaned`. On return the signals that end the launcher
    are held back: a stage that it does not know yet it could not end.
    """
    libc, launcher = ctypes.CDLL(None), os.getpid()

    def prepare() -> None:
        libc.prctl(PR_SET_PDEATHSIG, orphaned)
        if os.getppid() != launcher:  # killed before: the kernel sends nothing any more
            os._exit(SIGNALLED + signal.SIGKILL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, held)

    held = {signal.SIGCHLD, *signals.SIGNALS}
    signal.pthread_sigmask(signal.SIG_BLOCK, held)
    try:
        return subprocess.Popen(  # noqa: S603
            command.argv,
            cwd=sandbox.cwd,
            env=command.environ,
            stdin=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            start_new_session=True,
            preexec_fn=prepare,  # noqa: PLW1509  # no thread yet
        )
    except BaseException:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, signals.SIGNALS)
        raise


def _pass_on(child: subprocess.Popen[bytes], last_output: bytearray) -> None:
    assert child.stderr  # noqa: S101  # for mypy: it is a pipe
    while chunk := os.read(child.stderr.fileno(), LAST_BYTES):
        sys.stderr.buffer.write(chunk)
        sys.stderr.flush()
        last_output += chunk
        del last_output[:-LAST_BYTES]


def _wait(child: subprocess.Popen[bytes], caller: Process | None) -> None:
    """Wait until the stage has ended. Raises StageError when the caller ended before."""
    while not _ended(child, seconds=LOOK_SECONDS):
        if signals.STOPPED:
            raise signals.STOPPED[0]
        require(caller)


def _end(child: subprocess.Popen[bytes], engine: Engine, sandbox: Sandbox) -> int:
    """End the stage with all that it started, whatever is left of it; return its exit status."""
    if asked := not _ended(child, seconds=0):
        _ask_to_end(child.pid, leader=engine.signals_leader)
        _ended(child, seconds=engine.grace_seconds)
    with suppress(ProcessLookupError):  # not yet reaped, so the number is still its own
        os.killpg(child.pid, signal.SIGKILL)
    status = child.wait()
    if engine.starts_client and (asked or status < 0):  # killed, it has left the stage running
        engine.remove(sandbox.folder)
    return status


def _ask_to_end(pid: int, *, leader: bool) -> None:
    """Send SIGTERM to the stage: to its whole group, or to all of its session but the leader."""
    others = set() if leader else _session(pid) - {pid}
    for other in others:
        with suppress(ProcessLookupError):
            os.kill(other, signal.SIGTERM)
    if not others:
        os.killpg(pid, signal.SIGTERM)


def _session(leader: int) -> set[int]:
    """Return the processes of a session."""
    members = set()
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(ProcessLookupError, PermissionError):
            members |= {int(folder.name)} if os.getsid(int(folder.name)) == leader else set()
    return members


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


class Leftovers:
    """Clears away the containers and jobs of launchers that were killed, if they still run."""

    def __init__(self, say: Callable[[str], None]) -> None:
        """Take what reports to the user that one stays."""
        self.say = say
        self.silent: set[str] = set()  # engines that did not answer: one wait is enough

    def discard(self, folder: Path) -> None:
        """Remove that of a sandbox, by its folder. Raises OSError where it may still run."""
        note = folder / NOTE
        name = note.read_text(encoding="utf-8", errors="replace") if note.exists() else ""
        try:
            if name in self.silent:
                raise TimeoutError(f"{name} does not answer")
            if engine := name and choose.find(name):
                engine.remove(folder)
        except (OSError, StageError) as reason:
            if name not in self.silent:
                self.say(f"{folder}: what an earlier run left there stays: {reason}")
            self.silent.add(name)
            raise OSError(str(reason)) from None

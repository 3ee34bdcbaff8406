"""Whose turn it is to run DVC's code, and what a stage's command does meanwhile."""

from __future__ import annotations

import fcntl
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

from sealed.variables import TURN

THREAD = threading.local()  # a thread's own: its stage, its turn, whether all are to end
LAST_SECONDS = 5  # for the last lines of a stage: it may have left them to another process
LINE = re.compile(rb"(?<=\n)|(?<=\r)(?!\n)")  # where one ends: a bar of progress has no other end
LONGEST = 1 << 16  # bytes of a line that are waited for
Stage = Any  # of DVC


@contextmanager
def taken(stage: Stage, stopped: Callable[[], bool]) -> Iterator[None]:
    """Wait for the turn of a stage's thread, have it until the end; `stopped`: by Ctrl-C.

    The lock is that of the open file, which a launcher shares: so nobody comes between the two.
    """
    turn = os.open(f"{stage.repo.tmp_dir}/sealed-turn", os.O_CREAT | os.O_RDWR, 0o666)
    THREAD.stage, THREAD.turn, THREAD.stopped = stage, turn, stopped
    fcntl.flock(turn, fcntl.LOCK_EX)
    try:
        yield
    finally:
        fcntl.flock(turn, fcntl.LOCK_UN)  # what the stage left running may have it open
        os.close(turn)


def is_unsealed(stage: Stage) -> bool:
    """Tell whether a stage has no sandbox of its own, so runs alone."""
    return isinstance(stage.meta, dict) and stage.meta.get("sealed") is False


def command(executable: str, words: str, **kwargs: Any) -> None:
    """Run a command of a stage while others have their turn; each line is told with its name."""
    from dvc.stage.exceptions import StageCmdFailedError  # noqa: PLC0415
    from dvc.stage.run import _make_cmd  # noqa: PLC0415

    turn = THREAD.turn
    name = "" if is_unsealed(THREAD.stage) else kwargs["env"]["DVC_STAGE"]
    if name:
        kwargs["env"][TURN] = str(turn)
    fcntl.flock(turn, fcntl.LOCK_UN)
    try:
        status = _run(_make_cmd(executable, words), name, pass_fds=[turn], **kwargs)
    finally:
        fcntl.flock(turn, fcntl.LOCK_EX)
    if status:
        raise StageCmdFailedError(words, status)


def _run(argv: list[str], name: str, **kwargs: Any) -> int:
    """Run a program, pass on what it says, if it has a name; return its exit status."""
    piped = [subprocess.PIPE if name and to else None for to in (sys.stdout, sys.stderr)]
    child = subprocess.Popen(argv, stdout=piped[0], stderr=piped[1], **kwargs)  # noqa: S603
    pairs = [(child.stdout, sys.stdout), (child.stderr, sys.stderr)]
    pumps = [
        threading.Thread(target=_pass_on, args=(*pair, name), daemon=True)
        for pair in pairs
        if pair[0]
    ]
    for pump in pumps:
        pump.start()
    if THREAD.stopped():  # Ctrl-C came before there was anyone to hear it
        time.sleep(1)  # it first says what is to happen on a signal
        child.send_signal(signal.SIGINT)
    status = child.wait()
    for pump in pumps:
        pump.join(LAST_SECONDS)
    return status


def _pass_on(source: Any, to: Any, name: str) -> None:
    """Write what comes, line by line; where nobody reads that, the stage is to know."""
    rest, ours = b"", f"sealed {name}: ".encode()
    with suppress(OSError, ValueError), source:
        while piece := source.read1(LONGEST):
            *lines, rest = LINE.split(rest + piece)
            if len(rest) >= LONGEST:
                lines, rest = [*lines, rest + b"\n"], b""
            _write(lines, to, ours, name)
        _write([rest + b"\n"] if rest else [], to, ours, name)


def _write(lines: list[bytes], to: Any, ours: bytes, name: str) -> None:
    for line in lines:
        whose = b"" if line.startswith(ours) else f"{name} | ".encode()
        to.buffer.write(whose + line)
    to.flush()

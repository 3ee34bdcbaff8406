"""Hold back what a start writes to stderr, below Python too; it is said where the start fails."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

FORGET = b"\0forget"
# It reads until the process that writes says so or is gone, in whatever way.
KEEPER = f"""
import sys
held = sys.stdin.buffer.read()
if not held.endswith({FORGET!r}):
    sys.stderr.buffer.write(held)
"""


class Held:
    """What is held back; set `wanted` to have it said at the end, whatever comes."""

    wanted = False


@contextmanager
def held_back() -> Iterator[Held]:
    """Hold descriptor 2 back; say all of it before an exception, after a crash, or if wanted.

    A process of its own keeps it: one that crashes (TensorFlow on a processor without AVX does)
    says nothing more itself. Where none can be started, nothing is held back. In a container,
    which ends with the process that crashed, the keeper is the faster one most often, not always.
    """
    held = Held()
    try:
        stderr = os.dup(2)
        keeper = _start_keeper()
    except OSError:
        yield held
        return
    assert keeper.stdin  # noqa: S101  # for mypy: it is a pipe
    sys.stderr.flush()
    os.dup2(keeper.stdin.fileno(), 2)
    try:
        yield held
    except BaseException:
        held.wanted = True
        raise
    finally:
        sys.stderr.flush()
        os.dup2(stderr, 2)
        os.close(stderr)
        keeper.communicate(b"" if held.wanted else FORGET)


def _start_keeper() -> "subprocess.Popen[bytes]":
    """Start what holds; in a session of its own, so that a signal to ours does not end it."""
    command = [sys.executable, "-I", "-S", "-c", KEEPER]
    return subprocess.Popen(command, stdin=subprocess.PIPE, start_new_session=True)  # noqa: S603

"""Buffer what a start writes to stderr, even below Python; print it only if the start fails."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

DISCARD = b"\0discard"
# It reads until the writing process sends DISCARD or ends, in whatever way.
BUFFER_PROGRAM = f"""
import sys
content = sys.stdin.buffer.read()
if not content.endswith({DISCARD!r}):
    sys.stderr.buffer.write(content)
"""


class Buffer:
    """The buffered messages; set `print_at_end` to print them even without a failure."""

    print_at_end = False


@contextmanager
def buffered() -> Iterator[Buffer]:
    """Buffer descriptor 2; print all of it before an exception, after a crash, or on request.

    A second process buffers, because a process that crashes (as TensorFlow does on a processor
    without AVX) prints nothing more. If no process can be started, nothing is buffered. A container
    ends with the process that crashed, so the messages are printed most often there, not always.
    """
    buffer = Buffer()
    try:
        stderr = os.dup(2)
        process = _start_buffer()
    except OSError:
        yield buffer
        return
    assert process.stdin  # noqa: S101  # for mypy: it is a pipe
    sys.stderr.flush()
    os.dup2(process.stdin.fileno(), 2)
    try:
        yield buffer
    except BaseException:
        buffer.print_at_end = True
        raise
    finally:
        sys.stderr.flush()
        os.dup2(stderr, 2)
        os.close(stderr)
        process.communicate(b"" if buffer.print_at_end else DISCARD)


def _start_buffer() -> "subprocess.Popen[bytes]":
    """Start the second process in its own session, so that a signal to ours does not end it."""
    command = [sys.executable, "-I", "-S", "-c", BUFFER_PROGRAM]
    return subprocess.Popen(command, stdin=subprocess.PIPE, start_new_session=True)  # noqa: S603

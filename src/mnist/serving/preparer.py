"""A process that prepares pictures; if it crashes or hangs, the server goes on.

`python -m mnist.serving.preparer` reads a task, then pictures; it answers with pixels or an error.
"""

import json
import os
import resource
import signal
import struct
import sys
from pathlib import Path
from typing import BinaryIO

from mnist import predict, task
from mnist.errors import UserError
from mnist.serving import limits
from mnist.task import Task

LENGTH = struct.Struct("<I")  # of what follows, in bytes
READY = b"\2"  # sent after all imports
DONE, REFUSED = b"\0", b"\1"  # the first byte of an answer


def main() -> None:
    """Answer until the server ends; then exit silently, at any moment."""
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    resource.setrlimit(resource.RLIMIT_AS, (limits.PICTURE_MEMORY, limits.PICTURE_MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    requests, answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # output of libraries must not mix with answers
    if (words := _receive(requests)) is None:
        return
    fields = json.loads(words)
    wanted = task.parse(fields["shape"], fields)
    answers.write(READY)
    answers.flush()
    while (content := _receive(requests)) is not None:
        answer = _answer(content, wanted)
        answers.write(LENGTH.pack(len(answer)) + answer)
        answers.flush()


def _receive(requests: BinaryIO) -> bytes | None:
    """Return the next message; None if the server ended before it was complete."""
    if len(head := requests.read(LENGTH.size)) < LENGTH.size:
        return None
    (length,) = LENGTH.unpack(head)
    return content if len(content := requests.read(length)) == length else None


def _answer(content: bytes, wanted: Task) -> bytes:
    """Prepare a picture as `make predict` does, through the path of a file in memory."""
    descriptor = os.memfd_create("picture")
    path = Path(f"/proc/self/fd/{descriptor}")
    try:
        with os.fdopen(os.dup(descriptor), "wb") as file:
            file.write(content)
        prepared = predict.look(path, wanted)
        doubt = prepared.doubt.encode()
        return DONE + LENGTH.pack(len(doubt)) + doubt + prepared.pixels.tobytes()
    except UserError as error:
        reason = str(error).removeprefix(f"{path}: ").replace(str(path), "picture")
        return REFUSED + reason.encode()
    except MemoryError:
        return REFUSED + b"expected a picture, found one that takes too much memory"
    finally:
        os.close(descriptor)


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)

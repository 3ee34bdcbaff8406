"""Prepares pictures in a process of its own, which may crash or hang without the server.

`python -m mnist.serving.worker`: reads a task, then pictures; answers each with pixels or a reason.
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
READY = b"\2"  # said once all is imported
DONE, REFUSED = b"\0", b"\1"  # the first byte of an answer


def main() -> None:
    """Answer until the server is gone, at whatever moment: there is no one left to be told."""
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    resource.setrlimit(resource.RLIMIT_AS, (limits.PICTURE_MEMORY, limits.PICTURE_MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    asked, answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a library prints is no answer
    if (words := _take(asked)) is None:
        return
    said = json.loads(words)
    wanted = task.parse(said["shape"], said)
    answers.write(READY)
    answers.flush()
    while (content := _take(asked)) is not None:
        answer = _answer(content, wanted)
        answers.write(LENGTH.pack(len(answer)) + answer)
        answers.flush()


def _take(asked: BinaryIO) -> bytes | None:
    """Return what is sent next; None where the server ended before it was sent whole."""
    if len(head := asked.read(LENGTH.size)) < LENGTH.size:
        return None
    (length,) = LENGTH.unpack(head)
    return content if len(content := asked.read(length)) == length else None


def _answer(content: bytes, wanted: Task) -> bytes:
    """Prepare a picture as `make predict` does; it lies in memory and has a path all the same."""
    descriptor = os.memfd_create("picture")
    path = Path(f"/proc/self/fd/{descriptor}")
    try:
        with os.fdopen(os.dup(descriptor), "wb") as file:
            file.write(content)
        seen = predict.look(path, wanted)
        doubt = seen.doubt.encode()
        return DONE + LENGTH.pack(len(doubt)) + doubt + seen.pixels.tobytes()
    except UserError as error:
        said = str(error).removeprefix(f"{path}: ").replace(str(path), "picture")
        return REFUSED + said.encode()
    except MemoryError:
        return REFUSED + b"expected a picture, found one that takes too much memory"
    finally:
        os.close(descriptor)


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)

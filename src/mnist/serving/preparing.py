"""Prepare pictures for the network in parallel, in separate processes."""

import asyncio
import json
import os
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Coroutine

import numpy as np

from mnist import task
from mnist.errors import UserError
from mnist.handwriting.digit import Look
from mnist.machine import cores
from mnist.serving import limits
from mnist.serving.preparer import DONE, LENGTH, READY
from mnist.task import Task

COMMAND = (sys.executable, "-P", "-m", "mnist.serving.preparer")
ONE_THREAD = {
    "OPENBLAS_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
}  # there is one process per core already

# raised by a pipe to a process that has ended; RuntimeError by uvloop, if it has noticed the end
ENDED = (OSError, RuntimeError, asyncio.IncompleteReadError)


class Preparers:
    """One process per core; a process that fails is replaced."""

    def __init__(self) -> None:
        """Start nothing yet."""
        self.replaced = 0  # processes that crashed or took too long
        self._task: Task | None = None
        self._all: set[Process] = set()
        self._idle: asyncio.Queue[Process] = asyncio.Queue()
        self._starting: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Start the processes, which import their modules while the model is loaded."""
        for _ in range(cores.count()):
            self._all.add(await _start())

    def instruct(self, wanted: Task) -> None:
        """Send the task to all processes; call this before the first `prepare`."""
        self._task = wanted
        for process in self._all:
            self._run_in_background(self._add_when_ready(process))

    async def prepare(self, content: bytes) -> Look:
        """Prepare one picture. Raises UserError if invalid, too slow, or if its process dies."""
        assert self._task  # noqa: S101  # set by `instruct`
        for _ in range(cores.count() + 1):  # idle processes may have ended
            if (answer := await self._try(content)) is not None:
                break
        else:
            raise UserError("expected a picture, found one that breaks its reader")
        if answer[:1] != DONE:
            raise UserError(answer[1:].decode())
        start = 1 + LENGTH.size
        end = start + LENGTH.unpack_from(answer, 1)[0]
        pixels = np.frombuffer(answer, np.uint8, offset=end).reshape(self._task.shape)
        return Look(pixels, answer[start:end].decode())

    async def _try(self, content: bytes) -> bytes | None:
        """Return the answer of a process; None if it ends instead."""
        while (process := await self._idle.get()).returncode is not None:
            self._replace(process)  # it ended while idle
        try:
            async with asyncio.timeout(limits.PICTURE_SECONDS):
                answer = await _ask(process, content)
        except BaseException as error:  # the next answer would be this picture's
            self._replace(process)
            if isinstance(error, TimeoutError):
                raise UserError("expected a picture, found one that takes too long") from None
            if isinstance(error, ENDED):
                return None
            raise
        self._idle.put_nowait(process)
        return answer

    async def stop(self) -> None:
        """Kill all processes."""
        for starting in self._starting:
            starting.cancel()
        await asyncio.gather(*self._starting, return_exceptions=True)
        for process in self._all:
            if process.returncode is None:
                process.kill()
        await asyncio.gather(*(process.wait() for process in self._all))

    async def _add_when_ready(self, process: Process) -> None:
        """Add a process to the idle ones once it has started, so that no picture waits for that."""
        assert self._task and process.stdin and process.stdout  # noqa: PT018, S101
        words = json.dumps({"shape": self._task.shape} | task.words(self._task)).encode()
        try:
            process.stdin.write(LENGTH.pack(len(words)) + words)
            async with asyncio.timeout(limits.START_SECONDS):
                await process.stdout.readexactly(len(READY))
        except ENDED:  # a TimeoutError is an OSError
            await asyncio.sleep(1)
            self._replace(process)
        else:
            self._idle.put_nowait(process)

    def _replace(self, process: Process) -> None:
        """Kill a process and start another in the background, whatever becomes of the request."""
        self.replaced += 1
        if process.returncode is None:
            process.kill()
        self._all.discard(process)
        self._run_in_background(self._add())

    def _run_in_background(self, coroutine: Coroutine[None, None, None]) -> None:
        starting = asyncio.create_task(coroutine)
        self._starting.add(starting)
        starting.add_done_callback(self._starting.discard)

    async def _add(self) -> None:
        while True:
            try:
                process = await _start()
            except OSError:  # no memory, say: try again later
                await asyncio.sleep(1)
            else:
                break
        self._all.add(process)
        await self._add_when_ready(process)


async def _start() -> Process:
    """Start a process in its own session: Ctrl-C is for the server, which stops them."""
    environment = os.environ | ONE_THREAD
    return await asyncio.create_subprocess_exec(
        *COMMAND, stdin=PIPE, stdout=PIPE, env=environment, start_new_session=True
    )


async def _ask(process: Process, content: bytes) -> bytes:
    assert process.stdin and process.stdout  # noqa: PT018, S101
    process.stdin.write(LENGTH.pack(len(content)))
    process.stdin.write(content)
    await process.stdin.drain()
    (length,) = LENGTH.unpack(await process.stdout.readexactly(LENGTH.size))
    return await process.stdout.readexactly(length)

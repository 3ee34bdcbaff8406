"""Pictures -> what the network sees of them, side by side in processes of their own."""

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
from mnist.serving.worker import DONE, LENGTH, READY
from mnist.task import Task

COMMAND = (sys.executable, "-P", "-m", "mnist.serving.worker")
ONE_THREAD = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}  # a process a core as it is

# what a pipe to a process that is gone raises; uvloop's, where it was seen to be gone: RuntimeError
ENDED = (OSError, RuntimeError, asyncio.IncompleteReadError)


class Preparers:
    """As many processes as there are cores; one that fails is replaced."""

    def __init__(self) -> None:
        """Have none yet."""
        self.replaced = 0  # processes that crashed or took too long
        self._task: Task | None = None
        self._all: set[Process] = set()
        self._free: asyncio.Queue[Process] = asyncio.Queue()
        self._coming: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Start them; they import what they need while the model is loaded."""
        for _ in range(cores.count()):
            self._all.add(await _start())

    def instruct(self, wanted: Task) -> None:
        """Say what pictures are to become; from now on there may be pictures."""
        self._task = wanted
        for process in self._all:
            self._soon(self._enlist(process))

    async def prepare(self, content: bytes) -> Look:
        """Prepare one picture. Raises UserError for what is none, takes too long or kills."""
        assert self._task  # noqa: S101  # `instruct` came first
        for _ in range(cores.count() + 1):  # those may have ended that were waiting
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
        """Return what a process answers; None where it ends instead."""
        while (process := await self._free.get()).returncode is not None:
            self._replace(process)  # it has ended since
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
        self._free.put_nowait(process)
        return answer

    async def stop(self) -> None:
        """End them all."""
        for coming in self._coming:
            coming.cancel()
        await asyncio.gather(*self._coming, return_exceptions=True)
        for process in self._all:
            if process.returncode is None:
                process.kill()
        await asyncio.gather(*(process.wait() for process in self._all))

    async def _enlist(self, process: Process) -> None:
        """Have one among the free once it has begun: its start is no picture's time."""
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
            self._free.put_nowait(process)

    def _replace(self, process: Process) -> None:
        """End one and have another started, whatever becomes of the request that found it."""
        self.replaced += 1
        if process.returncode is None:
            process.kill()
        self._all.discard(process)
        self._soon(self._add())

    def _soon(self, coroutine: Coroutine[None, None, None]) -> None:
        coming = asyncio.create_task(coroutine)
        self._coming.add(coming)
        coming.add_done_callback(self._coming.discard)

    async def _add(self) -> None:
        while True:
            try:
                another = await _start()
            except OSError:  # no memory, no process: later, perhaps
                await asyncio.sleep(1)
            else:
                break
        self._all.add(another)
        await self._enlist(another)


async def _start() -> Process:
    """Start one in a session of its own: Ctrl-C is for the server, which ends what it began."""
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

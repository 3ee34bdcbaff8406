"""Predict concurrent requests in batches: the next batch gathers while one is computed."""

import asyncio
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray

Predict = Callable[[NDArray[np.uint8]], NDArray[np.float32]]  # [N, H, W, C] -> [N, classes]
Waiting = tuple[NDArray[np.uint8], "asyncio.Future[NDArray[np.float32]]"]


class Batcher:
    """Compute one batch of at most `most` at a time; no image waits for a fuller batch."""

    def __init__(self, predict: Predict, most: int) -> None:
        """Start waiting for images."""
        self.batches = self.images = 0  # read so far
        self._predict, self._most = predict, most
        self._waiting: deque[Waiting] = deque()
        self._arrived = asyncio.Event()
        self._thread = ThreadPoolExecutor(1)
        self._task = asyncio.create_task(self._run())

    async def read(self, image: NDArray[np.uint8]) -> NDArray[np.float32]:  # [classes]
        """Return the probabilities of one image `[H, W, C]`."""
        answer: asyncio.Future[NDArray[np.float32]] = asyncio.get_running_loop().create_future()
        self._waiting.append((image, answer))
        self._arrived.set()
        return await answer

    async def stop(self) -> None:
        """Stop; waiting images are never answered."""
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        self._thread.shutdown()

    async def _run(self) -> None:
        while True:
            await self._arrived.wait()
            count = min(len(self._waiting), self._most)
            batch = [self._waiting.popleft() for _ in range(count)]
            if not self._waiting:
                self._arrived.clear()
            await self._answer(batch)

    async def _answer(self, batch: list[Waiting]) -> None:
        images = np.stack([image for image, _ in batch])
        loop = asyncio.get_running_loop()
        try:
            rows = await loop.run_in_executor(self._thread, self._predict, images)
        except Exception as error:  # a bug: every request of the batch fails
            for _, answer in batch:
                if not answer.done():
                    answer.set_exception(error)
            return
        self.batches += 1
        self.images += len(batch)
        for (_, answer), row in zip(batch, rows, strict=True):
            if not answer.done():
                answer.set_result(row)

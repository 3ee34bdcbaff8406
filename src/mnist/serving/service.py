"""Answer pictures: prepare them in parallel, predict them in batches."""

import asyncio
import base64
import io
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from starlette.exceptions import HTTPException

from mnist.errors import UserError
from mnist.handwriting.digit import Look
from mnist.predict import likeliest
from mnist.serving import limits
from mnist.serving.batching import Batcher
from mnist.serving.body import Buffered
from mnist.serving.model import Served, load
from mnist.serving.preparing import Preparers

NEAREST = 6


class Service:
    """A model with the processes that prepare its pictures."""

    def __init__(self) -> None:
        """Start nothing yet."""
        self.waiting = 0  # pictures that are being answered
        self.buffered = Buffered()
        self.preparers = Preparers()
        self.served: Served
        self.batcher: Batcher

    async def start(self, path: Path) -> None:
        """Start the processes, and load the model meanwhile. Raises UserError."""
        await self.preparers.start()
        try:
            self.served = await asyncio.to_thread(load, path)
        except BaseException:
            await self.preparers.stop()
            raise
        self.preparers.instruct(self.served.task)
        self.batcher = Batcher(self.served.predict, limits.MOST_BATCH)

    async def stop(self) -> None:
        """Stop the processes and the batches."""
        await self.batcher.stop()
        await self.preparers.stop()

    async def read(self, pictures: list[bytes], *, show: bool) -> list[dict[str, Any]]:
        """Answer each picture. Raises HTTPException: 422 for an invalid one, 503 for too many."""
        if self.waiting + len(pictures) > limits.MOST_WAITING:
            raise HTTPException(503, "too many pictures at once; try again")
        self.waiting += len(pictures)
        try:
            images = await asyncio.gather(
                *map(self.preparers.prepare, pictures), return_exceptions=True
            )
            for number, image in enumerate(images, start=1):
                if isinstance(image, UserError):
                    raise HTTPException(422, f"picture {number}: {image}")
                if isinstance(image, BaseException):
                    raise image
            looks = [image for image in images if isinstance(image, Look)]
            rows = await asyncio.gather(*(self.batcher.read(look.pixels) for look in looks))
        finally:
            self.waiting -= len(pictures)
        return [self._answer(look, row, show=show) for look, row in zip(looks, rows, strict=True)]

    def _answer(self, look: Look, row: NDArray[np.float32], *, show: bool) -> dict[str, Any]:
        answer = likeliest(row, self.served.task, look.doubt)
        if show:
            answer["seen"] = _png(look.pixels)
            answer["nearest"] = self._nearest(look.pixels)
        return answer

    def _nearest(self, image: NDArray[np.uint8]) -> list[dict[str, Any]]:
        neighbours = self.served.neighbours
        if neighbours is None:
            return []
        return [
            {
                "index": neighbour.row,
                "class": self.served.task.classes[neighbour.label],
                "likeness": neighbour.likeness,
                "image": _png(neighbours.images[neighbour.row]),
            }
            for neighbour in neighbours.nearest(image, NEAREST)
        ]


def _png(image: NDArray[np.uint8]) -> str:
    file = io.BytesIO()
    Image.fromarray(image[..., 0] if image.shape[-1] == 1 else image).save(file, "png")
    return base64.b64encode(file.getvalue()).decode()

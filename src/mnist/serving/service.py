"""What the server does with pictures: prepare them side by side, read them together."""

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
    """A model with the processes that prepare for it."""

    def __init__(self) -> None:
        """Serve nothing yet."""
        self.waiting = 0  # pictures that are being answered
        self.buffered = Buffered()
        self.preparers = Preparers()
        self.served: Served
        self.batcher: Batcher

    async def start(self, path: Path) -> None:
        """Load the model while the processes start. Raises UserError."""
        await self.preparers.start()
        try:
            self.served = await asyncio.to_thread(load, path)
        except BaseException:
            await self.preparers.stop()
            raise
        self.preparers.instruct(self.served.task)
        self.batcher = Batcher(self.served.predict, limits.MOST_BATCH)

    async def stop(self) -> None:
        """End what `start` began."""
        await self.batcher.stop()
        await self.preparers.stop()

    async def read(self, pictures: list[bytes], *, show: bool) -> list[dict[str, Any]]:
        """Answer each picture. Raises HTTPException: 422 for one that is none, 503 for too many."""
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
        return [self._told(*one, show=show) for one in zip(looks, rows, strict=True)]

    def _told(self, look: Look, row: NDArray[np.float32], *, show: bool) -> dict[str, Any]:
        told = likeliest(row, self.served.task, look.doubt)
        if show:
            told["seen"] = _png(look.pixels)
            told["nearest"] = self._nearest(look.pixels)
        return told

    def _nearest(self, image: NDArray[np.uint8]) -> list[dict[str, Any]]:
        known = self.served.neighbours
        if known is None:
            return []
        return [
            {
                "index": found.row,
                "class": self.served.task.classes[found.label],
                "likeness": found.likeness,
                "image": _png(known.images[found.row]),
            }
            for found in known.nearest(image, NEAREST)
        ]


def _png(image: NDArray[np.uint8]) -> str:
    file = io.BytesIO()
    Image.fromarray(image[..., 0] if image.shape[-1] == 1 else image).save(file, "png")
    return base64.b64encode(file.getvalue()).decode()

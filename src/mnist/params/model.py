"""`ModelParams`: what the network looks like, and how large that is."""

from collections.abc import Iterator
from typing import Annotated, Literal, NamedTuple

from pydantic import AfterValidator, Field

from mnist.errors import UserError
from mnist.schema import Schema
from mnist.task import SIDES, Task

POOL = 2  # pixels a side
MOST_LAYERS = 97  # of weights, beside the last; each draws its own from the seed
MOST_WEIGHTS = 2**31


def _not_empty(filters: tuple[int, ...]) -> tuple[int, ...]:
    if not filters:
        raise ValueError("expected the filters of one convolution or more, found none")
    return filters


Width = Annotated[int, Field(ge=1, lt=2**31)]
Block = Annotated[tuple[Width, ...], AfterValidator(_not_empty)]


class Layer(NamedTuple):
    """What a convolution or dense layer, with its batch norm, has to hold."""

    weights: int
    values: int  # an image


class ModelParams(Schema):
    """Section `model`: blocks of convolutions, each ended by a 2x2 max-pool; then dense layers."""

    blocks: tuple[Block, ...]  # filters
    kernel_size: int = Field(ge=1, le=SIDES[-1])
    padding: Literal["same", "valid"]  # valid: kernels stay inside the image, which shrinks
    batch_norm: bool  # after each convolution
    dense: tuple[Width, ...]  # units of the hidden layers
    dropout: float = Field(ge=0, lt=1)  # share dropped before the last layer, in training only
    initializer: Literal["tutorial", "glorot"]

    def require(self, task: Task) -> None:
        """Raise UserError for a network that no machine here is for, or that leaves no pixel."""
        count = sum(map(len, self.blocks)) + len(self.dense)
        if count > MOST_LAYERS:
            raise UserError(
                f"params.yaml: model: expected at most {MOST_LAYERS} convolutions and hidden "
                f"layers, found {count}; take from model.blocks or model.dense"
            )
        self._require_pixels(min(task.shape[:2]))
        weights = sum(layer.weights for layer in self.layers(task))
        if weights > MOST_WEIGHTS:
            raise UserError(
                f"params.yaml: model: expected at most {MOST_WEIGHTS:,} weights, found "
                f"{weights:,}, which take {4 * weights / 1e9:,.0f} GB; take from model.blocks or "
                "model.dense"
            )

    def _require_pixels(self, side: int) -> None:
        if self.kernel_size > side:
            raise UserError(
                f"params.yaml: model.kernel_size: expected at most the {side} pixels of an image, "
                f"found {self.kernel_size}"
            )
        for block, filters in enumerate(self.blocks, start=1):
            side -= len(filters) * (self.kernel_size - 1) * (self.padding == "valid")
            if side < POOL:
                left = max(side, 0)
                raise UserError(
                    f"params.yaml: model: expected {POOL} x {POOL} or more pixels to pool, found "
                    f"{left} x {left} in block {block}; take from model.blocks or "
                    "model.kernel_size, or write model.padding: same"
                )
            side //= POOL

    def layers(self, task: Task) -> Iterator[Layer]:
        """Yield every layer that has weights, in order, the last one included."""
        height, width, channels = task.shape
        lost = (self.kernel_size - 1) * (self.padding == "valid")
        beside = 4 if self.batch_norm else 1  # weights a filter: batch norm's, or a bias
        for filters in self.blocks:
            for count in filters:
                height, width = height - lost, width - lost
                weights = (self.kernel_size**2 * channels + beside) * count
                yield Layer(weights, height * width * count)
                channels = count
            height, width = height // POOL, width // POOL
        inputs = height * width * channels
        for units in (*self.dense, len(task.classes)):
            yield Layer((inputs + 1) * units, units)
            inputs = units

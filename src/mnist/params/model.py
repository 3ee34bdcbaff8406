"""`ModelParams`: what the network looks like, and how large that is."""

from collections.abc import Iterator
from typing import Annotated, Literal, NamedTuple, Self

from pydantic import AfterValidator, Field, model_validator

from mnist.params import Params

SIDE = 28  # pixels
POOL = 2  # pixels a side
CLASSES = 10
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


class ModelParams(Params):
    """Section `model`: blocks of convolutions, each ended by a 2x2 max-pool; then dense layers."""

    blocks: tuple[Block, ...]  # filters
    kernel_size: int = Field(ge=1, le=SIDE)
    padding: Literal["same", "valid"]  # valid: kernels stay inside the image, which shrinks
    batch_norm: bool  # after each convolution
    dense: tuple[Width, ...]  # units of the hidden layers
    dropout: float = Field(ge=0, lt=1)  # share dropped before the last layer, in training only
    initializer: Literal["tutorial", "glorot"]

    @model_validator(mode="after")
    def _leaves_pixels(self) -> Self:
        """Refuse convolutions and poolings that leave nothing of the image."""
        side = SIDE
        for block, filters in enumerate(self.blocks, start=1):
            if self.padding == "valid":
                side -= len(filters) * (self.kernel_size - 1)
            if side < POOL:
                left = max(side, 0)
                raise ValueError(
                    f"expected {POOL} x {POOL} or more pixels to pool, found {left} x {left} in "
                    f"block {block}; take from model.blocks or model.kernel_size, or write "
                    "model.padding: same"
                )
            side //= POOL
        return self

    @model_validator(mode="after")
    def _can_be(self) -> Self:
        """Refuse what no machine here is for."""
        count = sum(map(len, self.blocks)) + len(self.dense)
        if count > MOST_LAYERS:
            raise ValueError(
                f"expected at most {MOST_LAYERS} convolutions and hidden layers, found {count}; "
                "take from model.blocks or model.dense"
            )
        weights = sum(layer.weights for layer in self.layers())
        if weights > MOST_WEIGHTS:
            raise ValueError(
                f"expected at most {MOST_WEIGHTS:,} weights, found {weights:,}, which take "
                f"{4 * weights / 1e9:,.0f} GB; take from model.blocks or model.dense"
            )
        return self

    def layers(self) -> Iterator[Layer]:
        """Yield every layer that has weights, in order, the last one included."""
        side, width = SIDE, 1
        for filters in self.blocks:
            for count in filters:
                side -= (self.kernel_size - 1) * (self.padding == "valid")
                beside = 4 if self.batch_norm else 1  # weights a filter: batch norm's, or a bias
                yield Layer((self.kernel_size**2 * width + beside) * count, side * side * count)
                width = count
            side //= POOL
        width *= side * side
        for units in (*self.dense, CLASSES):
            yield Layer((width + 1) * units, units)
            width = units

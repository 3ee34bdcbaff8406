"""`ModelParams`: what the network looks like; one that leaves nothing of the image is refused."""

from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from mnist.params import Params

SIDE = 28  # pixels
POOL = 2  # pixels a side


def _not_empty(filters: tuple[int, ...]) -> tuple[int, ...]:
    if not filters:
        raise ValueError("expected the filters of one convolution or more, found none")
    return filters


Width = Annotated[int, Field(ge=1)]
Block = Annotated[tuple[Width, ...], AfterValidator(_not_empty)]


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

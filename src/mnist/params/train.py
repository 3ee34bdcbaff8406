"""`TrainParams` of the loop, and its parts: of a step, of the optimizer, of the processor."""

from typing import Annotated, Literal

from pydantic import Field, ValidationInfo, field_validator

from mnist.errors import UserError
from mnist.schema import Schema

STEPS_A_CALL = 100
MOST = 2**31  # TensorFlow counts steps, rows and seeds in an int32

Decay = Annotated[float, Field(ge=0, le=0.999999)]  # of a float32, which is 1 soon after


class ProcessorParams(Schema, extra="ignore"):
    """The part of section `train` that must be known before TensorFlow is imported."""

    reproducible: Literal["portable", "machine"]
    device: Literal["auto", "cpu", "gpu"]


class OptimizerParams(Schema, extra="ignore"):
    """The part of section `train` that says how the weights move."""

    steps: int = Field(ge=1, lt=MOST)
    learning_rate: float = Field(gt=0)  # the highest
    schedule: Literal["constant", "one-cycle", "cosine"]
    betas: tuple[Decay, Decay]  # of Adam's two moments
    weight_decay: float = Field(ge=0)  # decoupled; times the learning rate, a step, of kernels


class StepParams(OptimizerParams):
    """The part of section `train` that says what a step does."""

    batch_size: int = Field(ge=1, lt=MOST)
    shards: int = Field(ge=1, le=64)  # that a batch is computed in, side by side; a power of two
    label_smoothing: float = Field(ge=0, lt=1)  # share of the label spread over the ten digits
    average: Decay  # a step, of the weights' mean that is saved; 0: none
    precision: Literal["float32", "bfloat16"]  # of the arithmetic; weights are float32 always
    seed: int = Field(ge=0, lt=MOST)


class TrainParams(StepParams, ProcessorParams, extra="forbid"):
    """Section `train`."""

    validate_every: int = Field(lt=MOST)  # steps, a multiple of 100: a row of the curve
    checkpoint_every: int = Field(lt=MOST)  # steps, a multiple of 100: what a kill costs at most

    def require_batch(self, images: int) -> None:
        """Raise UserError where a batch is more than all images to train on."""
        if self.batch_size > images:
            raise UserError(
                f"params.yaml: train.batch_size: expected at most the {images} training images, "
                f"found {self.batch_size}"
            )

    @field_validator("shards")
    @classmethod
    def _in_a_tree(cls, shards: int, info: ValidationInfo) -> int:
        most = info.data.get("batch_size", shards)
        if shards & (shards - 1) or shards > most:
            raise ValueError(
                f"expected a power of two, at most the {most} images of train.batch_size, "
                f"found {shards}"
            )
        return shards

    @field_validator("validate_every", "checkpoint_every")
    @classmethod
    def _in_whole_calls(cls, steps: int) -> int:
        if steps < 1 or steps % STEPS_A_CALL:
            raise ValueError(f"expected a multiple of {STEPS_A_CALL}, found {steps}")
        return steps

    @field_validator("precision")
    @classmethod
    def _portable(cls, precision: str, info: ValidationInfo) -> str:
        if precision != "float32" and info.data.get("reproducible") == "portable":
            raise ValueError(
                f"expected float32, found {precision}, whose bits differ from processor to "
                "processor; write float32, or train.reproducible: machine"
            )
        return precision

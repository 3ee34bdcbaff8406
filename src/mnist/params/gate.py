"""`GateParams`: what a model must reach; no stage reads it, so that it moves no result."""

from pydantic import Field

from mnist.schema import Schema


class GateParams(Schema):
    """Section `gate`."""

    minimum_accuracy: float = Field(ge=0, le=1)  # of the test set

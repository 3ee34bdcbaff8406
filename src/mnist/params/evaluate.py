"""`EvaluateParams`: how the test set is summed up."""

from pydantic import Field

from mnist.params import Params


class EvaluateParams(Params):
    """Section `evaluate`."""

    confidence: float = Field(gt=0, lt=1)  # of the accuracy's interval
    minimum_accuracy: float = Field(ge=0, le=1)  # the gate: below it, the stage fails

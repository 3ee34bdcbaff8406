"""`EvaluateParams`: how the test set is summed up."""

from pydantic import Field

from mnist.params import Params


class EvaluateParams(Params):
    """Section `evaluate`."""

    confidence: float = Field(gt=0, le=0.999999)  # of the accuracy's interval

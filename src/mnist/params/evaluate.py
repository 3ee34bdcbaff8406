"""`EvaluateParams`: how the test set is summed up."""

from pydantic import Field

from mnist.params import Params


class EvaluateParams(Params):
    """Section `evaluate`."""

    confidence: float = Field(gt=0, lt=1)  # of the accuracy's interval

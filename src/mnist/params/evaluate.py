"""`EvaluateParams`: how the test set is summed up."""

from pydantic import Field

from mnist.schema import Schema


class EvaluateParams(Schema):
    """Section `evaluate`."""

    confidence: float = Field(gt=0, le=0.999999)  # of the accuracy's interval

"""`SplitParams`: which examples are held out."""

from pydantic import Field

from mnist.params import Params


class SplitParams(Params):
    """Section `preprocess`: one example in `validation_one_in` is held out for validation."""

    validation_one_in: int = Field(ge=2, lt=2**31)
    seed: int = Field(ge=0, lt=2**64)

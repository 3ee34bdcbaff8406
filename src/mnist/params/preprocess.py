"""`SplitParams`: which examples are held out."""

from pydantic import Field

from mnist.errors import UserError
from mnist.params import Params


class SplitParams(Params):
    """Section `preprocess`: one example in `validation_one_in` is held out for validation."""

    validation_one_in: int = Field(ge=2, lt=2**31)
    seed: int = Field(ge=0, lt=2**64)

    def held_out(self, images: int, classes: int) -> int:
        """Return how many of the images are held out.

        Raises UserError where that would be fewer than there are classes.
        """
        most = images // classes
        if self.validation_one_in > most:
            raise UserError(
                f"params.yaml: preprocess.validation_one_in: expected at most {most}, so that the "
                f"{images} training images leave one of each class for validation, found "
                f"{self.validation_one_in}"
            )
        return -(-images // self.validation_one_in)

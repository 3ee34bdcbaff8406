"""`PreprocessParams`: what images become, and which are held out."""

from typing import Annotated, Literal

from pydantic import Field

from mnist.errors import UserError
from mnist.schema import Schema
from mnist.task import SIDES

Side = Annotated[int, Field(ge=SIDES[0], le=SIDES[-1])]  # pixels


class PreprocessParams(Schema):
    """Section `preprocess`: one example in `validation_one_in` is held out for validation."""

    size: tuple[Side, Side]  # height, width
    colour: Literal["grey", "rgb"]
    fit: Literal["stretch", "crop", "pad"]  # an image of another shape
    validation_one_in: int = Field(ge=2, lt=2**31)
    seed: int = Field(ge=0, lt=2**64)

    @property
    def shape(self) -> tuple[int, int, int]:
        """The shape of an image: height, width, channels."""
        return (*self.size, 1 if self.colour == "grey" else 3)

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

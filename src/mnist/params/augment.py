"""`AugmentParams`: the most that a training image is distorted."""

from pydantic import Field

from mnist.schema import Schema


class AugmentParams(Schema):
    """Section `augment`: the most that a training image is distorted; all 0 and false: as it is."""

    rotation: float = Field(ge=0, le=180)  # degrees, either way
    shear: float = Field(ge=0, lt=90)  # degrees, either way
    zoom: float = Field(ge=0, lt=1)  # share of the size, in or out, each axis on its own
    shift: float = Field(ge=0, le=224)  # pixels, either way, each axis on its own
    flip: bool  # left and right, half of the images

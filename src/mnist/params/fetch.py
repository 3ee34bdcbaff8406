"""`FetchParams`: which data set."""

from pydantic import Field

from mnist.params import Params


class FetchParams(Params):
    """Section `fetch`."""

    dataset: str = Field(pattern=r"^[\w-]+$")  # the name of a card in datasets/

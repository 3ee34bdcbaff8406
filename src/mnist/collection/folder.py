"""Folders of pictures as Keras, torchvision and Hugging Face share them: FOLDER/train/CLASS/*.png.

`FOLDER/test/CLASS/*.png` may be there too; so may `FOLDER/CLASS/*.png`, without either.
"""

import hashlib
import os
import unicodedata
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

from tqdm import tqdm

from mnist import task
from mnist.errors import UserError, printable
from mnist.machine import cores
from mnist.source import photo
from mnist.source.dataset_spec import Split

SPLITS: tuple[Split, ...] = ("train", "test")
MIN_SIDE = 1  # pixels: a data set may be of any size
MAX_ERRORS = 20  # that are printed
CHUNK = 256  # pictures that are read in parallel


class Picture(NamedTuple):
    """One picture, with a digest of its pixels, by which copies in other files are found."""

    path: Path
    split: str  # empty if the folder has no splits
    label: str  # its class
    name: str  # its path below the folder of its class
    pixels: bytes


class Candidate(NamedTuple):
    """A file that may be a picture."""

    path: Path
    split: str
    label: str
    name: str


def read(folder: Path, drop: frozenset[str] = frozenset()) -> list[Picture]:
    """Read all pictures below a folder, in the order of their names' bytes.

    `drop`: paths below the folder that are left out. Raises UserError, with one line per error, for
    invalid pictures, an empty class, less than two classes, and different classes in the splits.
    """
    files = _without(drop, list(_files(folder)), folder)
    _require_classes(folder, files)
    pictures: list[Picture] = []
    errors: list[str] = []
    with (
        photo.silent(),
        ThreadPoolExecutor(cores.count()) as pool,
        tqdm(desc="pictures", total=len(files), unit="", disable=None) as bar,
    ):
        for start in range(0, len(files), CHUNK):
            for result in pool.map(_read, files[start : start + CHUNK]):
                bar.update()
                if isinstance(result, Picture):
                    pictures.append(result)
                else:
                    errors.append(result)
    if errors:
        advice = "mend them, or name them in a file for --drop"
        raise UserError("\n".join([*errors[:MAX_ERRORS], f"{len(errors)} in all; {advice}"]))
    return pictures


def _without(drop: frozenset[str], files: list[Candidate], folder: Path) -> list[Candidate]:
    """Leave out the paths of `drop`. Raises UserError if one does not exist."""
    paths = {_normal(file.path.relative_to(folder)) for file in files}
    dropped = {_normal(Path(path)) for path in drop}
    if unknown := sorted(dropped - paths):
        raise UserError(
            f"--drop: expected paths below {folder}, found {unknown[0]}, which is not there"
        )
    return [file for file in files if _normal(file.path.relative_to(folder)) not in dropped]


def _files(folder: Path) -> Iterator[Candidate]:
    if not folder.is_dir():
        raise UserError(f"{folder}: expected a folder of pictures, found none")
    splits: list[str] = [split for split in SPLITS if (folder / split).is_dir()]
    if splits == ["test"]:
        raise UserError(f"{folder}: expected train/ beside test/, found none")
    for split in splits or [""]:
        folders: dict[str, Path] = {}
        for path in photo.entries(folder / split):
            if not path.is_dir():
                where = "a folder a class" if splits else "a folder a class, or train/ and test/"
                raise UserError(f"{path}: expected {where}, found a file")
            label = _label(path, folders)
            yield from _of_class(path, split, label)


def _label(path: Path, folders: dict[str, Path]) -> str:
    """Return the class of a folder, and add it to `folders`, those of its split by class."""
    label = unicodedata.normalize("NFC", path.name)
    if not task.is_class_name(label):
        raise UserError(
            f"{printable(path)}: expected a class name of 1 to {task.LONGEST} printable "
            f"characters, found {path.name[: task.LONGEST]!r}; rename the folder"
        )
    if label in folders:
        raise UserError(
            f"{path}: expected class names that differ, found that of {folders[label]} in another "
            "Unicode form; put the pictures of both into one folder"
        )
    folders[label] = path
    return label


def _of_class(folder: Path, split: str, label: str) -> Iterator[Candidate]:
    names: dict[str, Path] = {}
    for path in sorted(_walk(folder), key=lambda path: os.fsencode(str(path.relative_to(folder)))):
        name = _normal(path.relative_to(folder))
        if name in names:
            raise UserError(f"{path}: expected names that differ, found that of {names[name]}")
        names[name] = path
        yield Candidate(path, split, label, name)


def _walk(folder: Path, above: tuple[Path, ...] = ()) -> Iterator[Path]:
    """Yield all files below a folder; `above`: the folders above it."""
    above = (*above, folder.resolve())
    for path in photo.entries(folder):
        if not path.is_dir():
            yield path
        elif any(higher.is_relative_to(path.resolve()) for higher in above):
            raise UserError(
                f"{path}: expected pictures, found a link to a folder above it; remove the link"
            )
        else:
            yield from _walk(path, above)


def _normal(below: Path) -> str:
    """Return a path below a folder in one Unicode form, with forward slashes."""
    return unicodedata.normalize("NFC", below.as_posix())


def _require_classes(folder: Path, files: list[Candidate]) -> None:
    splits = {file.split for file in files} or {""}
    classes = {
        split: {file.label for file in files if file.split == split} for split in sorted(splits)
    }
    for split, labels in classes.items():
        for path in photo.entries(folder / split):
            if unicodedata.normalize("NFC", path.name) not in labels:
                raise UserError(f"{path}: expected pictures of this class, found none")
    first, *rest = classes.values()
    for other in rest:
        if first != other:
            raise UserError(
                f"{folder}: expected the same classes in train/ and test/, found only in one: "
                f"{', '.join(sorted(first ^ other))}"
            )
    if len(first) < 2:
        raise UserError(
            f"{folder}: expected two classes or more, a folder each, found {len(first)}"
        )
    if len(first) not in task.COUNTS:
        raise UserError(f"{folder}: expected at most {task.COUNTS[-1]} classes, found {len(first)}")


def _require_utf8(file: Candidate) -> None:
    """Refuse a file name that is not UTF-8, which no archive can hold."""
    try:
        file.name.encode()
    except UnicodeEncodeError:
        name = os.fsencode(file.name)
        raise UserError(
            f"{file.path}: expected a file name in UTF-8, found {name!r}; rename it"
        ) from None


def _read(file: Candidate) -> Picture | str:
    try:
        _require_utf8(file)
        photo.require_file(file.path)
        image = photo.decode(file.path, str(file.path), least=MIN_SIDE)
    except UserError as error:
        return str(error)
    digest = hashlib.sha256(f"{image.size}".encode() + image.convert("RGB").tobytes()).digest()
    return Picture(*file, digest)

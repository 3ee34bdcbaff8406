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

from mnist.errors import UserError
from mnist.machine import cores
from mnist.source import photo
from mnist.source.card import Split

SPLITS: tuple[Split, ...] = ("train", "test")
LEAST_SIDE = 1  # pixels: a data set may be of any size
MOST_TOLD = 20  # mistakes
AT_ONCE = 256  # pictures that are read side by side


class Picture(NamedTuple):
    """One picture, with a digest of what it shows: the same pixels in another file are the same."""

    path: Path
    split: str  # empty where the folder has none
    label: str  # its class
    name: str  # in its class: the same wherever the folder lies
    pixels: bytes


class Found(NamedTuple):
    """A file that may be a picture."""

    path: Path
    split: str
    label: str
    name: str


def read(folder: Path, drop: frozenset[str] = frozenset()) -> list[Picture]:
    """Read all pictures below a folder, in the order of their names' bytes.

    `drop`: paths below the folder that are left out. Raises UserError, a line a mistake, for what
    is no picture, an empty class, less than two classes, and classes that differ between splits.
    """
    found = [file for file in _files(folder) if str(file.path.relative_to(folder)) not in drop]
    _require_classes(folder, found)
    pictures: list[Picture] = []
    mistakes: list[str] = []
    with (
        photo.silent(),
        ThreadPoolExecutor(cores.count()) as pool,
        tqdm(desc="pictures", total=len(found), unit="", disable=None) as bar,
    ):
        for start in range(0, len(found), AT_ONCE):
            for one in pool.map(_read, found[start : start + AT_ONCE]):
                bar.update()
                if isinstance(one, Picture):
                    pictures.append(one)
                else:
                    mistakes.append(one)
    if mistakes:
        advice = "mend them, or name them in a file for --drop"
        raise UserError("\n".join([*mistakes[:MOST_TOLD], f"{len(mistakes)} in all; {advice}"]))
    return pictures


def _files(folder: Path) -> Iterator[Found]:
    if not folder.is_dir():
        raise UserError(f"{folder}: expected a folder of pictures, found none")
    splits: list[str] = [split for split in SPLITS if (folder / split).is_dir()]
    if splits == ["test"]:
        raise UserError(f"{folder}: expected train/ beside test/, found none")
    for split in splits or [""]:
        for label in _sorted(folder / split):
            if label.is_dir():
                yield from _of_class(label, split)
            else:
                where = "a folder a class" if splits else "a folder a class, or train/ and test/"
                raise UserError(f"{label}: expected {where}, found a file")


def _of_class(folder: Path, split: str) -> Iterator[Found]:
    label = unicodedata.normalize("NFC", folder.name)
    names: dict[str, Path] = {}
    for path in sorted(_walk(folder), key=lambda path: os.fsencode(str(path.relative_to(folder)))):
        name = unicodedata.normalize("NFC", path.relative_to(folder).as_posix())
        if name in names:
            raise UserError(f"{path}: expected names that differ, found that of {names[name]}")
        names[name] = path
        yield Found(path, split, label, name)


def _walk(folder: Path) -> Iterator[Path]:
    for path in _sorted(folder):
        if path.is_dir():
            yield from _walk(path)
        else:
            yield path


def _sorted(folder: Path) -> list[Path]:
    """List what is in a folder, without what systems leave there; by the bytes of its names."""
    paths = (path for path in folder.iterdir() if not path.name.startswith("."))
    return sorted(
        (path for path in paths if path.name not in {"Thumbs.db", "desktop.ini", "__MACOSX"}),
        key=lambda path: os.fsencode(path.name),
    )


def _require_classes(folder: Path, found: list[Found]) -> None:
    splits = {file.split for file in found} or {""}
    classes = {
        split: {file.label for file in found if file.split == split} for split in sorted(splits)
    }
    for split, labels in classes.items():
        for path in _sorted(folder / split):
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


def _read(file: Found) -> Picture | str:
    try:
        image = photo.decode(file.path, str(file.path), least=LEAST_SIDE)
    except UserError as error:
        return str(error)
    digest = hashlib.sha256(f"{image.size}".encode() + image.convert("RGB").tobytes()).digest()
    return Picture(*file, digest)

"""Make a data set of a folder of pictures: `python -m mnist.collection FOLDER NAME`.

Writes mirrors/NAME/train.zip and test.zip, and datasets/NAME.yaml, which describes and pins them.
"""

import argparse
import re
import tempfile
from collections import Counter
from pathlib import Path

from ruamel.yaml import YAML

from mnist import argument
from mnist.collection import divide, folder, pack
from mnist.collection.folder import Picture
from mnist.errors import UserError, printable, run
from mnist.source.dataset_spec import DATASETS, DatasetSpec, read

MIRRORS = Path("mirrors")
EXAMPLE = "make dataset FROM=~/pictures NAME=mine"
UNKNOWN = "not said"


def main() -> None:
    """Write the archives and the data set's spec, all or nothing; print what is in them."""
    options = _options()
    root = argument.path(options.folder, "FROM", EXAMPLE)
    if not re.fullmatch(r"[\w-]+", options.name):
        raise UserError(f"NAME: expected letters, digits, - and _, found {options.name!r}")
    if not options.replace:
        _require_new(options.name)
    pictures = folder.read(root, _paths_to_drop(options.drop) if options.drop else frozenset())
    divide.require_one_label(pictures)
    pictures = divide.divide(pictures, test_one_in=options.test_one_in, seed=options.seed)
    _save(pictures, options)
    for line in _summary(pictures):
        print(printable(line))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m mnist.collection", description=__doc__)
    parser.add_argument("folder", help="FOLDER/train/CLASS/*.png, or FOLDER/CLASS/*")
    parser.add_argument("name", help="of the data set")
    parser.add_argument("--drop", help="a text file with one path per line to leave out")
    parser.add_argument(
        "--test-one-in",
        type=argument.at_least(2),
        default=6,
        metavar="N",
        help="one picture in N is for the test, where there is no test/; default: 6",
    )
    parser.add_argument(
        "--seed", type=argument.at_least(0), default=1, help="of that split; default: 1"
    )
    parser.add_argument(
        "--replace", action="store_true", help="a data set that this command did not make, too"
    )
    parser.add_argument("--title", help="of the data set; default: its name")
    parser.add_argument("--source", help=f"where it comes from; default: {UNKNOWN}")
    parser.add_argument("--licence", help=f"of the pictures; default: {UNKNOWN}")
    return parser.parse_args()


def _require_new(name: str) -> None:
    """Refuse the name of a data set that this command did not make."""
    spec_path, archives = DATASETS / f"{name}.yaml", MIRRORS / name
    try:
        if spec_path.exists() and read(name).mirrors == (str(archives),):
            return
    except UserError:  # not written by this command
        pass
    for path in (spec_path, archives):
        if path.exists():
            raise UserError(
                f"{path}: expected a new NAME, found a data set that `make dataset` did not make; "
                "choose another NAME, or overwrite it with DATASET_FLAGS=--replace"
            )


def _paths_to_drop(typed: str) -> frozenset[str]:
    """Read the paths to leave out."""
    path = argument.path(typed, "--drop", f"{EXAMPLE} DATASET_FLAGS='--drop drop.txt'")
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        found = str(error.strerror).lower() if isinstance(error, OSError) else "another file"
        raise UserError(
            f"{path}: expected a text file with one path per line for --drop, found {found}"
        ) from None
    return frozenset(filter(None, map(str.strip, lines)))


def _save(pictures: list[Picture], options: argparse.Namespace) -> None:
    """Write all files to a temporary folder, then move them into place."""
    name, mirror = options.name, MIRRORS / options.name
    MIRRORS.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{name}-", dir=MIRRORS) as draft:
        files = tuple(pack.pack(pictures, split, Path(draft)) for split in folder.SPLITS)
        spec = DatasetSpec(
            name=name,
            title=options.title or name,
            source=options.source or UNKNOWN,
            licence=options.licence or UNKNOWN,
            format="images",
            photo="resize",
            classes=tuple(sorted({picture.label for picture in pictures}, key=str.encode)),
            mirrors=(str(mirror),),
            folders=(name,),
            files=files,
        )
        spec_path = Path(draft) / f"{name}.yaml"
        writer = YAML()
        writer.width = 100
        writer.dump(spec.model_dump(mode="json", exclude={"name"}), spec_path)
        mirror.mkdir(exist_ok=True)
        for file in files:
            (Path(draft) / file.name).replace(mirror / file.name)
        DATASETS.mkdir(exist_ok=True)
        spec_path.replace(DATASETS / spec_path.name)


def _summary(pictures: list[Picture]) -> list[str]:
    counts = Counter((picture.label, picture.split) for picture in pictures)
    lines = [
        f"{label}: {counts[label, 'train']} to train, {counts[label, 'test']} to test"
        for label in sorted({picture.label for picture in pictures}, key=str.encode)
    ]
    duplicates = divide.duplicates(pictures)
    if duplicates:
        lines.append(f"{len(duplicates)} pictures are there more than once, each on one side:")
        lines += ["  " + ", ".join(str(copy.path) for copy in copies) for copies in duplicates[:20]]
    return lines


if __name__ == "__main__":
    run(main)

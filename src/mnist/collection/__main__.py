"""Make a data set of a folder of pictures: `python -m mnist.collection FOLDER NAME`.

Writes mirrors/NAME/train.zip and test.zip, and datasets/NAME.yaml, the card that pins them.
"""

import argparse
import re
from collections import Counter
from pathlib import Path

from ruamel.yaml import YAML

from mnist.collection import divide, folder, pack
from mnist.collection.folder import Picture
from mnist.errors import UserError, run
from mnist.source.card import CARDS, Card

MIRRORS = Path("mirrors")


def main() -> None:
    """Write the archives, then the card; say what is in them."""
    options = _options()
    if not re.fullmatch(r"[\w-]+", options.name):
        raise UserError(f"NAME: expected letters, digits, - and _, found {options.name!r}")
    drop = options.drop.read_text(encoding="utf-8").splitlines() if options.drop else []
    pictures = folder.read(options.folder, frozenset(filter(None, map(str.strip, drop))))
    divide.require_one_label(pictures)
    pictures = divide.divide(pictures, test_one_in=options.test_one_in, seed=options.seed)
    files = tuple(pack.pack(pictures, split, MIRRORS / options.name) for split in folder.SPLITS)
    card = Card(
        name=options.name,
        title=options.title or options.name,
        source=options.source,
        licence=options.licence,
        format="images",
        photo="resize",
        classes=tuple(sorted({picture.label for picture in pictures}, key=str.encode)),
        mirrors=(str(MIRRORS / options.name),),
        folders=(options.name,),
        files=files,
    )
    _write(card, CARDS / f"{options.name}.yaml")
    for line in _told(pictures):
        print(line)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m mnist.collection", description=__doc__)
    parser.add_argument("folder", type=Path, help="FOLDER/train/CLASS/*.png, or FOLDER/CLASS/*")
    parser.add_argument("name", help="of the data set")
    parser.add_argument("--drop", type=Path, help="a file with paths to leave out, a line each")
    parser.add_argument("--test-one-in", type=int, default=6, help="where there is no test/")
    parser.add_argument("--seed", type=int, default=1, help="of that split")
    for key in ("title", "source", "licence"):
        parser.add_argument(f"--{key}", default="" if key == "title" else "not said")
    return parser.parse_args()


def _write(card: Card, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    writer = YAML()
    writer.width = 100
    writer.dump(card.model_dump(mode="json", exclude={"name"}), path)


def _told(pictures: list[Picture]) -> list[str]:
    counts = Counter((picture.label, picture.split) for picture in pictures)
    lines = [
        f"{label}: {counts[label, 'train']} to train, {counts[label, 'test']} to test"
        for label in sorted({picture.label for picture in pictures}, key=str.encode)
    ]
    twice = divide.alike(pictures)
    if twice:
        lines.append(f"{len(twice)} pictures are there more than once, each on one side:")
        lines += ["  " + ", ".join(str(one.path) for one in same) for same in twice[:20]]
    return lines


if __name__ == "__main__":
    run(main)

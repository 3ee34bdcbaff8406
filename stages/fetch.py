"""Bring the data set `fetch.dataset` into data/raw/, its files exactly as published.

DATASET_MIRROR, a folder or URL with `<data set>/<file>.gz`, is tried before the public mirrors. So
are the archives of your own pictures, which lie in mirrors/: stages/run sets DATASET_ARCHIVES.
Where the data comes from changes no result, so it is no parameter.
"""

import os
from pathlib import Path

from mnist.errors import run
from mnist.params.fetch import FetchParams
from mnist.params.file import read
from mnist.source import archived, card, download, mirror
from mnist.source.bundled import mnist_5k

CARDS = Path("datasets")
RAW = Path("data/raw")


def main() -> None:
    """Write every file of the data set, each verified against its card, and what is on that."""
    chosen = card.read(read("fetch", FetchParams).dataset, CARDS)
    RAW.mkdir(parents=True, exist_ok=True)
    if chosen.mirrors == (card.BUNDLED,):
        contents = mnist_5k()
        for file in chosen.files:
            download.write(file, iter([contents[file.name]]), RAW)
    else:
        places = mirror.places(chosen, *map(os.environ.get, mirror.VARIABLES))
        if chosen.archive:
            archived.fetch(chosen.archive, chosen.files, places, RAW)
        else:
            for file in chosen.files:
                download.fetch(file, places, RAW)
    card.save(chosen, RAW)


if __name__ == "__main__":
    run(main)

"""Bring the data set `fetch.dataset` into data/raw/: four IDX files, exactly as published.

DATASET_MIRROR, a folder or URL with `<data set>/<file>.gz`, is tried before the public mirrors.
Where the data comes from changes no result, so it is no parameter.
"""

import os
from pathlib import Path

from mnist.errors import run
from mnist.params import read
from mnist.params.fetch import FetchParams
from mnist.source import catalog, download, mirror
from mnist.source.bundled import mnist_5k

RAW = Path("data/raw")


def main() -> None:
    """Write every file of the data set, each verified against the catalog."""
    data_set = catalog.DATA_SETS[read("fetch", FetchParams).dataset]
    RAW.mkdir(parents=True, exist_ok=True)
    if not data_set.mirrors:
        contents = mnist_5k()
        for file in data_set.files:
            download.write(file, iter([contents[file.name]]), RAW)
        return
    places = mirror.places(data_set, os.environ.get(mirror.VARIABLE))
    for file in data_set.files:
        download.fetch(file, places, RAW)


if __name__ == "__main__":
    run(main)

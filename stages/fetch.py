"""Download the data set `fetch.dataset` into data/raw/, its files exactly as published.

DATASET_MIRROR, a folder or URL with `<data set>/<file>.gz`, is tried before the public mirrors. So
is mirrors/, where `make dataset` puts the archives of your own pictures: stages/run sets
DATASET_ARCHIVES. These variables are no parameters, because they change no result.
"""

import os
from pathlib import Path

from mnist.errors import run
from mnist.params.fetch import FetchParams
from mnist.params.file import read
from mnist.source import archived, dataset_spec, download, mirror
from mnist.source.bundled import mnist_5k

DATASETS = Path("datasets")
RAW = Path("data/raw")


def main() -> None:
    """Write every file of the data set, verified, and the data set's spec beside them."""
    spec = dataset_spec.read(read("fetch", FetchParams).dataset, DATASETS)
    RAW.mkdir(parents=True, exist_ok=True)
    if spec.mirrors == (dataset_spec.BUNDLED,):
        contents = mnist_5k()
        for file in spec.files:
            download.write(file, iter([contents[file.name]]), RAW)
    else:
        places = mirror.places(spec, *map(os.environ.get, mirror.VARIABLES))
        if spec.archive:
            archived.fetch(spec.archive, spec.files, places, RAW)
        else:
            for file in spec.files:
                download.fetch(file, places, RAW)
    dataset_spec.save(spec, RAW)


if __name__ == "__main__":
    run(main)

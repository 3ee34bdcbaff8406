"""Pack the pictures of a split into one zip: the same pictures give the same bytes."""

import hashlib
import zipfile
from pathlib import Path

from tqdm import tqdm

from mnist.arrays.archive import EARLIEST_DATE
from mnist.collection.folder import Picture
from mnist.source.dataset_spec import File, Split


def pack(pictures: list[Picture], split: Split, folder: Path) -> File:
    """Write the files as they are, `CLASS/NAME`, sorted by name, without times and owners."""
    paths = {f"{p.label}/{p.name}": p.path for p in pictures if p.split == split}
    path = folder / f"{split}.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for name in tqdm(sorted(paths, key=str.encode), desc=path.name, disable=None):
            archive.writestr(zipfile.ZipInfo(name, EARLIEST_DATE), paths[name].read_bytes())
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return File(
        name=path.name,
        split=split,
        holds="examples",
        images=len(paths),
        length=path.stat().st_size,
        sha256=digest,
    )

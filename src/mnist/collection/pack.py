"""Pictures of a split -> one archive: the same bytes wherever their folder lies."""

import hashlib
import os
import zipfile
from pathlib import Path

from tqdm import tqdm

from mnist.arrays.archive import DATED
from mnist.collection.folder import Picture
from mnist.source.card import File, Split


def pack(pictures: list[Picture], split: Split, folder: Path) -> File:
    """Write the files as they are, `CLASS/NAME`, sorted by name, without times and owners."""
    mine = {f"{p.label}/{p.name}": p.path for p in pictures if p.split == split}
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{split}.zip"
    part = path.with_name(f".{os.getpid()}-{path.name}")
    try:
        with zipfile.ZipFile(part, "w") as archive:
            for name in tqdm(sorted(mine, key=str.encode), desc=path.name, disable=None):
                archive.writestr(zipfile.ZipInfo(name, DATED), mine[name].read_bytes())
        with part.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        length = part.stat().st_size
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
    return File(
        name=path.name,
        split=split,
        holds="examples",
        images=len(mine),
        length=length,
        sha256=digest,
    )

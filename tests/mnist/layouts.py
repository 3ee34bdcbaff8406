"""Tiny data sets in the layouts of the known ones, each with its description."""

import gzip
import hashlib
import io
import tarfile
import zipfile
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mnist.source import idx

COUNT = {"train": 40, "test": 10}
SPLITS = ("train", "test")
Members = dict[str, bytes]
Images = NDArray[np.uint8]


def drawn(split: str, shape: tuple[int, ...]) -> tuple[Images, NDArray[np.uint8]]:
    """Return images `[N, *shape]`, none like its own transpose, and labels 0 and 1 by turns."""
    random = np.random.Generator(np.random.PCG64(len(split)))
    images = random.integers(0, 256, (COUNT[split], *shape), np.uint8)
    return images, np.arange(COUNT[split], dtype=np.uint8) % 2


def kmnist() -> tuple[Members, dict[str, Any]]:
    """Lay out four files, gzipped, under MNIST's names: https://github.com/rois-codh/kmnist."""
    files: list[dict[str, Any]] = []
    packed: Members = {}
    for split, prefix in zip(SPLITS, ("train", "t10k"), strict=True):
        images, labels = drawn(split, (28, 28))
        contents = {
            f"{prefix}-images-idx3-ubyte": idx.serialize(images),
            f"{prefix}-labels-idx1-ubyte": idx.serialize(labels),
        }
        packed |= {f"{name}.gz": gzip.compress(content) for name, content in contents.items()}
        files += described(contents, split)
    for file in files:
        file["packed_sha256"] = digest(packed[f"{file['name']}.gz"])
    return packed, spec(files)


def qmnist() -> tuple[Members, dict[str, Any]]:
    """Give labels eight columns of int32, the class first: github.com/facebookresearch/qmnist."""
    files: list[dict[str, Any]] = []
    packed: Members = {}
    for split in SPLITS:
        images, labels = drawn(split, (28, 28))
        table = np.full((len(labels), 8), 2578, ">i4")
        table[:, 0] = labels
        head = b"\0\0\x0c\2" + np.array(table.shape, ">u4").tobytes()
        contents = {
            f"qmnist-{split}-images-idx3-ubyte": idx.serialize(images),
            f"qmnist-{split}-labels-idx2-int": head + table.tobytes(),
        }
        packed |= {f"{name}.gz": gzip.compress(content) for name, content in contents.items()}
        files += [
            file | {"sha256": digest(contents[file["name"]])} for file in described(contents, split)
        ]
    return packed, spec(files, label_column=0)


def emnist() -> tuple[Members, dict[str, Any]]:
    """Zip gzipped files of gzip/, images transposed, the first letter 1: arXiv 1702.05373."""
    files: list[dict[str, Any]] = []
    packed: Members = {}
    for split in SPLITS:
        images, labels = drawn(split, (28, 28))
        contents = {
            f"emnist-letters-{split}-images-idx3-ubyte": idx.serialize(
                np.ascontiguousarray(images.swapaxes(1, 2))
            ),
            f"emnist-letters-{split}-labels-idx1-ubyte": idx.serialize(labels + 1),
        }
        packed |= {f"gzip/{name}.gz": gzip.compress(content) for name, content in contents.items()}
        packed[f"gzip/emnist-letters-{split}-mapping.txt"] = b"1 65 97\n"
        files += described(contents, split)
    archive = zipped(packed)
    fields = spec(
        files, transposed=True, first_label=1, archive=pinned("gzip.zip", archive, "gzip")
    )
    return {"gzip.zip": archive}, fields


def cifar() -> tuple[Members, dict[str, Any]]:
    """Tar records of 1 + 3 x 1,024 bytes: https://www.cs.toronto.edu/~kriz/cifar.html."""
    files, contents = [], {}
    for split, names in (
        ("train", ["data_batch_1.bin", "data_batch_2.bin"]),
        ("test", ["test_batch.bin"]),
    ):
        images, labels = drawn(split, (32, 32, 3))
        planes = images.transpose(0, 3, 1, 2).reshape(len(images), -1)
        records = np.hstack([labels[:, np.newaxis], planes])
        for name, part in zip(names, np.array_split(records, len(names)), strict=True):
            contents[name] = part.tobytes()
            files += described({name: contents[name]}, split, images=len(part))
    archive = taped({f"cifar-10-batches-bin/{name}": c for name, c in contents.items()})
    fields = spec(
        [file | {"sha256": digest(contents[file["name"]])} for file in files],
        format="cifar",
        archive=pinned("cifar-10-binary.tar.gz", archive, "cifar-10-batches-bin"),
    )
    return {"cifar-10-binary.tar.gz": archive}, fields


def described(contents: Members, split: str, images: int = 0) -> list[dict[str, Any]]:
    """Describe files, without a digest."""
    holds = {"images": "images", "labels": "labels"}
    return [
        {
            "name": name,
            "split": split,
            "holds": next((part for part in holds if part in name), "examples"),
            "images": images or COUNT[split],
            "length": len(content),
        }
        for name, content in contents.items()
    ]


def spec(files: list[dict[str, Any]], **more: Any) -> dict[str, Any]:
    """Describe a data set of two classes."""
    fields = {"title": "tiny", "source": "drawn", "licence": "none", "format": "idx"}
    rest = {"photo": "resize", "classes": ["no", "yes"], "mirrors": [], "folders": ["tiny"]}
    return fields | rest | {"files": files} | more


def pinned(name: str, content: bytes, folder: str) -> dict[str, Any]:
    """Describe an archive."""
    return {"name": name, "length": len(content), "sha256": digest(content), "folder": folder}


def digest(content: bytes) -> str:
    """Return the SHA-256."""
    return hashlib.sha256(content).hexdigest()


def zipped(members: Members) -> bytes:
    """Return a zip archive."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def taped(members: Members, *, link: str = "") -> bytes:
    """Return a tar.gz archive; `link`: a symbolic link to /etc/passwd of that name."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz", compresslevel=6) as archive:
        for name, content in members.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
        if link:
            member = tarfile.TarInfo(link)
            member.type, member.linkname = tarfile.SYMTYPE, "/etc/passwd"
            archive.addfile(member)
    return buffer.getvalue()

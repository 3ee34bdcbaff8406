"""Packed bytes -> what is in them: gzip, and the wanted files of a zip or tar archive.

Nothing is written to where an archive says: a file is looked for by the one path that it may have,
and all else in it is passed over.
"""

import gzip
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from mnist.source.card import Archive, File
from mnist.source.transfer import CHUNK, InterruptedTransferError, UnfitError

MOST_BESIDE = 1 << 26  # bytes in a tar archive, unpacked, beside the files that are wanted
BROKEN = (
    *(OSError, EOFError, ValueError, RuntimeError, NotImplementedError, OverflowError),
    *(LookupError, zipfile.BadZipFile, tarfile.TarError, zlib.error),
)  # what the readers of archives raise for those that are cut, changed or encrypted
Found = tuple[File, Iterator[bytes]]


def gunzip(packed: Iterator[bytes]) -> Iterator[bytes]:
    """Gunzip one whole member with nothing after it."""
    unpacker = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)  # 16: gzip, its CRC checked
    try:
        for packed_chunk in packed:
            rest = packed_chunk
            while rest and not unpacker.eof:
                yield unpacker.decompress(rest, CHUNK)
                rest = unpacker.unconsumed_tail
            if unpacker.eof and (rest or unpacker.unused_data):
                raise UnfitError("found bytes after the end of the gzip member")
    except zlib.error as error:
        raise UnfitError(f"expected gzip, found {error}") from None
    if not unpacker.eof:
        raise InterruptedTransferError("the gzip stream ends too early")


def members(path: Path, archive: Archive, files: tuple[File, ...]) -> Iterator[Found]:
    """Yield each file that is in an archive, with its bytes, to be read before the next.

    Raises UnfitError for no archive, and at its end for the files that it lacks.
    """
    wanted = {f"{archive.folder}/{file.name}{end}": file for file in files for end in ("", ".gz")}
    missing = {file.name for file in files}
    walk = _zipped if archive.name.endswith(".zip") else _taped
    with _told():
        for name, stream in walk(path, wanted):
            missing.discard(wanted[name].name)
            content = _read(stream)
            yield wanted[name], gunzip(content) if name.endswith(".gz") else content
    if missing:
        raise UnfitError(f"expected {', '.join(sorted(missing))} in {archive.folder}/, found none")


def _read(stream: IO[bytes]) -> Iterator[bytes]:
    with _told():
        while chunk := stream.read(CHUNK):
            yield chunk


@contextmanager
def _told() -> Iterator[None]:
    """Tell in a line what is wrong with an archive."""
    try:
        yield
    except BROKEN as error:
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise UnfitError(f"expected an archive that is whole, found {reason}") from None


def _zipped(path: Path, wanted: dict[str, File]) -> Iterator[tuple[str, IO[bytes]]]:
    with zipfile.ZipFile(path) as opened:
        for name in sorted(wanted.keys() & set(opened.namelist())):
            with opened.open(name) as stream:
                yield name, stream


def _taped(path: Path, wanted: dict[str, File]) -> Iterator[tuple[str, IO[bytes]]]:
    most = sum(file.length for file in set(wanted.values())) + MOST_BESIDE
    with _Bounded(path, most) as plain, tarfile.open(fileobj=plain, mode="r|") as opened:
        for member in opened:
            stream = opened.extractfile(member) if member.isreg() else None
            if member.name in wanted and stream is not None:
                yield member.name, stream


class _Bounded(gzip.GzipFile):
    """What is packed in a file, which fails once more of it is read than there can be."""

    def __init__(self, path: Path, most: int) -> None:
        super().__init__(path)
        self.left = most

    def read(self, size: int | None = -1) -> bytes:
        """Read."""
        found = super().read(size)
        self.left -= len(found)
        if self.left < 0:
            raise ValueError("more in it than the card says")
        return found

"""Unpack gzip, and the wanted files of a zip or tar archive.

Nothing is written to a path that an archive names: a file is looked up by its expected path, and
all other members are ignored.
"""

import gzip
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from mnist.source.dataset_spec import Archive, File
from mnist.source.transfer import CHUNK, InterruptedTransferError, UnfitError

MAX_OTHER_BYTES = 1 << 26  # of other members in a tar archive, unpacked
BROKEN = (
    *(OSError, EOFError, ValueError, RuntimeError, NotImplementedError, OverflowError),
    *(LookupError, zipfile.BadZipFile, tarfile.TarError, zlib.error),
)  # what the readers of archives raise for those that are cut, changed or encrypted
Member = tuple[File, Iterator[bytes]]


def gunzip(packed: Iterator[bytes]) -> Iterator[bytes]:
    """Unpack one complete gzip member with nothing after it."""
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


def members(path: Path, archive: Archive, files: tuple[File, ...]) -> Iterator[Member]:
    """Yield each wanted file of an archive with its content, to be read before the next file.

    Raises UnfitError if it is no archive, and at its end if files are missing.
    """
    wanted = {f"{archive.folder}/{file.name}{end}": file for file in files for end in ("", ".gz")}
    missing = {file.name for file in files}
    unpack = _zip_members if archive.name.endswith(".zip") else _tar_members
    with _archive_errors():
        for name, stream in unpack(path, wanted):
            missing.discard(wanted[name].name)
            content = _read(stream)
            yield wanted[name], gunzip(content) if name.endswith(".gz") else content
    if missing:
        raise UnfitError(f"expected {', '.join(sorted(missing))} in {archive.folder}/, found none")


def _read(stream: IO[bytes]) -> Iterator[bytes]:
    with _archive_errors():
        while chunk := stream.read(CHUNK):
            yield chunk


@contextmanager
def _archive_errors() -> Iterator[None]:
    """Raise UnfitError for whatever the readers of archives raise."""
    try:
        yield
    except BROKEN as error:
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise UnfitError(f"expected an archive that is whole, found {reason}") from None


def _zip_members(path: Path, wanted: dict[str, File]) -> Iterator[tuple[str, IO[bytes]]]:
    with zipfile.ZipFile(path) as archive:
        for name in sorted(wanted.keys() & set(archive.namelist())):
            with archive.open(name) as stream:
                yield name, stream


def _tar_members(path: Path, wanted: dict[str, File]) -> Iterator[tuple[str, IO[bytes]]]:
    max_bytes = sum(file.length for file in set(wanted.values())) + MAX_OTHER_BYTES
    with _Bounded(path, max_bytes) as plain, tarfile.open(fileobj=plain, mode="r|") as archive:
        for member in archive:
            stream = archive.extractfile(member) if member.isreg() else None
            if member.name in wanted and stream is not None:
                yield member.name, stream


class _Bounded(gzip.GzipFile):
    """A gzip file that fails once more than `max_bytes` of its content are read."""

    def __init__(self, path: Path, max_bytes: int) -> None:
        super().__init__(path)
        self.left = max_bytes

    def read(self, size: int | None = -1) -> bytes:
        """Read the next bytes."""
        content = super().read(size)
        self.left -= len(content)
        if self.left < 0:
            raise ValueError("more content than the data set description gives")
        return content

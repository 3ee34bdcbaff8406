"""Zip archives whose bytes are the same on every machine and version of Python."""

import os
import struct
import zipfile
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

EARLIEST_DATE = (1980, 1, 1, 0, 0, 0)  # that a zip archive can hold
CHUNK = 1 << 20  # bytes
LOCAL_HEADER = 30  # bytes before the name; the last four are the lengths of name and extra field


class Stream(NamedTuple):
    """A member that is never in memory as a whole."""

    length: int  # bytes
    chunks: Iterable[bytes]


def write(members: Mapping[str, bytes | Stream], path: Path) -> None:
    """Write the members, uncompressed and sorted by name; the file appears when it is complete.

    Their lengths must be known first, or the headers would depend on the version of Python
    (python/cpython#103861).
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{os.getpid()}-{path.name}")
    try:
        with zipfile.ZipFile(part, "w") as archive:
            for name in sorted(members):
                _add(archive, name, members[name])
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def _add(archive: zipfile.ZipFile, name: str, content: bytes | Stream) -> None:
    stream = Stream(len(content), [content]) if isinstance(content, bytes) else content
    header = zipfile.ZipInfo(name, EARLIEST_DATE)
    header.file_size = stream.length
    with archive.open(header, "w") as member:
        for chunk in stream.chunks:
            member.write(chunk)
    if header.file_size != stream.length:
        raise RuntimeError(f"{name}: {stream.length} bytes promised, {header.file_size} written")


def read(path: Path, names: Collection[str]) -> dict[str, bytes]:
    """Read an archive of exactly the members `names`, uncompressed and no longer than the file.

    Raises OSError, and ValueError with what was found for anything else.
    """
    with opened(path, names) as archive:
        return {name: archive.read(name) for name in names}


@contextmanager
def opened(path: Path, names: Collection[str]) -> Iterator[zipfile.ZipFile]:
    """Open an archive as `read` does, to read it member by member."""
    with path.open("rb") as file:
        length = os.fstat(file.fileno()).st_size
        try:
            with zipfile.ZipFile(file) as archive:
                _check(archive.infolist(), names, length)
                yield archive
        # of another version of zip, encrypted, cut short, with lengths that contradict each other
        except (zipfile.BadZipFile, RuntimeError, EOFError, OverflowError) as error:
            raise ValueError(str(error) or "an archive that is cut short") from None


def data_offset(path: Path, archive: zipfile.ZipFile, name: str) -> int:
    """Return where in the file the bytes of a member start, after checking their CRC."""
    with archive.open(name) as member:
        while member.read(CHUNK):
            pass
    header = archive.getinfo(name).header_offset
    with path.open("rb") as file:
        file.seek(header + LOCAL_HEADER - 4)
        name_length, extra_length = struct.unpack("<HH", file.read(4))
    return header + LOCAL_HEADER + int(name_length) + int(extra_length)


def _check(members: list[zipfile.ZipInfo], names: Collection[str], length: int) -> None:
    found = sorted(member.filename for member in members)
    if found != sorted(names):
        raise ValueError(f"the members {', '.join(found)[:99]}")
    for member in members:
        if member.compress_type != zipfile.ZIP_STORED or member.compress_size != member.file_size:
            raise ValueError(f"{member.filename} compressed, of any size")
        if member.file_size > length:
            raise ValueError(f"{member.filename} of {member.file_size} bytes in {length}")

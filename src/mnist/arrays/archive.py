"""Members <-> a zip archive that is the same bytes on every machine and version of Python."""

import io
import os
import zipfile
from collections.abc import Collection, Mapping
from pathlib import Path

DATED = (1980, 1, 1, 0, 0, 0)  # the earliest date that a zip archive can hold


def write(members: Mapping[str, bytes], path: Path) -> None:
    """Write the members, uncompressed, sorted by name.

    Whole members at once: of a streamed one the header depends on the version of Python
    (python/cpython#103861).
    """
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name in sorted(members):
            archive.writestr(zipfile.ZipInfo(name, DATED), members[name])
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(buffer.getvalue())


def read(path: Path, names: Collection[str]) -> dict[str, bytes]:
    """Read an archive of exactly the members `names`, uncompressed: no longer than the file itself.

    Raises OSError, and ValueError with what was found where it is none.
    """
    with path.open("rb") as file:
        length = os.fstat(file.fileno()).st_size
        try:
            with zipfile.ZipFile(file) as archive:
                members = archive.infolist()
                _check(members, names, length)
                return {member.filename: archive.read(member) for member in members}
        # of another version of zip, encrypted, cut short, with lengths that contradict each other
        except (zipfile.BadZipFile, RuntimeError, EOFError, OverflowError) as error:
            raise ValueError(str(error) or "an archive that is cut short") from None


def _check(members: list[zipfile.ZipInfo], names: Collection[str], length: int) -> None:
    found = sorted(member.filename for member in members)
    if found != sorted(names):
        raise ValueError(f"the members {', '.join(found)[:99]}")
    for member in members:
        if member.compress_type != zipfile.ZIP_STORED or member.compress_size != member.file_size:
            raise ValueError(f"{member.filename} compressed, of any size")
        if member.file_size > length:
            raise ValueError(f"{member.filename} of {member.file_size} bytes in {length}")

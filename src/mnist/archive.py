"""Members -> a zip archive that is the same bytes on every machine and version of Python."""

import io
import zipfile
from collections.abc import Mapping
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

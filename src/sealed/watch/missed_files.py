"""Files that a stage looked for and did not find, although the project has them.

A stage with a default for a missing file succeeds with another result, so this is reported even
if the stage succeeded. The stage could write anything to its log. Therefore only names of files
inside the project count, and only as many as a person would read.
"""

from collections.abc import Iterator
from glob import iglob
from itertools import islice
from pathlib import Path, PurePosixPath

from sealed.watch.opens import Opens, inside

PASSED_OVER = {".git", ".dvc", "__pycache__", ".venv", "pyvenv.cfg"}
MOST = 50  # files that are reported
MOST_MATCHES = 10_000  # files per pattern


def files(
    opens: Opens, places: tuple[str, ...], root: Path, declared: tuple[str, ...]
) -> list[str]:
    """Return the files that the stage missed, by name or by a pattern, and that the project has.

    `places` are the paths at which the stage sees the project; `declared` are its deps, outs and
    params files. Files that the stage wrote, or read in the end, do not count.
    """
    missed, patterns = _inside(opens.missed, places), _inside(opens.globbed, places)
    missed |= {path for pattern in sorted(patterns) for path in _matches(pattern, root)}
    missed -= _inside(opens.written, places) | _inside(opens.read, places)
    existing = (path for path in sorted(missed) if _is_file(root, path))
    return list(islice((path for path in existing if not _is_covered(path, declared)), MOST))


def _inside(paths: set[str], places: tuple[str, ...]) -> set[str]:
    return {path for place in places for path in inside(paths, place)}


def _matches(pattern: str, root: Path) -> Iterator[str]:
    """Yield the files of the project that match; nothing for a pattern such as `*`."""
    last = PurePosixPath(pattern).name
    if "**" not in pattern and not (last == pattern and set(last) <= set("*?.")):
        yield from islice(iglob(pattern, root_dir=root), MOST_MATCHES)  # noqa: PTH207


def _is_file(root: Path, path: str) -> bool:
    plain = path.isprintable() and not PASSED_OVER & set(PurePosixPath(path).parts)
    try:
        return plain and (root / path).is_file()
    except OSError:  # a name that is longer than one can be
        return False


def _is_covered(path: str, declared: tuple[str, ...]) -> bool:
    return any(PurePosixPath(path).is_relative_to(entry) for entry in declared)

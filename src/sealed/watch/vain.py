"""What a stage asked for in vain: files that the project has, and the stage does not declare.

A stage with a default for what is missing ends with status 0 and another result, so this is told
even when it succeeded. The log is the stage's own word: a name in it counts for what lies inside
the project, and as many as a person would read.
"""

from collections.abc import Iterator
from glob import iglob
from itertools import islice
from pathlib import Path, PurePosixPath

from sealed.watch.opens import Opens, inside

PASSED_OVER = {".git", ".dvc", "__pycache__", ".venv", "pyvenv.cfg"}
MOST = 50  # files that are told
MOST_MATCHES = 10_000  # of a pattern that are looked at


def files(
    opens: Opens, places: tuple[str, ...], root: Path, declared: tuple[str, ...]
) -> list[str]:
    """Return the files asked for in vain, by name or by a pattern, that the project has.

    `places` are those where the stage sees the project; `declared` are its deps, outs and params
    files. What the stage wrote or read in the end is none.
    """
    asked, patterns = _inside(opens.missed, places), _inside(opens.globbed, places)
    asked |= {path for pattern in sorted(patterns) for path in _matches(pattern, root)}
    asked -= _inside(opens.written, places) | _inside(opens.read, places)
    found = (path for path in sorted(asked) if _is_there(root, path))
    return list(islice((path for path in found if not _is_covered(path, declared)), MOST))


def _inside(paths: set[str], places: tuple[str, ...]) -> set[str]:
    return {path for place in places for path in inside(paths, place)}


def _matches(pattern: str, root: Path) -> Iterator[str]:
    """Yield what a pattern finds in the project; none for one that means whatever is there."""
    last = PurePosixPath(pattern).name
    if "**" not in pattern and not (last == pattern and set(last) <= set("*?.")):
        yield from islice(iglob(pattern, root_dir=root), MOST_MATCHES)  # noqa: PTH207


def _is_there(root: Path, path: str) -> bool:
    plain = path.isprintable() and not PASSED_OVER & set(PurePosixPath(path).parts)
    try:
        return plain and (root / path).is_file()
    except OSError:  # a name that is longer than one can be
        return False


def _is_covered(path: str, declared: tuple[str, ...]) -> bool:
    return any(PurePosixPath(path).is_relative_to(one) for one in declared)

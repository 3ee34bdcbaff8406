"""What DVC said of the stages of a dvc.yaml, kept for as long as all that it read is the same.

To import DVC takes a third of a second, for which a stage that runs again need not wait. What DVC
opened to answer is noted while it does so; an answer holds only while the content of each of these
files, what is not there among them, the place of DVC's settings and DVC itself are as they were.
It lies in .dvc/tmp: in a container and in bubblewrap no stage can write there; on the plain host a
stage could as well write to dvc.yaml itself.
"""

import hashlib
import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from dvcproject.content import SETTLED_NS
from dvcproject.declared import index

FOLDER = ".dvc/tmp/sealed"
VARIABLES = (  # which decide where DVC's settings are, and what `~` is
    *("HOME", "XDG_CONFIG_HOME", "XDG_CONFIG_DIRS"),
    *("DVC_GLOBAL_CONFIG_DIR", "DVC_SYSTEM_CONFIG_DIR"),
)
Stages = dict[str, dict[str, Any]]

_notes: list[str] | None = None  # the files that are opened now, where somebody wants to know
_hooked: list[bool] = []


def recall(root: Path, file: str, name: str) -> dict[str, Any] | None:
    """Return what DVC said of a stage, if it would say the same now."""
    found = _kept(root, file)["stages"].get(name)
    return found if isinstance(found, dict) else None


def keep(root: Path, file: str, stages: Stages, read: set[str], since: int) -> None:
    """Keep an answer that DVC began to look for at `since`, in ns, beside those that still hold.

    Not where a file was written shortly before or since then: what DVC read is not known.
    """
    own = f"{root}/.dvc/tmp/"  # DVC's own notes
    read = {path for path in read | _decisive(root, file, stages) if not path.startswith(own)}
    if any(_written(path) > since - SETTLED_NS for path in read):
        return
    before = _kept(root, file)
    states = before["read"] | {path: _state(path) for path in read}
    kept = {"around": _around(), "read": states, "stages": before["stages"] | stages}
    place = _place(root, file)
    fresh = place.with_name(f"{place.name}.{os.getpid()}")
    with suppress(OSError, TypeError, ValueError):  # it is only slower without
        text = json.dumps(kept)
        if json.loads(text) == kept:  # a number as a key of `meta`, say, would come back as a text
            place.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            fresh.write_text(text, encoding="utf-8")
            fresh.replace(place)


def _kept(root: Path, file: str) -> dict[str, dict[str, Any]]:
    """Return what is kept of a dvc.yaml, as far as it holds."""
    with suppress(OSError, ValueError, LookupError, TypeError, AttributeError):  # none, or spoilt
        kept = json.loads(_place(root, file).read_bytes())
        states = kept["read"].items()
        if kept["around"] == _around() and all(_state(path) == state for path, state in states):
            return {"read": dict(kept["read"]), "stages": dict(kept["stages"])}
    return {"read": {}, "stages": {}}


@contextmanager
def noting(found: set[str]) -> Iterator[None]:
    """Note the files that are opened, less those of Python's own libraries."""
    global _notes  # noqa: PLW0603  # a hook cannot be taken away again
    if not _hooked:
        sys.addaudithook(_note)
        _hooked.append(True)
    _notes = []
    try:
        yield
    finally:
        noted, _notes = {os.path.abspath(path) for path in _notes}, None  # noqa: PTH100
        found |= {path for path in noted if not path.startswith(_libraries())}


def _note(event: str, arguments: Any) -> None:
    if event == "open" and _notes is not None and isinstance(arguments[0], str):
        _notes.append(arguments[0])


def _libraries() -> tuple[str, ...]:
    places = [os.path.dirname(os.__file__), *(str(_dvc().parent),)]  # noqa: PTH120
    return ("/proc/", *(f"{place}/" for place in places))


def _decisive(root: Path, file: str, stages: Stages) -> set[str]:
    """Return what decides by being there at all, and what the answer itself is made by."""
    paths = {file, *(stage["wdir"] for stage in stages.values())}
    for stage in stages.values():
        paths |= {*stage["deps"], *(out["path"] for out in stage["outs"])}
    folders = {parent for path in paths for parent in Path(root, path).parents}
    inside = [folder for folder in folders if folder.is_relative_to(root)]
    found = {str(folder / name) for folder in inside for name in (".dvcignore", ".dvc")}
    found |= {str(root / stage["wdir"]) for stage in stages.values()}
    found.add(str(Path(root, file).with_name("params.yaml")))
    return {*found, index.__file__, str(_dvc() / "_version.py")}


def _around() -> list[Any]:
    """Return what else the answer hangs on: the user's settings, and what is installed."""
    state = _dvc().parent.stat()
    own = [str(_dvc()), state.st_ino, state.st_mtime_ns, os.getuid()]
    return [*own, *(os.environ.get(name) for name in VARIABLES)]


def _dvc() -> Path:
    """Return the folder of the DVC that this Python has. Raises LookupError where it has none."""
    spec = find_spec("dvc")
    if spec is None or spec.origin is None:
        raise LookupError("dvc")
    return Path(spec.origin).parent


def _place(root: Path, file: str) -> Path:
    return root / FOLDER / f"{hashlib.sha256(os.fsencode(file)).hexdigest()[:16]}.json"


def _state(path: str) -> str:
    """Return what is at a path: the digest of a file, a folder, or nothing."""
    try:
        return hashlib.sha256(Path(path).read_bytes()).hexdigest()
    except IsADirectoryError:
        return "folder"
    except (FileNotFoundError, NotADirectoryError):
        return ""


def _written(path: str) -> int:
    """Return when a file was written or put there, in ns; 0 where there is none."""
    if not os.path.isfile(path):  # noqa: PTH113
        return 0
    status = os.stat(path)  # noqa: PTH116
    return max(status.st_mtime_ns, status.st_ctime_ns)

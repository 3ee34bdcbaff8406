"""What a stage is given: a copy of each dep, and params files reduced to the declared keys.

DVC hashes deps and params once the stage has ended: what was edited meanwhile would be recorded as
if it had been used. So what was given is held against the workspace again before anything is
published. Where an engine can show a file in the place of another, read-only, a large dep is not
copied: a large file, or a folder that holds nothing but what is declared.
"""

import fcntl
import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

from dvcproject.content import SETTLED_NS, content
from dvcproject.folder import paths
from sealed.errors import StageError
from sealed.stage import Stage

FICLONE = 0x40049409  # linux/fs.h: share the blocks of a file, copy on write
BOUND_BYTES = 4_000_000  # what is smaller is copied in a millisecond or two
BOUND_FILES = 200  # of a folder, whatever their size
SMALL_BYTES = 1_000_000  # read whole, without opening it once more
MOST_BOUND = 500  # each is a mount
State = tuple[int, ...]  # device, inode, size, times of change in ns


class Inputs(NamedTuple):
    """What one stage was given; a path is relative to the project, or absolute outside it."""

    files: dict[str, State | None]  # -> its state when it was copied; None: just changed
    params: dict[str, tuple[bytes, dict[str, Any]]]  # params file -> its text, what is declared
    bound: dict[str, Path]  # what is read in place -> where it lies; the sandbox holds an empty one


def to_json(given: Inputs) -> dict[str, Any]:
    """Return them as JSON can hold them."""
    from dvcproject import params as parameters  # noqa: PLC0415

    params = {
        name: [text.decode("latin-1"), parameters.plain(values)]
        for name, (text, values) in given.params.items()
    }
    bound = {name: str(place) for name, place in given.bound.items()}
    return {"files": given.files, "params": params, "bound": bound}


def from_json(found: dict[str, Any]) -> Inputs:
    """Return what `to_json` made of them. Raises ValueError and others for anything else."""
    files = {path: state and tuple(state) for path, state in found["files"].items()}
    params = {
        name: (text.encode("latin-1"), dict(values))
        for name, (text, values) in found["params"].items()
    }
    bound = {name: Path(place) for name, place in found["bound"].items()}
    return Inputs(files, params, bound)


def furnish(sandbox: Path, stage: Stage, root: Path, *, binding: bool = False) -> Inputs:
    """Bring into `sandbox` what the stage declares, and make the folders of its outs.

    With `binding` a large file is left to the engine, to show it read-only in its place.
    """
    given = Inputs({}, {}, {})
    for dep in _whole(stage):
        if (root / dep).is_dir() and not dep.startswith("/"):
            (sandbox / dep).mkdir(parents=True, exist_ok=True)
        names = list(_members(dep, stage, root))
        if binding and _may_be_bound(dep, names, stage, root):
            given.bound[dep] = (root / dep).resolve()
            given.files.update((name, _state(root, name)) for name in names)
            continue
        for name in names:
            if name not in given.files:
                given.files[name] = _bring(name, sandbox, root, given.bound, binding=binding)
    for file, keys in _reduced(stage).items():
        given.params[file] = _text(root / file), _declared(file, stage, root)
        _write_reduced(sandbox / file, root / file, given.params[file][1], keys, file)
    for out in stage.written:
        (sandbox / out).parent.mkdir(parents=True, exist_ok=True)
    for out in stage.persistent:
        _bring_last(out, sandbox, root)
    return given


def _write_reduced(
    target: Path, source: Path, values: dict[str, Any], keys: tuple[str, ...], name: str
) -> None:
    from dvcproject import params as parameters  # noqa: PLC0415  # readers of four kinds: only if needed

    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(parameters.reduced(source, values, keys, name), encoding="utf-8")


def _may_be_bound(dep: str, names: list[str], stage: Stage, root: Path) -> bool:
    """Tell whether a folder can be shown in its place: large, and all of it that dep alone."""
    folder = PurePosixPath(dep)
    if dep.startswith(("/", "..")) or not (root / dep).is_dir() or len(names) < BOUND_FILES:
        return False
    others = {*stage.written, *stage.params, *stage.deps} - {dep} | {stage.wdir}
    if any(PurePosixPath(other).is_relative_to(folder) for other in others):
        return False  # something else is to lie in it
    whole, links = _entries(root / dep)
    return whole == len(names) and not links


def _entries(folder: Path) -> tuple[int, bool]:
    """Return how many files a folder holds, hidden ones too, and whether there are links."""
    files, folders = 0, [str(folder)]
    while folders:
        with os.scandir(folders.pop()) as entries:
            for entry in entries:
                if entry.is_symlink():
                    return 0, True
                if entry.is_dir(follow_symlinks=False):
                    folders.append(entry.path)
                else:
                    files += 1
    return files, False


def changed(given: Inputs, sandbox: Path, stage: Stage, root: Path) -> list[str]:
    """Name the declared files and keys that are no longer what the stage was given.

    A file whose state is still the same is not read again.
    """
    there = [dep for dep in _whole(stage) if (root / dep).exists()]
    now = {path for dep in there for path in _members(dep, stage, root)}
    found = now ^ given.files.keys()
    for path in now & given.files.keys():
        same = given.files[path] == _state(root, path)
        if not same and (_in_place(path, given) or content(root / path) != content(sandbox / path)):
            found.add(path)
    return sorted(found) + [
        key for name in _reduced(stage) for key in _edited(name, given, stage, root)
    ]


def _edited(name: str, given: Inputs, stage: Stage, root: Path) -> list[str]:
    """Name the declared keys of a params file that are no longer what the stage was given."""
    from dvcproject import params as parameters  # noqa: PLC0415

    text, values = given.params[name]
    if _text(root / name) == text:
        return []
    pair = map(parameters.plain, (values, _declared(name, stage, root)))
    return [f"{name}: {key}" for key in parameters.differing(*pair)]


def _text(path: Path) -> bytes:
    return path.read_bytes() if path.is_file() else b""


def _in_place(path: str, given: Inputs) -> bool:
    """Tell whether a file was read in its place, so that there is no copy to compare it with."""
    return any(PurePosixPath(path).is_relative_to(bound) for bound in given.bound)


def _whole(stage: Stage) -> list[str]:
    """Return what is given as it is: deps, and params files of which no key is named."""
    params = [name for name, keys in stage.params.items() if not keys]
    return [*stage.deps, *stage.outside, *params]


def _reduced(stage: Stage) -> dict[str, tuple[str, ...]]:
    """Return the keys of the params files that are no deps themselves."""
    deps = [PurePosixPath(dep) for dep in stage.deps]
    return {
        name: keys
        for name, keys in stage.params.items()
        if keys and not any(PurePosixPath(name).is_relative_to(dep) for dep in deps)
    }


def _declared(name: str, stage: Stage, root: Path) -> dict[str, Any]:
    from dvcproject import params as parameters  # noqa: PLC0415

    gap = f"{name}: {{key}}: {stage.file} declares it for {stage.name}; add it"
    return parameters.declared(parameters.load(root / name, name), stage.params[name], gap)


def _members(dep: str, stage: Stage, root: Path) -> Iterator[str]:
    """Yield the files of a dep, by their paths in the project; absolute ones stay so."""
    if not (root / dep).exists():
        raise StageError(f"{dep}: {stage.file} declares it for {stage.name}, but it is not there")
    found = paths(root / dep, root) if (root / dep).is_dir() else [str(root / dep)]
    begin = 0 if dep.startswith("/") else len(str(root)) + 1
    for path in found:
        name = path[begin:]
        if not os.path.isfile(path):  # noqa: PTH113  # os.path's: there may be many
            raise StageError(f"{name}: expected a file, found a broken link or a device; delete it")
        yield name


def _bring(
    path: str, sandbox: Path, root: Path, bound: dict[str, Path], *, binding: bool
) -> State | None:
    """Copy a file into the sandbox, or note it to be read in place; return its state."""
    source = root / path
    if path.startswith("/"):
        bound[path] = source
        return state(source.stat())
    (sandbox / path).parent.mkdir(parents=True, exist_ok=True)
    if binding and len(bound) < MOST_BOUND and source.stat().st_size >= BOUND_BYTES:
        bound[path] = source.resolve()
        (sandbox / path).touch()
        return state(source.stat())
    return copy(source, sandbox / path)


def _bring_last(out: str, sandbox: Path, root: Path) -> None:
    """Copy what the stage wrote into a persistent out when it last ran, if it is there."""
    if (root / out).is_dir():
        shutil.copytree(root / out, sandbox / out)
    elif (root / out).is_file():
        copy(root / out, sandbox / out)


def copy(source: Path, target: Path) -> State | None:
    """Copy content and the right to execute; never a link, so that the source stays as it is."""
    with source.open("rb") as reading, target.open("wb") as writing:
        status = os.fstat(reading.fileno())
        try:
            fcntl.ioctl(writing, FICLONE, reading.fileno())
        except OSError:  # another file system, or one that cannot share blocks
            if status.st_size < SMALL_BYTES:
                writing.write(reading.read())
            else:
                shutil.copyfile(source, target)
        if status.st_mode & 0o100:
            os.fchmod(writing.fileno(), 0o755)
    settled = time.time_ns() - max(status.st_mtime_ns, status.st_ctime_ns) > SETTLED_NS
    return state(status) if settled else None


def _state(root: Path, path: str) -> State:
    return state(os.stat(os.path.join(root, path)))  # noqa: PTH116, PTH118


def state(status: os.stat_result) -> State:
    """Return what changes when the content does."""
    return (
        status.st_dev,
        status.st_ino,
        status.st_size,
        status.st_mtime_ns,
        status.st_ctime_ns,
    )

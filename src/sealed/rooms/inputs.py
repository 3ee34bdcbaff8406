"""What a stage is given: a copy of each dep, and params files reduced to the declared keys.

DVC hashes deps and params once the stage has ended: what was edited meanwhile would be recorded as
if it had been used. So what was given is held against the workspace again before anything is
published. Where an engine can show a file in the place of another, large deps are not copied.
"""

import fcntl
import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

from sealed.content import content, members
from sealed.errors import StageError
from sealed.rooms import parameters
from sealed.stage import Stage

FICLONE = 0x40049409  # linux/fs.h: share the blocks of a file, copy on write
SETTLED_NS = 2_000_000_000  # file systems tell times apart by up to two seconds
BOUND_BYTES = 16_000_000  # what is smaller is copied in milliseconds
State = tuple[int, ...]  # device, inode, size, times of change in ns


class Inputs(NamedTuple):
    """What one stage was given; a path is relative to the project, or absolute outside it."""

    files: dict[str, State | None]  # -> its state when it was copied; None: just changed
    params: dict[str, dict[str, Any]]  # params file -> what is declared of it
    bound: dict[str, Path]  # what is read in place -> where it lies; the room holds an empty file


def furnish(room: Path, stage: Stage, root: Path, *, binding: bool = False) -> Inputs:
    """Bring into `room` what the stage declares, and make the folders of its outs.

    With `binding` a large file is left to the engine, to show it read-only in its place.
    """
    given = Inputs({}, {}, {})
    for dep in _whole(stage):
        if (root / dep).is_dir() and not dep.startswith("/"):
            (room / dep).mkdir(parents=True, exist_ok=True)
        for path in _members(dep, stage, root):
            given.files[path] = _bring(path, room, root, given.bound, binding=binding)
    for name, keys in _reduced(stage).items():
        given.params[name] = _declared(name, stage, root)
        (room / name).parent.mkdir(parents=True, exist_ok=True)
        text = parameters.reduced(root / name, given.params[name], keys, name)
        (room / name).write_text(text, encoding="utf-8")
    for out in stage.written:
        (room / out).parent.mkdir(parents=True, exist_ok=True)
    for out in stage.persistent:
        _bring_last(out, room, root)
    return given


def changed(given: Inputs, room: Path, stage: Stage, root: Path) -> list[str]:
    """Name the declared files and keys that are no longer what the stage was given.

    A file whose state is still the same is not read again.
    """
    there = [dep for dep in _whole(stage) if (root / dep).exists()]
    now = {path for dep in there for path in _members(dep, stage, root)}
    found = now ^ given.files.keys()
    for path in now & given.files.keys():
        same = given.files[path] == state((root / path).stat())
        if not same and (path in given.bound or content(root / path) != content(room / path)):
            found.add(path)
    keys = [
        f"{name}: {key}"
        for name in _reduced(stage)
        for key in parameters.differing(given.params[name], _declared(name, stage, root))
    ]
    return sorted(found) + keys


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
    gap = f"{name}: {{key}}: {stage.file} declares it for {stage.name}; add it"
    return parameters.declared(parameters.load(root / name, name), stage.params[name], gap)


def _members(dep: str, stage: Stage, root: Path) -> Iterator[str]:
    """Yield the files of a dep, by their paths in the project; absolute ones stay so."""
    if not (root / dep).exists():
        raise StageError(f"{dep}: {stage.file} declares it for {stage.name}, but it is not there")
    paths = members(root / dep, root) if (root / dep).is_dir() else [root / dep]
    for path in paths:
        name = str(path if dep.startswith("/") else path.relative_to(root))
        if not path.is_file():
            raise StageError(f"{name}: expected a file, found a broken link or a device; delete it")
        yield name


def _bring(
    path: str, room: Path, root: Path, bound: dict[str, Path], *, binding: bool
) -> State | None:
    """Copy a file into the room, or note it to be read in place; return its state."""
    source = root / path
    if path.startswith("/"):
        bound[path] = source
        return state(source.stat())
    (room / path).parent.mkdir(parents=True, exist_ok=True)
    if binding and source.stat().st_size >= BOUND_BYTES:
        bound[path] = source.resolve()
        (room / path).touch()
        return state(source.stat())
    return copy(source, room / path)


def _bring_last(out: str, room: Path, root: Path) -> None:
    """Copy what the stage wrote into a persistent out when it last ran, if it is there."""
    if (root / out).is_dir():
        shutil.copytree(root / out, room / out)
    elif (root / out).is_file():
        copy(root / out, room / out)


def copy(source: Path, target: Path) -> State | None:
    """Copy content and the right to execute; never a link, so that the source stays as it is."""
    with source.open("rb") as reading, target.open("wb") as writing:
        status = os.fstat(reading.fileno())
        try:
            fcntl.ioctl(writing, FICLONE, reading.fileno())
        except OSError:  # another file system, or one that cannot share blocks
            shutil.copyfile(source, target)
        if status.st_mode & 0o100:
            os.fchmod(writing.fileno(), 0o755)
    settled = time.time_ns() - max(status.st_mtime_ns, status.st_ctime_ns) > SETTLED_NS
    return state(status) if settled else None


def state(status: os.stat_result) -> State:
    """Return what changes when the content does."""
    return (
        status.st_dev,
        status.st_ino,
        status.st_size,
        status.st_mtime_ns,
        status.st_ctime_ns,
    )

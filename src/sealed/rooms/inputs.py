"""What a stage is given: a copy of each dep, and a params.yaml of the declared keys alone.

DVC hashes deps and params once the stage has ended: what was edited meanwhile would be recorded as
if it had been used. So what was given is held against the workspace again before anything is
published.
"""

import fcntl
import os
import shutil
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from sealed import document
from sealed.content import content, members
from sealed.errors import StageError
from sealed.stage import PARAMS, Stage

FICLONE = 0x40049409  # linux/fs.h: share the blocks of a file, copy on write
SETTLED_NS = 2_000_000_000  # file systems tell times apart by up to two seconds
State = tuple[int, ...]  # device, inode, size, times of change in ns


class Inputs(NamedTuple):
    """What one stage was given."""

    files: dict[str, State | None]  # path -> its state when it was copied; None: just changed
    params: dict[str, Any]


def furnish(room: Path, stage: Stage, root: Path) -> Inputs:
    """Copy into `room` what the stage declares, and make the folders of its outs."""
    files = {}
    for dep in stage.deps:
        if (root / dep).is_dir():
            (room / dep).mkdir(parents=True, exist_ok=True)
        for path in _members(dep, stage, root):
            (room / path).parent.mkdir(parents=True, exist_ok=True)
            files[path] = copy(root / path, room / path)
    params = declared_params(load_params(root), stage) if stage.params else {}
    if stage.params:
        (room / PARAMS).write_text(written(params), encoding="utf-8")
    for out in stage.written:
        (room / out).parent.mkdir(parents=True, exist_ok=True)
    return Inputs(files, params)


def changed(given: Inputs, room: Path, stage: Stage, root: Path) -> list[str]:
    """Name the declared files and keys that are no longer what the stage was given.

    A file whose state is still the same is not read again.
    """
    there = [dep for dep in stage.deps if (root / dep).exists()]
    now = {path for dep in there for path in _members(dep, stage, root)}
    found = now ^ given.files.keys()
    for path in now & given.files.keys():
        same = given.files[path] == state((root / path).stat())
        if not same and content(root / path) != content(room / path):
            found.add(path)
    params = declared_params(load_params(root), stage) if stage.params else {}
    return sorted(found) + [f"{PARAMS}: {key}" for key in differing(given.params, params)]


def _members(dep: str, stage: Stage, root: Path) -> Iterator[str]:
    """Yield the files of a dep, by their paths in the project."""
    if not (root / dep).exists():
        raise StageError(f"{dep}: dvc.yaml declares it for {stage.name}, but it is not there")
    paths = members(root / dep, root) if (root / dep).is_dir() else [root / dep]
    for path in paths:
        name = str(path.relative_to(root))
        if not path.is_file():
            raise StageError(f"{name}: expected a file, found a broken link or a device; delete it")
        yield name


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


def load_params(root: Path) -> dict[str, Any]:
    """Read params.yaml. Raises StageError where it is no plain YAML mapping."""
    try:
        found = document.load(root / PARAMS)
    except (OSError, ValueError) as error:
        raise StageError(f"{PARAMS}: expected plain YAML, found {error}") from None
    if not isinstance(found, dict):
        raise StageError(f"{PARAMS}: expected `key: value`, found {type(found).__name__}")
    return found


def declared_params(params: dict[str, Any], stage: Stage) -> dict[str, Any]:
    """Return the part of params.yaml that the stage declares. Raises StageError for a gap."""
    declared: dict[str, Any] = {}
    for key in stage.params:
        *sections, last = key.split(".")
        source, target = params, declared
        try:
            for section in sections:
                source, target = source[section], target.setdefault(section, {})
            target[last] = source[last]
        except (KeyError, TypeError):
            raise StageError(
                f"{PARAMS}: {key}: dvc.yaml declares it for {stage.name}; add it"
            ) from None
    return declared


class _Dumper(yaml.SafeDumper):
    """Write YAML that means the same to readers of YAML 1.1 and 1.2: every text in quotes."""

    def ignore_aliases(self, _: Any) -> bool:
        return True


_Dumper.add_representer(tuple, _Dumper.represent_undefined)  # the key `? [1, 2]`: 1.2 alone
_Dumper.add_representer(
    str, lambda dumper, text: dumper.represent_scalar("tag:yaml.org,2002:str", text, style='"')
)


def written(params: dict[str, Any]) -> str:
    """Return params as a document that reads back the same. Raises StageError for what cannot."""
    try:
        text = yaml.dump(params, Dumper=_Dumper, sort_keys=False, width=sys.maxsize)
        different = list(differing(params, document.parse(text.encode())))
    except (yaml.YAMLError, ValueError):
        different = list(params)
    if different:
        raise StageError(
            f"{PARAMS}: {', '.join(different)}: expected plain numbers, texts, lists and mappings"
        )
    return text


def differing(before: Any, after: Any, key: str = "") -> Iterator[str]:
    """Yield the keys, dotted, of what is not the same; 1, 1.0 and true are three values."""
    if isinstance(before, dict) and isinstance(after, dict):
        for name in dict.fromkeys([*before, *after]):
            inner = f"{key}.{name}" if key else str(name)
            if name in before and name in after:
                yield from differing(before[name], after[name], inner)
            else:
                yield inner
    elif isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        for index, pair in enumerate(zip(before, after, strict=True)):
            yield from differing(*pair, f"{key}[{index}]")
    elif type(before) is not type(after) or (before != after and repr(before) != repr(after)):
        yield key  # NaN is not equal to itself

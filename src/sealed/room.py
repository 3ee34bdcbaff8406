"""A room: a fresh folder with a copy of what a stage declares; and what comes out of it.

Below .dvc/tmp/rooms each room has a folder of its own, locked by the launcher while that lives:

    NAME-xxxxxxxx/room   the working directory of the stage
    NAME-xxxxxxxx/tmp    its temporary files and home, on the host
    NAME-xxxxxxxx/cid    the id of its container
"""

import fcntl
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

import yaml

from sealed.errors import StageError
from sealed.stage import PARAMS, Stage

FICLONE = 0x40049409  # linux/fs.h: share the blocks of a file, copy on write
Files = dict[str, tuple[int, int]]  # path in the room: inode, time of change in ns


class Room(NamedTuple):
    """Where one stage runs, and the files that it was given."""

    folder: Path
    given: Files
    kept: Path | None = None  # what the stage keeps for a run after this one

    @property
    def path(self) -> Path:
        """The working directory of the stage."""
        return self.folder / "room"

    @property
    def tmp(self) -> Path:
        """The place for temporary files, on the host."""
        return self.folder / "tmp"

    @property
    def cid(self) -> Path:
        """The file that an engine writes the container's id to."""
        return self.folder / "cid"


@contextmanager
def opened(stage: Stage, root: Path, discard: Callable[[Path], None]) -> Iterator[Room]:
    """Make a room below `root`/.dvc/tmp, and clear it away at the end.

    Rooms whose launcher was killed go first; `discard` is called with the folder of each.
    """
    rooms = root / ".dvc/tmp/rooms"
    rooms.mkdir(parents=True, exist_ok=True)
    with _locked(rooms, fcntl.LOCK_EX):
        _sweep(rooms, discard)
        folder = Path(tempfile.mkdtemp(prefix=f"{stage.name}-", dir=rooms))
        lock = _lock(folder, fcntl.LOCK_EX)
    try:
        (folder / "tmp").mkdir()
        (folder / "room").mkdir()
        _furnish(folder / "room", stage, root)
        yield Room(folder, _files(folder / "room"))
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(lock)


def _sweep(rooms: Path, discard: Callable[[Path], None]) -> None:
    for folder in rooms.iterdir():
        with suppress(OSError), _locked(folder, fcntl.LOCK_EX | fcntl.LOCK_NB):
            discard(folder)
            shutil.rmtree(folder, ignore_errors=True)


def _lock(folder: Path, how: int) -> int:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, how)
    except OSError:
        os.close(descriptor)
        raise
    return descriptor


@contextmanager
def _locked(folder: Path, how: int) -> Iterator[None]:
    descriptor = _lock(folder, how)
    try:
        yield
    finally:
        os.close(descriptor)


def _furnish(room: Path, stage: Stage, root: Path) -> None:
    for dep in stage.deps:
        _bring(dep, room, root)
    if stage.params:
        declared = declared_params(load_params(root), stage)
        text = yaml.safe_dump(declared, sort_keys=False)
        (room / PARAMS).write_text(text, encoding="utf-8")
    for out in stage.written:
        (room / out).parent.mkdir(parents=True, exist_ok=True)


def _bring(dep: str, room: Path, root: Path) -> None:
    source, target = root / dep, room / dep
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.is_dir():
        shutil.copytree(source, target, copy_function=_copy, ignore=ignored(root))
    elif source.is_file():
        _copy(source, target)
    else:
        raise StageError(f"{dep}: dvc.yaml declares it for {room.parent.name}, but it is not there")


def _copy(source: str | Path, target: str | Path) -> None:
    """Copy content and the right to execute; never a link, so that the source stays as it is."""
    with Path(source).open("rb") as reading, Path(target).open("wb") as writing:
        try:
            fcntl.ioctl(writing, FICLONE, reading.fileno())
        except OSError:  # another file system, or one that cannot share blocks
            shutil.copyfile(source, target)
        if os.fstat(reading.fileno()).st_mode & 0o100:
            os.fchmod(writing.fileno(), 0o755)


def ignored(root: Path) -> Callable[[str, list[str]], set[str]]:
    """Return what DVC does not hash of a folder, which therefore stays out of the room."""
    from pathspec import GitIgnoreSpec  # noqa: PLC0415  # only where a folder is a dep

    patterns = root / ".dvcignore"
    lines = patterns.read_text(encoding="utf-8").splitlines() if patterns.exists() else []
    spec = GitIgnoreSpec.from_lines([".git", ".hg", ".dvc", *lines])

    def ignored(folder: str, names: list[str]) -> set[str]:
        here = Path(folder).relative_to(root)
        if ".dvcignore" in names:
            raise StageError(f"{here}/.dvcignore: only the one beside dvc.yaml is supported")
        paths = {name: f"{here / name}{'/' * Path(folder, name).is_dir()}" for name in names}
        return {name for name, path in paths.items() if spec.match_file(path)}

    return ignored


def load_params(root: Path) -> dict[str, Any]:
    """Read params.yaml. Raises StageError where it is no plain YAML mapping."""
    try:
        document = yaml.safe_load((root / PARAMS).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise StageError(
            f"{PARAMS}: expected plain YAML, found {' '.join(str(error).split())}"
        ) from None
    if not isinstance(document, dict):
        raise StageError(f"{PARAMS}: expected `key: value`, found {type(document).__name__}")
    return document


def declared_params(document: dict[str, Any], stage: Stage) -> dict[str, Any]:
    """Return the part of params.yaml that the stage declares. Raises StageError for a gap."""
    declared: dict[str, Any] = {}
    for key in stage.params:
        *sections, last = key.split(".")
        source, target = document, declared
        try:
            for section in sections:
                source, target = source[section], target.setdefault(section, {})
            target[last] = source[last]
        except (KeyError, TypeError):
            raise StageError(
                f"{PARAMS}: {key}: dvc.yaml declares it for {stage.name}; add it"
            ) from None
    return declared


def _files(room: Path) -> Files:
    found = {}
    for folder, folders, names in os.walk(room):
        for name in names + [name for name in folders if Path(folder, name).is_symlink()]:
            status = Path(folder, name).lstat()
            found[str(Path(folder, name).relative_to(room))] = (status.st_ino, status.st_mtime_ns)
    return found


def inspect(room: Room, stage: Stage) -> None:
    """Raise StageError, naming the file, for an out that is missing or a file that is no out."""
    for out in stage.written:
        if not (room.path / out).exists():
            raise StageError(
                f"{stage.script} did not write {out}, which dvc.yaml declares for {stage.name}"
            )
    for path, state in _files(room.path).items():
        if not any(PurePosixPath(path).is_relative_to(out) for out in stage.written):
            if room.given.get(path) != state:
                raise StageError(_undeclared(path, stage, given=path in room.given))
        elif (room.path / path).is_symlink():
            raise StageError(f"{stage.script} wrote {path} as a link; write a file")


def _undeclared(path: str, stage: Stage, *, given: bool) -> str:
    if given:
        return f"{stage.script} changed {path}, an input; write the result to an out of its own"
    return (
        f"{stage.script} wrote {path}, which is not declared; "
        f"add it to the outs of {stage.name} in dvc.yaml, or write it to a temporary file"
    )


def publish(room: Room, stage: Stage, root: Path) -> None:
    """Move what the stage declares into the workspace, each by one rename."""
    for out in stage.written:
        target = root / out
        target.parent.mkdir(parents=True, exist_ok=True)
        fresh = target.with_name(f".{target.name}.{room.folder.name}")
        shutil.move(room.path / out, fresh)  # one rename, or a copy to another file system
        if target.is_dir() and not target.is_symlink():
            shutil.rmtree(target)  # a folder cannot be renamed onto one that holds files
        fresh.replace(target)

"""A room: a fresh folder with what a stage is given; and what comes out of it.

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
from typing import NamedTuple

from sealed.errors import StageError
from sealed.rooms.inputs import Inputs, furnish
from sealed.stage import Stage

Files = dict[str, tuple[int, int]]  # path in the room: inode, time of change in ns


class Room(NamedTuple):
    """Where one stage runs, and what it was given."""

    folder: Path
    given: Files
    inputs: Inputs = Inputs({}, {})
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
        inputs = furnish(folder / "room", stage, root)
        yield Room(folder, _files(folder / "room"), inputs)
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
    found = _files(room.path)
    for path in sorted(found.keys() | room.given.keys()):
        if not any(PurePosixPath(path).is_relative_to(out) for out in stage.written):
            if room.given.get(path) != found.get(path):
                raise StageError(_undeclared(path, stage, given=path in room.given))
        elif (room.path / path).is_symlink():
            raise StageError(f"{stage.script} wrote {path} as a link; write a file")
        elif not (room.path / path).is_file():
            raise StageError(f"{stage.script} wrote {path} as a device; write a file")


def _undeclared(path: str, stage: Stage, *, given: bool) -> str:
    if given:
        return f"{stage.script} changed {path}, an input; write the result to an out of its own"
    return (
        f"{stage.script} wrote {path}, which is not declared; "
        f"add it to the outs of {stage.name} in dvc.yaml, or write it to a temporary file"
    )


def require_reachable(stage: Stage, root: Path) -> None:
    """Raise StageError for an out that could not be published: before the stage runs, not after."""
    for out in stage.written:
        folder = (root / out).parent
        while not os.path.lexists(folder):
            folder = folder.parent
        name = folder.relative_to(root)
        if not folder.is_dir():
            raise StageError(f"{name}: expected a folder for {out}, found none; delete it")
        if not folder.resolve().is_relative_to(root.resolve()):
            raise StageError(
                f"{name}: expected a folder of the project for {out}, found a link to "
                f"{folder.resolve()}, which neither DVC nor git follows; make it a folder, and for "
                "space elsewhere move DVC's cache: `dvc cache dir FOLDER`"
            )
        if not os.access(folder, os.W_OK | os.X_OK):
            raise StageError(f"{name}: {out} cannot be written there; `chmod u+rwx` it")


@contextmanager
def delivered(room: Room, stage: Stage, root: Path) -> Iterator[Callable[[], None]]:
    """Bring the outs beside their places, which may be a copy; yield what renames them into them.

    What is not renamed in the end goes.
    """
    fresh: dict[Path, Path] = {}  # place -> where the new out waits
    try:
        for out in stage.written:
            place = root / out
            place.parent.mkdir(parents=True, exist_ok=True)
            _sweep_beside(place, stage, room.folder.parent)
            fresh[place] = place.with_name(f".{place.name}.{room.folder.name}")
            shutil.move(room.path / out, fresh[place])
        yield lambda: _rename(fresh)
    finally:
        for path in fresh.values():
            _remove(path)


def _sweep_beside(place: Path, stage: Stage, rooms: Path) -> None:
    """Remove what a launcher that was killed left beside the place of an out."""
    for path in place.parent.iterdir():
        room = path.name.removeprefix(f".{place.name}.")
        if room != path.name and room.startswith(f"{stage.name}-") and not (rooms / room).exists():
            _remove(path)


def _rename(fresh: dict[Path, Path]) -> None:
    """Put all outs into their places, or none."""
    done = []
    try:
        for place, path in fresh.items():
            if place.is_dir() and not place.is_symlink():
                shutil.rmtree(place)  # a folder cannot be renamed onto one that holds files
            path.replace(place)
            done.append(place)
    except OSError:
        for place in done:
            _remove(place)
        raise


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)

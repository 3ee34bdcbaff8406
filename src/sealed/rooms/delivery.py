"""Publishes outs: each beside its place first, then renamed into it, all of them or none."""

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from sealed.errors import StageError
from sealed.rooms.room import Room
from sealed.stage import Stage


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
def delivered(
    room: Room, stage: Stage, root: Path, known: list[Path]
) -> Iterator[Callable[[], None]]:
    """Bring the outs beside their places, which may be a copy; yield what renames them into them.

    What is not renamed in the end goes; `known` are the folders where rooms may lie.
    """
    fresh: dict[Path, Path] = {}  # place -> where the new out waits
    try:
        for out in stage.written:
            place = root / out
            place.parent.mkdir(parents=True, exist_ok=True)
            _sweep_beside(place, stage, known)
            fresh[place] = place.with_name(f".{place.name}.{room.folder.name}")
            shutil.move(room.path / out, fresh[place])
        yield lambda: _rename(fresh)
    finally:
        for path in fresh.values():
            _remove(path)


def _sweep_beside(place: Path, stage: Stage, known: list[Path]) -> None:
    """Remove what a launcher that was killed left beside the place of an out."""
    for path in place.parent.iterdir():
        room = path.name.removeprefix(f".{place.name}.")
        own = room != path.name and room.startswith(f"{stage.slug}-")
        if own and not any((rooms / room).exists() for rooms in known):
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

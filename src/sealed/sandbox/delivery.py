"""Publishes outs: each beside its place first, then renamed into it, all of them or none.

What lies in the places until then is renamed aside and deleted last, so that it can be put back.
Beside the place `out`, for the sandbox SANDBOX:

    .out.SANDBOX       the new out
    .out.SANDBOX.old   the old one, which may be the only copy
    .out.SANDBOX.gone  the old one, once all new ones are in their places
"""

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

from sealed.errors import StageError
from sealed.sandbox.sandbox import Sandbox, is_in_use
from sealed.stage import Stage

OLD, GONE = ".old", ".gone"


class Left(NamedTuple):
    """What a launcher that was killed left beside the place of an out."""

    place: Path
    path: Path
    sandbox: str  # the name of its sandbox

    @property
    def is_old(self) -> bool:
        """Whether it lay in the place before."""
        return self.path.name.endswith(f"{self.sandbox}{OLD}")

    @property
    def is_new(self) -> bool:
        """Whether it was still to be put into the place."""
        return self.path.name.endswith(self.sandbox)


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


def recover(stage: Stage, root: Path, known: list[Path]) -> None:
    """Undo what a launcher that was killed had published in part; `known`: where sandboxes lie.

    Where all new outs are in their places, what is left of the old ones goes.
    """
    left = [found for out in stage.written for found in _left(root / out, stage, known)]
    unfinished = {found.sandbox for found in left if found.is_new}
    for found in sorted(left, key=lambda found: found.is_new):  # it shows what is unfinished
        lacking = not os.path.lexists(found.place)
        if found.is_old and (lacking or found.sandbox in unfinished):
            _remove(found.place)
            found.path.rename(found.place)
        else:
            _remove(found.path)


def _left(place: Path, stage: Stage, known: list[Path]) -> Iterator[Left]:
    for path in place.parent.iterdir() if place.parent.is_dir() else ():
        name = path.name.removeprefix(f".{place.name}.")
        sandbox = name.removesuffix(OLD).removesuffix(GONE)
        own = name != path.name and sandbox.startswith(f"{stage.slug}-")
        if own and not any(is_in_use(sandboxes / sandbox) for sandboxes in known):
            yield Left(place, path, sandbox)


@contextmanager
def delivered(sandbox: Sandbox, stage: Stage, root: Path) -> Iterator[Callable[[], None]]:
    """Bring the outs beside their places, which may be a copy; yield what renames them into them.

    What is not renamed in the end goes.
    """
    fresh: dict[Path, Path] = {}  # place -> where the new out waits
    try:
        for out in stage.written:
            place = root / out
            place.parent.mkdir(parents=True, exist_ok=True)
            fresh[place] = place.with_name(f".{place.name}.{sandbox.folder.name}")
            shutil.move(sandbox.path / out, fresh[place])
        yield lambda: _rename(fresh)
    finally:
        for path in fresh.values():
            _remove(path)


def _rename(fresh: dict[Path, Path]) -> None:
    """Put all outs into their places, or none; delete the old ones last."""
    old: dict[Path, Path] = {}  # place -> where the old out waits
    done: list[Path] = []
    try:
        for place, path in fresh.items():
            if os.path.lexists(place):
                old[place] = place.rename(f"{path}{OLD}")
        for place, path in fresh.items():
            done.append(path.rename(place))
    except OSError:
        for place in done:
            place.rename(fresh[place])
        for place, path in old.items():
            path.rename(place)
        raise
    with suppress(OSError):  # the next run deletes what is left
        for path in [path.rename(path.with_suffix(GONE)) for path in old.values()]:
            _remove(path)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)

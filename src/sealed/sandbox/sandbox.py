"""A sandbox: a fresh folder that stands for the project, with what a stage is given and no more.

Each has a folder of its own, locked by the launcher while that lives:

    SLUG-MACHINE-xxxxxxxx/sandbox   stands for the project
    SLUG-MACHINE-xxxxxxxx/tmp    temporary files and home, on the host
    SLUG-MACHINE-xxxxxxxx/cid    the id of its container
    SLUG-MACHINE-xxxxxxxx/next   between two commands of a stage: who is to go on, with what
"""

import fcntl
import json
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

from sealed.caller import Process, gone
from sealed.sandbox import dvc_repository, inputs
from sealed.sandbox.inputs import Inputs
from sealed.stage import Stage

MONTH = 30 * 86400  # seconds
Files = dict[str, tuple[int, int]]  # path in the sandbox: inode, time of change in ns


class Sandbox(NamedTuple):
    """Where one stage runs, and what it was given."""

    folder: Path
    project: Path  # that it stands for, absolute
    path: Path  # where it stands for it; the parts of the project's own path above it may be there
    wdir: str  # of the stage, in the sandbox
    given: Files
    inputs: Inputs = Inputs({}, {}, {})
    kept: Path | None = None  # what the stage keeps for a run after this one
    done: int = 0  # commands of the stage that have run in it
    turn: str = ""  # the one that is to run now
    seen: str = ""  # the path that the stage itself sees it at
    peer: bool = False  # of a run beside the one that publishes

    @property
    def cwd(self) -> Path:
        """The working directory of the stage."""
        return self.path / self.wdir

    @property
    def tmp(self) -> Path:
        """The place for temporary files, on the host."""
        return self.folder / "tmp"

    @property
    def hook(self) -> Path:
        """The folder of what logs what the stage's Pythons open."""
        return self.tmp / ".sealed-hook"

    @property
    def log(self) -> Path:
        """The file that this is logged in."""
        return self.tmp / ".sealed-asked"

    @property
    def places(self) -> tuple[str, ...]:
        """The paths by which a stage may name what lies in the project."""
        return (self.seen or str(self.path), str(self.project))

    @property
    def cid(self) -> Path:
        """The file that an engine writes the container's id to."""
        return self.folder / "cid"

    @property
    def cache(self) -> Path:
        """A folder for what can be made again, the same for all sandboxes of this stage alone."""
        stage = self.folder.name.rsplit("-", 2)[0]  # without the machine and the random letters
        return self.folder.parent.parent / "cache" / stage

    def hold(self, path: Path) -> None:
        """Make an empty file that another one is mounted over, and which the stage did not write.

        `path` is relative to the project.
        """
        place = self.path / path
        if not place.exists():
            place.parent.mkdir(parents=True, exist_ok=True)
            place.touch()
            self.given[str(path)] = _state(place)


class Terms(NamedTuple):
    """What an engine asks of a sandbox."""

    sandboxes: Path  # the folder where it is to be
    # clears away what else a killed launcher left, by its folder. Raises OSError where it cannot
    discard: Callable[[Path], None]
    binding: bool = False  # large files are left to the engine, see Inputs.bound


@contextmanager
def opened(
    stage: Stage, root: Path, terms: Terms, caller: Process | None = None
) -> Iterator[Sandbox]:
    """Make a sandbox, or go on in that of the stage's command before; clear it away at the end.

    Sandboxes whose launcher was killed go first.
    """
    sandboxes = terms.sandboxes
    with _locked(sandboxes, fcntl.LOCK_EX):
        _sweep(sandboxes, terms.discard)
        waiting = _waiting(sandboxes, stage, caller)
        made = _go_on(waiting) if waiting else None
        folder = made.folder if made else _new(sandboxes, stage)
        lock = _lock(folder, fcntl.LOCK_EX)
    try:
        yield made or _make(folder, stage, root, binding=terms.binding)
    finally:
        if not (folder / "next").exists():
            shutil.rmtree(folder, ignore_errors=True)
        os.close(lock)


def _new(sandboxes: Path, stage: Stage) -> Path:
    return Path(tempfile.mkdtemp(prefix=f"{stage.slug}-{_machine()}-", dir=sandboxes))


def _make(folder: Path, stage: Stage, root: Path, *, binding: bool) -> Sandbox:
    path = _stand_in(folder, stage, root)
    (folder / "tmp").mkdir()
    path.mkdir(parents=True)
    given = inputs.furnish(path, stage, root, binding=binding)
    (path / stage.wdir).mkdir(parents=True, exist_ok=True)
    dvc_repository.put(path, stage)
    return Sandbox(folder, root.absolute(), path, stage.wdir, files(path), given)


def _stand_in(folder: Path, stage: Stage, root: Path) -> Path:
    """Return the path that stands for the project, so deep that a dep `../x` is in the folder."""
    ups = max((path.split("/").count("..") for path in _relative(stage)), default=0)
    above = root.absolute().parts[1:][-ups:] if ups else ()
    return Path(folder, "sandbox", *above)


def _relative(stage: Stage) -> list[str]:
    return [path for path in [*stage.outside, *stage.params] if path.startswith("..")]


def keep(made: Sandbox, stage: Stage, caller: Process) -> None:
    """Leave the sandbox to the next command of the stage, which the same caller is to start."""
    made.cid.unlink(missing_ok=True)  # an engine wants to write it anew
    note = {
        "stage": stage.address,
        "caller": caller,
        "project": str(made.project),
        "path": str(made.path),
        "wdir": made.wdir,
        "given": made.given,
        "inputs": inputs.to_json(made.inputs),
        "done": made.done + 1,
    }
    fresh = made.folder / "next.new"
    fresh.write_text(json.dumps(note), encoding="utf-8")
    fresh.rename(made.folder / "next")


def _waiting(sandboxes: Path, stage: Stage, caller: Process | None) -> Sandbox | None:
    """Return the sandbox that waits for this caller's next command of the stage."""
    for folder in sandboxes.iterdir():
        note = _note(folder)
        if note and note[:2] == (stage.address, caller):
            return note[2]
    return None


def _note(folder: Path) -> tuple[str, Process, Sandbox] | None:
    """Return who is to go on in a sandbox, and with what; None where no such note can be read."""
    try:
        note = json.loads((folder / "next").read_bytes())
        project, path = Path(note["project"]), Path(note["path"])
        given = {name: (inode, time) for name, (inode, time) in note["given"].items()}
        declared = inputs.from_json(note["inputs"])
        made = Sandbox(folder, project, path, note["wdir"], given, declared, done=note["done"])
        return note["stage"], Process(*note["caller"]), made
    except (OSError, ValueError, TypeError, LookupError, AttributeError, RecursionError):
        return None


def _go_on(made: Sandbox) -> Sandbox:
    """Take up a sandbox that waits, under the lock of all: others read such notes too."""
    (made.folder / "next").unlink()
    return made


def _machine() -> str:
    """Return a short name of this machine: paths of sockets in a sandbox have 107 bytes in all."""
    return sha256(os.uname().nodename.encode()).hexdigest()[:4]


def _is_elsewhere(folder: Path) -> bool:
    """Tell whether a sandbox is another machine's: on a shared disk its lock may hold there alone.

    After a month it is nobody's: a machine's name may have been a container's.
    """
    of = folder.name.rsplit("-", 2)[-2:-1]
    return of != [_machine()] and folder.stat().st_mtime > time.time() - MONTH


def is_in_use(folder: Path) -> bool:
    """Tell whether the launcher of a sandbox still runs, on this machine or another one."""
    try:
        with _locked(folder, fcntl.LOCK_EX | fcntl.LOCK_NB):
            return _is_elsewhere(folder)
    except FileNotFoundError:
        return False
    except OSError:
        return True


def _sweep(sandboxes: Path, discard: Callable[[Path], None]) -> None:
    for folder in sandboxes.iterdir():
        with suppress(OSError), _locked(folder, fcntl.LOCK_EX | fcntl.LOCK_NB):
            if _is_elsewhere(folder):
                continue
            note = _note(folder)
            if note and not gone(note[1]):
                continue  # its caller is between two commands
            discard(folder)
            shutil.rmtree(folder, ignore_errors=True)


def _lock(folder: Path, how: int) -> int:
    """Lock a folder for as long as the returned descriptor is open."""
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


def files(sandbox: Path) -> Files:
    """Return what lies in a sandbox, by path, less what is not the stage's to declare."""
    found = {}
    for folder, folders, names in os.walk(sandbox):
        folders[:] = [name for name in folders if name not in dvc_repository.IGNORED]
        for name in names + [name for name in folders if Path(folder, name).is_symlink()]:
            path = Path(folder, name)
            found[str(path.relative_to(sandbox))] = _state(path)
    return found


def _state(path: Path) -> tuple[int, int]:
    status = path.lstat()
    return status.st_ino, status.st_mtime_ns

"""Bubblewrap: a stage in namespaces of its own, the room mounted over the project's own path.

What is declared lies where it always lies, so whatever leads into the project by an absolute path,
an editable install say, finds that and nothing else. Of the rest the stage can read what you can,
and write nothing. No daemon, no image, no privileges, about 10 ms.
"""

import os
import shutil
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from sealed.engines import answer
from sealed.errors import StageError
from sealed.rooms.room import Room
from sealed.stage import Stage

NAME = "bwrap"
CHECKPOINTS = "/run/checkpoints"
TEMPORARY = "/tmp"  # noqa: S108  # the room's own is mounted there
OWN = (TEMPORARY, "/var/tmp", "/run", "/dev/shm")  # noqa: S108  # not the machine's
OF_RUN = (  # which hold no sockets, and programs look for
    *("/run/current-system", "/run/opengl-driver"),  # NixOS
    *("/run/systemd/resolve/resolv.conf", "/run/systemd/resolve/stub-resolv.conf"),
    *("/run/resolvconf/resolv.conf", "/run/NetworkManager/resolv.conf"),
)
DEVICES = ("nvidia*", "dri", "kfd", "dxg")  # how a GPU is reached
ALONE = ("--unshare-pid", "--unshare-ipc", "--die-with-parent", "--cap-drop", "ALL")


def require() -> None:
    """Raise StageError unless bubblewrap is here and may do its work."""
    if shutil.which(NAME) is None:
        raise StageError(f"{NAME}: not on PATH; install bubblewrap, or set STAGE_ENGINE=host")
    probe = [*_machine(), *ALONE, "--unshare-net", "true"]
    done = answer.ask(NAME, *probe, advice="set STAGE_ENGINE=host")
    if done.returncode:
        said = done.stderr.strip().removeprefix(f"{NAME}: ").partition(",")[0]
        raise StageError(
            f"{NAME}: may not make namespaces here ({said or f'status {done.returncode}'}); "
            "allow unprivileged user namespaces, or set STAGE_ENGINE=host"
        )


def prefix(stage: Stage, room: Room, path: str, shown: Mapping[str, Path]) -> list[str]:
    """Return what to put before a command so that it runs in the room as if that were the project.

    What is hidden so is shown again, read-only, where it is a dep that is left in its place, the
    environment of a program on `path` or, by its place, in `shown`.
    """
    root, tops = room.project, list(_tops(room.project))
    source, over = _cover(room)
    words = [
        NAME,
        *_machine(),
        *ALONE,
        *([] if stage.network or stage.peered else ["--unshare-net"]),
    ]
    words += _devices() if stage.gpu else []
    for own in (Path(TEMPORARY), Path("/var/tmp")):  # noqa: S108
        if own.is_dir() and not own.is_symlink():
            words += ["--bind", str(room.tmp), str(own)]
    words += [word for at in OF_RUN for word in ("--ro-bind-try", at, at)]
    words += [word for top in tops for word in ("--tmpfs", str(top))]
    again = {place: Path(of) for place, of in _environments(path)}
    again |= {Path(place): of for place, of in shown.items()}
    again |= {root / dep: of for dep, of in room.inputs.bound.items()}
    around = [*map(Path, OWN), *tops]
    words += _again({at: of for at, of in again.items() if not at.is_relative_to(over)}, around)
    words += ["--bind", str(source), str(over)]
    words += _again({at: of for at, of in again.items() if at != over}, [over])
    words += ["--bind", str(room.kept), CHECKPOINTS] if room.kept else []
    words += [word for made in ["/run", *tops] for word in ("--remount-ro", str(made))]
    return [*words, "--chdir", str(root / room.wdir), "--"]


def _cover(room: Room) -> tuple[Path, Path]:
    """Return what is mounted, and over what: more than the project where a dep lies above it."""
    whole = room.folder / "room"
    above = len(room.path.relative_to(whole).parts)
    return whole, room.project.parents[above - 1] if above else room.project


def failed(status: int, last_words: str) -> bool:
    """Tell whether it was bubblewrap that failed, not what it was to run."""
    return status == 1 and last_words.startswith(f"{NAME}: ")


def _machine() -> list[str]:
    return ["--ro-bind", "/", "/", "--dev", "/dev", "--proc", "/proc", "--tmpfs", "/run"]


def _devices() -> Iterator[str]:
    for pattern in DEVICES:
        for device in sorted(Path("/dev").glob(pattern)):
            yield from ("--dev-bind-try", str(device), str(device))


def _tops(root: Path) -> Iterator[Path]:
    """Yield the repositories around the project, the outermost first, less the project itself.

    DVC's experiments run in a copy that lies below the project which they are of.
    """
    if ".dvc" in root.parts:
        around = Path(*root.parts[: root.parts.index(".dvc")])
        yield from _tops(around)
        yield around
    for folder in (root, *root.parents[:-1]):
        if (folder / ".git").exists():
            if folder != root:
                yield folder
            return


def _again(places: Mapping[Path, Path], hidden: list[Path]) -> Iterator[str]:
    """Yield what shows places again, place -> where it is from, that lie in what is hidden."""
    for place, source in sorted(places.items()):
        if any(place.is_relative_to(folder) and str(place) not in OWN for folder in hidden):
            yield from ("--ro-bind", str(source), str(place))


def _environments(path: str) -> Iterator[tuple[Path, Path]]:
    """Yield place and path of the environments of the programs on `path`: Python's, conda's."""
    found = [Path(sys.prefix), Path(sys.base_prefix)]
    for entry in path.split(os.pathsep):
        folder = Path(entry).parent
        if (folder / "conda-meta").exists():
            found.append(folder)
        elif (settings := folder / "pyvenv.cfg").exists():
            lines = settings.read_text(encoding="utf-8", errors="replace").splitlines()
            pairs = [line.partition("=") for line in lines]
            homes = [value.strip() for key, _, value in pairs if key.strip() == "home"]
            found += [folder, *(Path(home).parent for home in homes)]
    for folder in dict.fromkeys(found):
        yield folder.parent.resolve() / folder.name, folder

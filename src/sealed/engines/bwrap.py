"""Bubblewrap: a stage in namespaces of its own, the sandbox mounted over the project's own path.

What is declared lies where it always lies, so whatever leads into the project by an absolute path,
an editable install say, finds that and nothing else. Of the rest the stage can read what you can,
and write nothing. No daemon, no image, no privileges, about 10 ms.
"""

import os
import shutil
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from sealed.engines import mounts, query, variables
from sealed.engines.base import Command
from sealed.engines.host import Host
from sealed.errors import StageError
from sealed.sandbox import checkpoints
from sealed.sandbox.sandbox import Sandbox
from sealed.stage import Stage

NAME = "bwrap"
CHECKPOINTS = "/run/checkpoints"
TEMPORARY = "/tmp"  # noqa: S108  # the sandbox's own is mounted there
OWN = (TEMPORARY, "/var/tmp", "/run", "/dev/shm")  # noqa: S108  # not the machine's
OF_RUN = (  # which hold no sockets, and programs look for
    *("/run/current-system", "/run/opengl-driver"),  # NixOS
    *("/run/systemd/resolve/resolv.conf", "/run/systemd/resolve/stub-resolv.conf"),
    *("/run/resolvconf/resolv.conf", "/run/NetworkManager/resolv.conf"),
)
DEVICES = ("nvidia*", "dri", "kfd", "dxg")  # how a GPU is reached
ALONE = ("--unshare-pid", "--unshare-ipc", "--die-with-parent", "--cap-drop", "ALL")


class Bwrap(Host):
    """Runs a stage in namespaces of its own, with the programs of this machine."""

    isolates = True
    place = f"in {NAME}"
    signals_leader = False  # it would end at once, and not wait for the stage
    shell_status = True

    def require(self) -> None:
        """Raise StageError unless bubblewrap is installed and may make namespaces."""
        if shutil.which(NAME) is None:
            raise StageError(f"{NAME}: not on PATH; install bubblewrap, or set STAGE_ENGINE=host")
        probe = [*_machine(), *ALONE, "--unshare-net", "true"]
        done = query.ask(NAME, *probe, advice="set STAGE_ENGINE=host")
        if done.returncode:
            reason = done.stderr.strip().removeprefix(f"{NAME}: ").partition(",")[0]
            raise StageError(
                f"{NAME}: may not make namespaces here ({reason or f'status {done.returncode}'}); "
                "allow unprivileged user namespaces, or set STAGE_ENGINE=host"
            )

    def command(self, stage: Stage, sandbox: Sandbox, environ: Mapping[str, str]) -> Command:
        """Return what runs the stage with the sandbox mounted over the project."""
        own = dict.fromkeys(("HOME", "TMPDIR"), TEMPORARY)
        if sandbox.kept:
            own[checkpoints.VARIABLE] = CHECKPOINTS
        argv, seen = self.program(stage, sandbox, environ, Path(TEMPORARY), own)
        named = variables.paths(variables.declared(stage, sandbox, environ))
        shown = _shown(named | {path: path for path in mounts.outside(stage, sandbox)}, sandbox)
        path = seen.get("PATH", os.defpath)
        return Command([*prefix(stage, sandbox, path, shown), *argv], seen)

    def visible(self, sandbox: Sandbox) -> str:
        """Return the project's own path: the sandbox is mounted over it."""
        return str(sandbox.project)

    def own_failure(self, status: int, stage: Stage, last_output: str) -> str:  # noqa: ARG002
        """Return that bubblewrap failed, not what it was to run; else nothing."""
        failed = status == 1 and last_output.startswith(f"{NAME}: ")
        return "bwrap could not start the stage; its own message is above" if failed else ""


def prefix(stage: Stage, sandbox: Sandbox, path: str, shown: Mapping[str, Path]) -> list[str]:
    """Return what to put before a command so that the sandbox takes the place of the project.

    What is hidden so is shown again, read-only, where it is a dep that is left in its place, the
    environment of a program on `path` or, by its place, in `shown`.
    """
    hidden = list(_repositories_around(sandbox.project))
    source, target = _cover(sandbox)
    again = dict(_environments(path)) | {Path(place): of for place, of in shown.items()}
    again |= {sandbox.project / dep: of for dep, of in sandbox.inputs.bound.items()}
    elsewhere = {place: of for place, of in again.items() if not place.is_relative_to(target)}
    words = [NAME, *_machine(), *ALONE, *_declared(stage), *_temporary(sandbox)]
    words += [word for folder in hidden for word in ("--tmpfs", str(folder))]
    words += _again(elsewhere, [*map(Path, OWN), *hidden])
    words += ["--bind", str(source), str(target)]
    words += _again({place: of for place, of in again.items() if place != target}, [target])
    words += ["--bind", str(sandbox.kept), CHECKPOINTS] if sandbox.kept else []
    words += [word for folder in ["/run", *hidden] for word in ("--remount-ro", str(folder))]
    return [*words, "--chdir", str(sandbox.project / sandbox.wdir), "--"]


def _declared(stage: Stage) -> Iterator[str]:
    """Yield the options for what a stage declares of the machine: the network, GPUs."""
    if not (stage.network or stage.peered):
        yield "--unshare-net"
    for pattern in DEVICES if stage.gpu else ():
        for device in sorted(Path("/dev").glob(pattern)):
            yield from ("--dev-bind-try", str(device), str(device))


def _temporary(sandbox: Sandbox) -> Iterator[str]:
    """Yield the options for folders of temporary files, the sandbox's own, and for /run."""
    for folder in (Path(TEMPORARY), Path("/var/tmp")):  # noqa: S108
        if folder.is_dir() and not folder.is_symlink():
            yield from ("--bind", str(sandbox.tmp), str(folder))
    for path in OF_RUN:
        yield from ("--ro-bind-try", path, path)


def _cover(sandbox: Sandbox) -> tuple[Path, Path]:
    """Return what is mounted, and over what: more than the project where a dep lies above it."""
    whole = sandbox.folder / "sandbox"
    above = len(sandbox.path.relative_to(whole).parts)
    return whole, sandbox.project.parents[above - 1] if above else sandbox.project


def _machine() -> list[str]:
    return ["--ro-bind", "/", "/", "--dev", "/dev", "--proc", "/proc", "--tmpfs", "/run"]


def _repositories_around(root: Path) -> Iterator[Path]:
    """Yield the repositories around the project, the outermost first, less the project itself.

    DVC's experiments run in a copy that lies below the project which they are of.
    """
    if ".dvc" in root.parts:
        around = Path(*root.parts[: root.parts.index(".dvc")])
        yield from _repositories_around(around)
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


def _shown(paths: Mapping[str, str], sandbox: Sandbox) -> dict[str, Path]:
    """Return what to show of the paths in variables, each at its own place."""
    shown: dict[str, Path] = {}
    for name, path in paths.items():
        places = mounts.shown(path, needed=())
        for place in [place for place in places if _is_file_of(sandbox.project, place)]:
            if place != path:
                raise StageError(
                    f"{name}: {path} holds a link to {place}, a file of the project; "
                    "add it to the stage's deps, or name a folder without this link"
                )
            sandbox.hold(Path(place).relative_to(sandbox.project))
        shown |= places
    return shown


def _is_file_of(root: Path, place: str) -> bool:
    return Path(place).is_relative_to(root) and Path(place).is_file()


def _environments(path: str) -> Iterator[tuple[Path, Path]]:
    """Yield place and path of the environments of the programs on `path`: Python's, conda's."""
    folders = [Path(sys.prefix), Path(sys.base_prefix)]
    for entry in path.split(os.pathsep):
        folder = Path(entry).parent
        if (folder / "conda-meta").exists():
            folders.append(folder)
        elif (settings := folder / "pyvenv.cfg").exists():
            lines = settings.read_text(encoding="utf-8", errors="replace").splitlines()
            pairs = [line.partition("=") for line in lines]
            homes = [value.strip() for key, _, value in pairs if key.strip() == "home"]
            folders += [folder, *(Path(home).parent for home in homes)]
    for folder in dict.fromkeys(folders):
        yield folder.parent.resolve() / folder.name, folder

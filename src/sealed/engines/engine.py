"""Where a stage runs: docker, podman, bwrap, slurm or the plain host; what its end there means."""

import re
import signal
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

from sealed.engines import answer, bwrap, client, gpu, image, slurm
from sealed.engines.client import Client
from sealed.errors import SIGNALLED, StageError
from sealed.settings import PROXIES
from sealed.stage import Stage
from sealed.violation import NETWORK, Finding

HOST = "host"
CONTAINERS = ("docker", "podman")
ENGINES = (*CONTAINERS, bwrap.NAME, HOST)  # in the order in which they are tried
ASKED_FOR = (*ENGINES, slurm.NAME)
WHERE = {HOST: "on the host", slurm.NAME: "as a job of Slurm"}
LOCAL = ("localhost", "::1", "0.0.0.0")  # noqa: S104
NO_SIGHT = "it does not see this folder; mount it there at the same path, or set STAGE_ENGINE=host"
UNREACHED = (  # what a program says that finds no network; `Connection refused` may be local
    "Network is unreachable|Temporary failure in name resolution|Name or service not known|"
    "Could not resolve host|nodename nor servname|getaddrinfo failed"
)
CAUSES = {  # what an engine says when it cannot start a container -> what to do
    "bind source path does not exist": NO_SIGHT,
    "mounts denied": NO_SIGHT,
    "error setting rlimit": "it raises limits and may not; see default_ulimits in containers.conf",
    "docker-init": "its init program is missing; install docker-init (Debian: tini)",
}


class Engine(NamedTuple):
    """One way to run a stage, and why it was taken."""

    name: str
    image: str
    reason: str
    flags: tuple[str, ...] = ()  # what this engine is asked for on this machine
    python_path: str = ""  # PYTHONPATH in the image

    @property
    def hides(self) -> bool:
        """Whether a stage sees nothing of the project around its room."""
        return self.name not in {HOST, slurm.NAME}

    @property
    def has_client(self) -> bool:
        """Whether what is started here asks for the stage to be run, and to be ended."""
        return bool(self.image) or self.is_job

    @property
    def is_job(self) -> bool:
        """Whether a stage runs on another machine, perhaps, which shares a disk with this one."""
        return self.name == slurm.NAME

    def __str__(self) -> str:
        """Say it in a line."""
        if self.image:
            return f"in {self.name}, image {self.image} ({self.reason})"
        where = WHERE.get(self.name, f"in {self.name}")
        if Path(sys.prefix).name != ".venv":
            where += f", with {sys.executable}"
        return f"{where} ({self.reason})"


def require(environ: Mapping[str, str]) -> None:
    """Raise StageError where STAGE_ENGINE names no engine, or one that does not work here."""
    asked = _asked(environ)
    if asked in CONTAINERS:
        client.require(asked)
    elif asked == bwrap.NAME:
        bwrap.require()
    elif asked == slurm.NAME:
        slurm.require()


def _asked(environ: Mapping[str, str]) -> str:
    asked = environ.get("STAGE_ENGINE", "")
    if asked not in {"", *ASKED_FOR}:
        raise StageError(
            f"STAGE_ENGINE: expected docker, podman, bwrap, host or slurm, found {asked!r}"
        )
    return asked


def choose(stage: Stage, root: Path, environ: Mapping[str, str]) -> Engine:
    """Choose by STAGE_ENGINE; unset: a container if one can be had now, else bwrap, else the host.

    Raises StageError where the engine that was asked for cannot run the stage.
    """
    asked = _asked(environ)
    allowed = _allowed(stage)
    local = _local(stage, environ)
    if asked and asked not in {*allowed, *(() if stage.image else (slurm.NAME,))}:
        own = f"image: {stage.image}" if stage.image else f"python: {stage.python}"
        raise StageError(
            f"STAGE_ENGINE={asked}: {stage.name} declares `{own}`, which {asked} cannot give it; "
            f"set STAGE_ENGINE={allowed[0]}"
        )
    if asked:
        return _take(asked, stage, root, environ, [f"STAGE_ENGINE={asked}", *local])
    reasons = ["STAGE_ENGINE unset", *(reason.partition(";")[0] for reason in local)]
    for name in allowed:
        if not (name in CONTAINERS and local):
            try:
                return _take(name, stage, root, environ, reasons)
            except StageError as reason:
                reasons.append(str(reason).partition(";")[0])
    raise StageError("; ".join([*reasons, f"{stage.name} declares `image: {stage.image}`"]))


def _allowed(stage: Stage) -> tuple[str, ...]:
    """Return the engines that can give a stage its environment, the preferred one first."""
    if stage.image:
        return CONTAINERS
    return (bwrap.NAME, HOST) if stage.python else ENGINES


def _take(
    name: str, stage: Stage, root: Path, environ: Mapping[str, str], reasons: list[str]
) -> Engine:
    """Return engine `name`, if it can run the stage. Raises StageError."""
    if name in CONTAINERS:
        unset = not environ.get("STAGE_ENGINE")
        why = ["STAGE_ENGINE unset, image built"] if unset else reasons
        return _container(name, stage, root, environ, why)
    if name == bwrap.NAME:
        bwrap.require()
    flags = slurm.options(stage, environ) if name == slurm.NAME else ()
    return Engine(name, "", "; ".join(reasons), flags)


def _container(
    name: str, stage: Stage, root: Path, environ: Mapping[str, str], reasons: list[str]
) -> Engine:
    found = client.find(name, root, stage.image, stage.deps)
    gpus = gpu.for_container(environ) if stage.gpu and gpu.present() else ""
    if gpus and (why := _without(found, root, gpus, own=bool(stage.image))):
        reasons, gpus = [*reasons, f"without the GPU: {why}"], ""
    flags = client.flags(found, gpus)
    return Engine(name, found.image, "; ".join(reasons), flags, found.python_path)


def _without(found: Client, root: Path, gpus: str, *, own: bool) -> str:
    """Say why this engine has no GPU for a stage; nothing where it has."""
    lock = declared.gpu_lock if not own and (declared := image.declared(root)) else ""
    if lock and found.image != image.tag(lock, root):
        return f"the image is not that of {lock}"
    refusal = client.refusal(found, gpus)
    return f"{refusal}, see NVIDIA's Container Toolkit" if refusal else ""


def _local(stage: Stage, environ: Mapping[str, str]) -> list[str]:
    """Say which address of a stage with network means the container itself, if it is in one."""
    reached = [name for name in stage.environment if not name.lower().startswith("no_")]
    for name in reached if stage.network else ():
        address = environ.get(name, "")
        if name in PROXIES and "://" not in address:
            address = f"//{address}"
        with suppress(ValueError):
            host = urlsplit(address).hostname or ""
            if host in LOCAL or host.endswith(".localhost") or host.startswith("127."):
                return [
                    f"{name}: in a container {host} is the container, so nothing answers there; "
                    "name this machine by another address, or set STAGE_ENGINE=host"
                ]
    return []


def explain(
    status: int, engine: Engine, stage: Stage, environ: Mapping[str, str], last_words: str = ""
) -> str:
    """Say what an exit status of the stage's process means, and what to do next."""
    if status in {137, -9}:
        asked = environ.get("STAGE_MEMORY")
        own = stage.settings.memory and f"`memory: {stage.settings.memory}` of its meta"
        limit = f"STAGE_MEMORY={asked}" if asked else own
        bound = f"the limit is {limit}" if limit and engine.image else "see `dmesg`"
        return f"{stage.what} was killed (SIGKILL), most often for want of memory; {bound}"
    if engine.image and (
        status == 125 or (status in {126, 127} and _is_engines(last_words, stage))
    ):
        return _not_started(status, engine, "python" if stage.script else "sh", last_words)
    if engine.name == bwrap.NAME and bwrap.failed(status, last_words):
        return "bwrap could not start the stage; its own message is above"
    if (
        engine.name in {bwrap.NAME, slurm.NAME}
        and SIGNALLED < status <= SIGNALLED + signal.SIGRTMAX
    ):
        status = SIGNALLED - status  # how it says that
    if status < 0:
        return f"{stage.what} was ended by signal {-status}"
    return f"{stage.what} failed with exit status {status}"


def _is_engines(last_words: str, stage: Stage) -> bool:
    """Tell whether it is the engine that speaks: a shell ends so too, for a command of its own."""
    return bool(stage.script) or "OCI runtime" in last_words or "executable file" in last_words


def _not_started(status: int, engine: Engine, program: str, last_words: str) -> str:
    for said, cause in CAUSES.items():
        if said in last_words:
            return f"{engine.name} could not run the container: {cause}"
    if status == 125:
        return f"{engine.name} could not run the container; its own message is above"
    if status == 126:
        return f"`{program}` in {engine.image} cannot be executed; build the image anew"
    return f"there is no `{program}` in {engine.image}; build the image anew"


def refused(engine: Engine, stage: Stage, last_words: str) -> list[Finding]:
    """Return that a stage was refused the network, where its last words say so."""
    if not engine.hides or stage.network or not re.search(UNREACHED, last_words):
        return []
    line = "it has no network; declare `network: true` in its `meta: {sealed: ...}` if it needs it"
    return [Finding(NETWORK, "", line)]


class Leftovers:
    """Clears away the containers and jobs of launchers that were killed, if they still run."""

    def __init__(self, say: Callable[[str], None]) -> None:
        """Take what tells the user about one that stays."""
        self.say = say
        self.silent: set[str] = set()  # engines that did not answer: one wait is enough

    def discard(self, folder: Path) -> None:
        """Remove the one of a sandbox, by its folder. Raises OSError where it may still run."""
        place = folder / "engine"
        name = place.read_text(encoding="utf-8", errors="replace") if place.exists() else ""
        try:
            if name in self.silent:
                raise TimeoutError(f"{name} does not answer")
            remove(name, folder)
        except OSError as reason:
            if name not in self.silent:
                self.say(f"{folder}: what an earlier run left there stays: {reason}")
            self.silent.add(name)
            raise


def remove(name: str, folder: Path) -> None:
    """End and remove the container or the job of a room, by its folder, if there is one.

    Raises OSError where that cannot be.
    """
    if name == slurm.NAME:
        slurm.remove(folder)
    elif name in CONTAINERS and (cid := folder / "cid").exists():
        _remove_container(name, cid.read_text(encoding="utf-8", errors="replace").strip())


def _remove_container(name: str, container: str) -> None:
    try:
        if container:
            answer.ask(name, "rm", "--force", container, advice="")
    except StageError:
        raise TimeoutError(
            f"{name}: no answer in {answer.SECONDS} s, so container {container:.12} may still run; "
            f"restart {name}, and `{name} rm --force {container:.12}`"
        ) from None

"""A stage in a container of docker or podman: what it sees there, and what its end there means."""

import os
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

from sealed.engines import gpu, mounts, query, variables
from sealed.engines.base import Command, Engine, words
from sealed.engines.container import image, installation
from sealed.engines.container.installation import Installation, bind
from sealed.errors import StageError
from sealed.sandbox import checkpoints, dvc_repository
from sealed.sandbox.sandbox import Sandbox
from sealed.settings import PROXIES
from sealed.stage import Stage
from sealed.watch import audit

MAX_PROCESSES = 4096  # threads count; numerical libraries start a few for each core
SANDBOX, CHECKPOINTS = "/sandbox", "/checkpoints"  # in a container
HOOK, LOG = "/sealed/hook", "/sealed/asked"
LOCAL = ("localhost", "::1", "0.0.0.0")  # noqa: S104
NO_SIGHT = "it does not see this folder; mount it there at the same path, or set STAGE_ENGINE=host"
CAUSES = {  # what an engine prints when it cannot start a container -> what to do
    "bind source path does not exist": NO_SIGHT,
    "mounts denied": NO_SIGHT,
    "error setting rlimit": "it raises limits and may not; see default_ulimits in containers.conf",
    "docker-init": "its init program is missing; install docker-init (Debian: tini)",
}


class Container(Engine):
    """Runs a stage in a container, in the image of the project or in that of the stage."""

    runs_images = True
    starts_client = True
    image = python_path = ""  # PYTHONPATH in the image
    flags: tuple[str, ...] = ()  # for this engine on this machine

    @property
    def where(self) -> str:
        """The engine and the image."""
        return f"in {self.name}, image {self.image}"

    @property
    def software(self) -> str:
        """The image."""
        return self.image

    def require(self) -> None:
        """Raise StageError where the engine is not installed or does not answer."""
        installation.require(self.name)

    def prepare(self, stage: Stage, root: Path, environ: Mapping[str, str]) -> None:
        """Find the image, and what this engine needs on this machine. Raises StageError."""
        asked = bool(environ.get("STAGE_ENGINE"))
        unreachable = _loopback(stage, environ)
        if unreachable and not asked:
            raise StageError(unreachable)
        self.reasons = self.reasons if asked else ["STAGE_ENGINE unset, image built"]
        self.reasons += [unreachable] * bool(unreachable)
        installation.require_on_path(self.name)
        self.image, self.python_path = image.built(self.name, stage, root)
        installed = installation.describe(self.name)
        if installed.machine != os.uname().nodename:  # another one, or this is a container
            installed.require_sight(root, self.image)
        self.flags = (*installed.flags(), *self._gpus(installed, stage, root, environ))

    def _gpus(
        self, installed: Installation, stage: Stage, root: Path, environ: Mapping[str, str]
    ) -> tuple[str, ...]:
        """Return the flags for the GPUs of a stage; why it runs without is one more reason."""
        chosen = gpu.for_container(environ) if stage.gpu and gpu.present() else ""
        if not chosen:
            return ()
        declared = None if stage.image else image.declared(root)
        if declared and declared.gpu_lock and self.image != image.tag(declared.gpu_lock, root):
            refusal = f"the image is not that of {declared.gpu_lock}"
        elif refusal := installed.refusal(self.image, chosen):
            refusal = f"{refusal}, see NVIDIA's Container Toolkit"
        if refusal:
            self.reasons.append(f"without the GPU: {refusal}")
        return () if refusal else installed.gpu_flags(chosen)

    def command(self, stage: Stage, sandbox: Sandbox, environ: Mapping[str, str]) -> Command:
        """Return what runs the stage in a container that can write to the sandbox alone."""
        declared = variables.declared(stage, sandbox, environ)
        argv = [self.name, "run", *_limits(stage, sandbox, environ), *self.flags]
        argv += _mounts(stage, sandbox, variables.paths(declared))
        declared |= dvc_repository.variables(SANDBOX, stage.address)
        declared |= {checkpoints.VARIABLE: CHECKPOINTS} if sandbox.kept else {}
        seen = {"PYTHONPATH": self.python_path, **declared, **variables.always(stage)}
        seen |= {"HOME": "/tmp"} | audit.variables(seen, LOG, HOOK)  # noqa: S108  # of its own
        argv += [word for item in seen.items() for word in ("--env", "=".join(item))]
        return Command([*argv, self.image, *words("python", stage, sandbox)], dict(environ))

    def visible(self, sandbox: Sandbox) -> str:  # noqa: ARG002
        """Return where the sandbox is mounted."""
        return SANDBOX

    def memory_limit(self, stage: Stage, environ: Mapping[str, str]) -> str:
        """Return the setting that limits the memory of a stage, if there is one."""
        if asked := environ.get("STAGE_MEMORY"):
            return f"STAGE_MEMORY={asked}"
        own = stage.settings.memory
        return f"`memory: {own}` of its meta" if own else ""

    def own_failure(self, status: int, stage: Stage, last_output: str) -> str:
        """Return why the container could not be run; nothing where the stage itself failed."""
        if status not in {125, 126, 127}:
            return ""
        # 126 and 127 are a shell's, too, for a command in it
        names_itself = "OCI runtime" in last_output or "executable file" in last_output
        if status != 125 and not (stage.script or names_itself):
            return ""
        for text, cause in CAUSES.items():
            if text in last_output:
                return f"{self.name} could not run the container: {cause}"
        if status == 125:
            return f"{self.name} could not run the container; its own message is above"
        program = "python" if stage.script else "sh"
        if status == 126:
            return f"`{program}` in {self.image} cannot be executed; build the image anew"
        return f"there is no `{program}` in {self.image}; build the image anew"

    def remove(self, folder: Path) -> None:
        """End and remove the container of a sandbox. Raises TimeoutError where that fails."""
        note = folder / "cid"
        container = note.read_text("utf-8", errors="replace").strip() if note.exists() else ""
        try:
            if container:
                query.ask(self.name, "rm", "--force", container, advice="")
        except StageError:
            raise TimeoutError(
                f"{self.name}: no answer in {query.SECONDS} s, so container {container:.12} may "
                f"still run; restart {self.name}, and `{self.name} rm --force {container:.12}`"
            ) from None


def _loopback(stage: Stage, environ: Mapping[str, str]) -> str:
    """Return what is wrong where a declared address means the container itself, if it is in one."""
    reached = [name for name in stage.environment if not name.lower().startswith("no_")]
    for name in reached if stage.network else ():
        host = _host(name, environ.get(name, ""))
        if host in LOCAL or host.endswith(".localhost") or host.startswith("127."):
            return (
                f"{name}: in a container {host} is the container, so nothing answers there; "
                "name this machine by another address, or set STAGE_ENGINE=host"
            )
    return ""


def _host(name: str, address: str) -> str:
    """Return the host in the address that a variable holds, if it holds one."""
    if name in PROXIES and "://" not in address:
        address = f"//{address}"
    try:
        return urlsplit(address).hostname or ""
    except ValueError:
        return ""


def _limits(stage: Stage, sandbox: Sandbox, environ: Mapping[str, str]) -> list[str]:
    """Return the flags by which a container is sealed, whatever the engine."""
    flags = ["--rm", f"--cidfile={sandbox.cid}", "--pull=never", "--log-driver=none"]
    flags += ["--read-only", "--tmpfs=/tmp", f"--workdir={SANDBOX}/{stage.wdir}"]
    flags += ["--cap-drop=ALL", "--security-opt=no-new-privileges", f"--pids-limit={MAX_PROCESSES}"]
    if limit := environ.get("STAGE_MEMORY") or stage.settings.memory:
        flags.append(f"--memory={limit}")
    if stage.peered:
        flags.append("--network=host")  # its peers know it by this machine's address
    elif not stage.network:
        flags.append("--network=none")
    return flags


def _mounts(stage: Stage, sandbox: Sandbox, named: Mapping[str, str]) -> list[str]:
    """Return the flags that mount the sandbox and what is declared; `named`: by variables."""
    binds = [bind(sandbox.path, SANDBOX), bind(sandbox.log, LOG)]
    binds += [bind(sandbox.kept, CHECKPOINTS)] if sandbox.kept else []
    paths = {path for path in named.values() if not mounts.hides(path)}
    paths.update(mounts.outside(stage, sandbox))
    shown = {target: source for path in paths for target, source in mounts.shown(path).items()}
    inside = {path: source for path, source in sandbox.inputs.bound.items() if path[0] != "/"}
    shown |= {f"{SANDBOX}/{path}": source for path, source in inside.items()}
    shown[HOOK] = sandbox.hook
    binds += [bind(source, target, "readonly") for target, source in sorted(shown.items())]
    return [word for value in binds for word in ("--mount", value)]

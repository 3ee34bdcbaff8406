"""Docker or podman as it is installed here: which of the two answers, as whom, and where."""

import csv
import io
import json
import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any, NamedTuple

from sealed.engines import query
from sealed.errors import StageError

CATATONIT = (  # where podman looks for what --init starts
    "/usr/libexec/podman/catatonit",
    "/usr/local/libexec/podman/catatonit",
    "/usr/local/lib/podman/catatonit",
    "/usr/bin/catatonit",
)


class Installation(NamedTuple):
    """What answers to the name of an engine."""

    name: str
    podman: bool  # `docker` may be podman too
    rootless: bool  # root in a container is you outside
    remapped: bool  # nobody in a container is you outside: `dockerd --userns-remap`
    machine: str  # where containers run

    def flags(self) -> tuple[str, ...]:
        """Return what a stage needs to be you, and to hear a signal."""
        flags = [f"--user={os.getuid()}:{os.getgid()}"]
        if self.podman:
            flags.append("--security-opt=label=disable")  # SELinux would hide the sandbox
            flags += ["--userns=keep-id"] * self.rootless
        elif self.rootless:
            flags = ["--user=0:0"]
        elif self.remapped:
            flags.append("--userns=host")
        if not self.podman or any(map(os.path.exists, CATATONIT)):
            # without, SIGTERM is not heard and the stage is killed a little later
            flags.append("--init")
        return tuple(flags)

    def gpu_flags(self, gpus: str) -> tuple[str, ...]:
        """Return what gives a container these GPUs."""
        if self.podman:
            return tuple(f"--device=nvidia.com/gpu={card}" for card in gpus.split(","))
        return ("--gpus=all" if gpus == "all" else f'--gpus="device={gpus}"',)  # CSV

    def refusal(self, image: str, gpus: str) -> str:
        """Start a container with these GPUs; return what the engine says against it, if it does."""
        flags = ["--rm", "--pull=never", "--network=none", *self.flags(), *self.gpu_flags(gpus)]
        started = ask(self.name, "run", *flags, image, "true")
        return _last_line(started) if started.returncode else ""

    def require_sight(self, root: Path, image: str) -> None:
        """Raise StageError unless containers see what lies in the project."""
        folder = root / ".dvc/tmp"
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix="look-", dir=folder) as fresh:
            mount = bind(Path(fresh), "/sandbox")
            created = ask(self.name, "create", "--pull=never", "--mount", mount, image, "true")
        if created.returncode:
            raise StageError(
                f"{self.name}: runs on {self.machine} and does not see {root} "
                f"({_last_line(created)}); mount the project there at the same path, or set "
                "STAGE_ENGINE=host"
            )
        ask(self.name, "rm", created.stdout.strip())


def bind(source: Path, target: str, *options: str) -> str:
    """Return a value of --mount, which is a line of CSV."""
    line = io.StringIO()
    csv.writer(line, lineterminator="").writerow(
        ["type=bind", f"source={source.absolute()}", f"target={target}", *options]
    )
    return line.getvalue()


def require(name: str) -> None:
    """Raise StageError where an engine is not installed or does not answer."""
    require_on_path(name)
    if (done := ask(name, "info")).returncode:
        raise unanswered(name, done)


def require_on_path(name: str) -> None:
    """Raise StageError where an engine is not installed."""
    if shutil.which(name) is None:
        raise StageError(f"{name}: not on PATH; install it, or set STAGE_ENGINE=host")


def unanswered(name: str, done: subprocess.CompletedProcess[str]) -> StageError:
    """Return the error for an engine whose daemon does not answer."""
    return StageError(
        f"{name}: does not answer: {_last_line(done)}; "
        f"start it and try `{name} info`, or set STAGE_ENGINE=host"
    )


def describe(name: str) -> Installation:
    """Ask an engine what it is. What it does not report is assumed to be as usual."""
    this_machine = os.uname().nodename
    info = _info(name)
    if not info:
        podman = name == "podman"
        return Installation(name, podman, podman and os.getuid() != 0, False, this_machine)
    if host := info.get("host"):
        security = host.get("security", host)  # podman before 2.0 has it there
        rootless = security.get("rootless", os.getuid() != 0)
        return Installation(name, True, rootless, False, host.get("hostname", this_machine))
    options = {option.split(",")[0] for option in info.get("SecurityOptions") or []}
    rootless, remapped = "name=rootless" in options, "name=userns" in options
    return Installation(name, False, rootless, remapped, info.get("Name", this_machine))


def _info(name: str) -> dict[str, Any]:
    try:
        info = json.loads(ask(name, "info", "--format", "{{json .}}").stdout)
    except ValueError:
        return {}
    return info if isinstance(info, dict) else {}


def ask(name: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the engine's program. Raises StageError where it does not answer in time."""
    return query.ask(name, *arguments, advice="restart it, or set STAGE_ENGINE=host")


def _last_line(done: subprocess.CompletedProcess[str]) -> str:
    """Return the line by which an engine says what is wrong."""
    lines = [
        line for line in done.stderr.splitlines() if line and not line.startswith("Run 'docker")
    ]
    return lines[-1].partition(";")[0] if lines else f"exit status {done.returncode}"

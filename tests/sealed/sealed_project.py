"""A small DVC project whose stages run sealed: nothing of digits in it, as `sealed` promises."""

import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

import forked
from sealed.engines import bwrap
from sealed.engines.container import image
from sealed.errors import StageError

ROOT = Path(__file__).parents[2]
# a shell's background job and nohup would have a program ignore what the tests send
HEARD = ("env", "--default-signal=INT,HUP")
COPIES = "from pathlib import Path\nPath('out.txt').write_text(Path('in.txt').read_text() + '!')\n"
DECLARED = '[image]\ndockerfile = "Dockerfile"\nlock = "requirements.lock"\n'
WITHOUT_GIT = "[core]\n    no_scm = true\n"  # what `dvc init --no-scm` writes to .dvc/config
BOTH = pytest.mark.parametrize("engine", ["host", "bwrap"])
WAITS = """
import os, sys, time
from pathlib import Path
Path('half.txt').write_text('half')
print('started', os.getpid(), file=sys.stderr, flush=True)
time.sleep(60)
"""


class Project:
    """A folder with dvc.yaml, params.yaml, stages/ and the launcher."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.engine = "host"
        self.stages: dict[str, dict[str, Any]] = {}
        (root / "stages").mkdir(parents=True)
        shutil.copy(ROOT / "stages/run", root / "stages")
        (root / "src").mkdir()
        for package in ("dvcproject", "sealed"):
            (root / "src" / package).symlink_to(ROOT / "src" / package)
        (root / ".venv").symlink_to(Path(sys.executable).parent.parent)
        self.write("in.txt", "hello")
        self.write("params.yaml", "copy: {times: 2, loud: true}\nother: {seed: 1}\n")
        self.write(".dvc/config", WITHOUT_GIT)

    def write(self, path: str, text: str) -> None:
        (self.root / path).parent.mkdir(parents=True, exist_ok=True)
        (self.root / path).write_text(text, encoding="utf-8")

    def read(self, path: str) -> str:
        return (self.root / path).read_text(encoding="utf-8")

    def stage(self, name: str, code: str = COPIES, **entry: Any) -> "Project":
        """Declare a stage; unless `entry` says otherwise it reads in.txt and writes out.txt."""
        self.write(f"stages/{name}.py", textwrap.dedent(code))
        known = {"cmd": f"stages/run {name}", "deps": ["in.txt"], "outs": ["out.txt"]} | entry
        known["deps"] = [f"stages/{name}.py", *known["deps"]]
        self.stages[name] = {key: value for key, value in known.items() if value != []}
        self.write("dvc.yaml", yaml.safe_dump({"stages": self.stages}, sort_keys=False))
        return self

    @property
    def places(self) -> Path:
        """The folder of sandboxes on the host."""
        return self.root.parent / "sandboxes"

    def environment(self, **extra: str) -> dict[str, str]:
        path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"  # DVC's queue calls `dvc`
        private = {"DVC_NO_ANALYTICS": "1", "DVC_SITE_CACHE_DIR": str(self.root / ".dvc/site")}
        return (
            os.environ
            | {
                "STAGE_ENGINE": self.engine,
                "STAGE_SANDBOXES": str(self.places),
                "PATH": path,
            }
            | private
            | extra
        )

    def run(self, name: str, **extra: str) -> subprocess.CompletedProcess[str]:
        """Run a stage as stages/run does, which dvc.yaml's cmd calls."""
        environ = self.environment(**{"PYTHONPATH": "src"} | extra)
        return forked.run("sealed.launch", name, cwd=self.root, env=environ)

    def peer(self, name: str, **extra: str) -> subprocess.CompletedProcess[str]:
        """Run it beside another run of it, which publishes."""
        return self.script("--peer", name, **extra)

    def script(self, *words: str, **extra: str) -> subprocess.CompletedProcess[str]:
        """Run stages/run itself, which finds a Python in the project."""
        return subprocess.run(
            ["stages/run", *words],
            cwd=self.root,
            env=self.environment(**extra),
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )

    def dvc(self, *arguments: str, **extra: str) -> subprocess.CompletedProcess[str]:
        return forked.run("dvc", *arguments, cwd=self.root, env=self.environment(**extra))

    def start(self, *command: str, **extra: str) -> "Running":
        return Running(list(command), self.root, self.environment(**extra))

    def start_dvc(self, *arguments: str, **extra: str) -> "Running":
        return self.start(sys.executable, "-m", "dvc", *arguments, **extra)

    def files(self) -> dict[str, bytes]:
        """Return what the workspace holds, less DVC's and the launcher's own folders."""
        return {
            str(path.relative_to(self.root)): path.read_bytes()
            for path in self.root.rglob("*")
            if path.is_file() and not {".dvc", ".venv", "src"} & set(path.parts)
        }

    def sandboxes(self) -> list[Path]:
        outside = self.places.glob("*/sandboxes/*")
        return [*(self.root / ".dvc/tmp/sandboxes").glob("*"), *outside]


def on(engine: str, project: Project) -> Project:
    """Have the stages of a project run there, in the image of this project, if that can be had."""
    if engine == bwrap.NAME:
        require_bwrap()
    elif engine == "docker":
        require_image()
        for name in ("Dockerfile", "requirements.lock"):
            shutil.copy(ROOT / name, project.root)
        project.write("sealed.toml", DECLARED)
    project.engine = engine
    return project


def require_bwrap() -> None:
    """Skip a test where bubblewrap cannot run; where CI has installed it, it has to."""
    try:
        bwrap.Bwrap(bwrap.NAME).require()
    except StageError as reason:
        must = os.environ.get("CI") and shutil.which(bwrap.NAME)
        (pytest.fail if must else pytest.skip)(str(reason))


def require_image() -> str:
    """Return the image of this project's lock; skip a test without it; in CI it has to be."""
    tag = image.tag("requirements.lock", ROOT)
    with contextlib.suppress(FileNotFoundError):
        command = ["docker", "image", "inspect", tag]
        if subprocess.run(command, check=False, capture_output=True).returncode == 0:
            return tag
    reason = f"no Docker engine with image {tag}; run `.ci/engine FOLDER`, or `make image`"
    raise (pytest.fail if os.environ.get("CI") else pytest.skip).Exception(reason)


class Running:
    """A command in a process group of its own, its output in a file."""

    def __init__(self, command: list[str], root: Path, env: dict[str, str]) -> None:
        self.log = root.parent / f"{root.name}.log"
        command = [*HEARD, *command]
        with self.log.open("wb") as out:
            self.process = subprocess.Popen(
                command, cwd=root, env=env, stdout=out, stderr=out, start_new_session=True
            )

    def stage_pid(self) -> int:
        """Wait until the stage says that it has started; return the number that it says."""
        wait_until(lambda: "started" in self.said() or self.process.poll() is not None)
        assert "started" in self.said(), self.said()
        return self.outside(int(self.said().split("started")[1].split()[0]))

    def outside(self, pid: int) -> int:
        """Return the number here of a process that knows itself as `pid`; not a container's."""
        here = (found for found in descendants(self.process.pid) if names(found)[-1] == pid)
        return next(here, pid)

    def said(self) -> str:
        return self.log.read_text(encoding="utf-8", errors="replace")

    def interrupt(self) -> int:
        """Press Ctrl-C: the whole group is sent SIGINT. Return the exit status."""
        os.killpg(self.process.pid, signal.SIGINT)
        return self.process.wait(30)

    def send(self, number: signal.Signals) -> int:
        """Signal the command alone. Return the exit status."""
        self.process.send_signal(number)
        return self.process.wait(30)


def wait_until(condition: Callable[[], bool], *, seconds: float = 60) -> None:
    """Poll; fail when it takes too long."""
    end = time.monotonic() + seconds
    while True:
        with contextlib.suppress(FileNotFoundError):  # what is looked at comes and goes
            if condition():
                return
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.05)


def told(pid: int, name: str) -> str:
    """Return what /proc tells of a process; nothing where that has gone."""
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        return Path(f"/proc/{pid}/{name}").read_text(encoding="utf-8", errors="replace")
    return ""


def names(pid: int) -> list[int]:
    """Return the numbers of a process, from this namespace inwards."""
    found = re.search(r"^NSpid:(.*)$", told(pid, "status"), re.MULTILINE)
    return [int(word) for word in found[1].split()] if found else [0]


def descendants(pid: int) -> list[int]:
    """Return all that a process has started, and what that has."""
    threads = Path(f"/proc/{pid}/task").glob("*")  # whichever of them started it
    children = [
        child for path in threads for child in told(pid, f"task/{path.name}/children").split()
    ]
    return [found for child in map(int, children) for found in (child, *descendants(child))]


def processes(command: list[str]) -> list[int]:
    """Return the numbers of the processes of this command, on the whole machine."""
    words = "\0".join([*command, ""])
    numbers = [int(path.name) for path in Path("/proc").glob("[0-9]*")]
    return [pid for pid in numbers if told(pid, "cmdline") == words]


def alive(pid: int) -> bool:
    """Tell whether a process runs (one that waits to be reaped does not)."""
    state = told(pid, "stat").rpartition(")")[2].split()
    return bool(state) and state[0] != "Z"

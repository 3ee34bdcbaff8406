"""What tests leave behind on the machine: processes, mounts, containers, files."""

import contextlib
import ctypes
import os
import re
import shutil
import subprocess
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]
SECONDS = 20.0  # for processes that were told to end
PR_SET_CHILD_SUBREAPER = 36  # prctl(2)
HELPERS = ("resource_tracker", "import forked")  # they end when Python ends
# TensorFlow deletes its files when Python ends. pytest keeps the folders of its last three runs. A
# program that a test kills cannot delete its `tmp...`, but it lies in a folder that pytest deletes.
KEPT_FOR_NOW = ("__autograph_generated_file", "pytest-of-", "tmp", "org.chromium.")


def adopt_orphans(*, adopt: bool = True) -> None:
    """Become the parent of processes whose own parent has ended, so that none gets out of sight.

    One that ends stays a zombie, which some programs take for alive: `adopt=False` ends it.
    """
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, int(adopt))


def on_the_machine(own: Path, temporary: Path) -> set[str]:
    """Describe what is there; `own` is pytest's folder, `temporary` the one of all other files."""
    paths = (path for path in temporary.iterdir() if not path.name.startswith(KEPT_FOR_NOW))
    files = {f"temporary file {path}" for path in paths}
    return files | _processes() | _mounts(own) | _containers(own) | _changes()


def since(before: set[str], own: Path, temporary: Path) -> list[str]:
    """Describe what is new, once processes had the time to end."""
    deadline = time.monotonic() + SECONDS
    while _processes() - before and time.monotonic() < deadline:
        time.sleep(0.1)
    return sorted(on_the_machine(own, temporary) - before)


def _processes() -> set[str]:
    tasks = Path("/proc/self/task").glob("*/children")
    pids = [pid for path in tasks for pid in _read(path).split()]
    return set(filter(None, map(_process, pids)))


def _process(pid: str) -> str:
    """Describe a process and the test that started it; nothing where it has ended."""
    command = _read(Path(f"/proc/{pid}/cmdline")).replace("\0", " ").strip()
    test = re.search(r"PYTEST_CURRENT_TEST=([^\0]*)", _read(Path(f"/proc/{pid}/environ")))
    if not command or any(name in command for name in HELPERS):
        return ""
    return f"process {pid}, {command[:200]}, of {test[1] if test else 'an unknown test'}"


def _read(path: Path) -> str:
    with contextlib.suppress(OSError):
        return path.read_text(encoding="utf-8", errors="replace")
    return ""


def _mounts(own: Path) -> set[str]:
    points = [line.split()[4] for line in _read(Path("/proc/self/mountinfo")).splitlines()]
    return {f"mount {point}" for point in points if point.startswith(str(own))}


def _containers(own: Path) -> set[str]:
    """Describe the containers that have one of our folders."""
    if not shutil.which("docker"):
        return set()
    command = ["docker", "ps", "--all", "--no-trunc", "--format", "{{.ID}} {{.Image}} {{.Mounts}}"]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    return {f"container {line}" for line in done.stdout.splitlines() if str(own) in line}


def _changes() -> set[str]:
    """Describe what git reports; only in CI, because a person may edit a file during the tests."""
    if not os.environ.get("CI"):
        return set()
    command = ["git", "status", "--porcelain"]
    done = subprocess.run(command, cwd=ROOT, check=False, capture_output=True, text=True)
    return {f"changed file {line}" for line in done.stdout.splitlines()}

"""A signal to the launcher while it starts a stage leaves no stage running."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

START = """
import ctypes, os, signal, sys, time
from pathlib import Path

import made
from sealed import launch, signals
from sealed.engines import process
from sealed.engines.base import Command
from sealed.engines.host import Host

libc, launcher = ctypes.CDLL(None), os.getpid()

class Interrupted:
    def prctl(self, *arguments):  # what the new process does first
        os.kill(launcher, signal.Signals[sys.argv[1]])
        end = time.monotonic() + 0.2
        while os.getppid() == launcher and time.monotonic() < end:
            time.sleep(0.01)
        return libc.prctl(*arguments)

process.ctypes.CDLL = lambda _: Interrupted()
sandbox = made.sandbox(Path.cwd())
sandbox.cwd.mkdir(parents=True)

def run():
    with signals.stoppable():
        command = Command(sys.argv[2:], dict(os.environ))
        process.run(command, Host("host"), sandbox, lambda: None)

status = launch.ended("wait", run)
try:
    print("left:", os.waitpid(-1, os.WNOHANG))
except ChildProcessError:
    print("nothing is left", status)
"""


def start(folder: Path, number: str, *command: str) -> subprocess.CompletedProcess[str]:
    """Start a command as a launcher does that is sent a signal meanwhile; wait for both to end."""
    environ = os.environ | {"PYTHONPATH": os.pathsep.join([*sys.path, str(Path(__file__).parent)])}
    return subprocess.run(
        [sys.executable, "-c", START, number, *command],
        cwd=folder,
        env=environ,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


@pytest.mark.fault(124)
def test_a_launcher_that_is_killed_while_it_starts_a_stage_leaves_none(tmp_path: Path) -> None:
    done = start(tmp_path, "SIGKILL", "echo", "the stage runs")
    assert (done.returncode, done.stdout) == (-9, "")


@pytest.mark.fault(124)
def test_a_launcher_that_is_stopped_while_it_starts_a_stage_ends_it(tmp_path: Path) -> None:
    done = start(tmp_path, "SIGTERM", "sleep", "5")
    assert done.stdout == "nothing is left 143\n", done.stderr
    assert done.stderr == "sealed wait: stopped by SIGTERM; nothing is published\n"

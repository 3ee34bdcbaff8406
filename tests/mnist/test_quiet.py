"""A start says nothing where all is well, and everything where it fails, however it fails."""

import os
import signal
import subprocess
import sys

import pytest

START = """
import os, sys
from mnist.machine import quiet
with quiet.held_back() as held:
    os.system("echo from below >&2")
    print("from Python", file=sys.stderr)
    {then}
print("then", file=sys.stderr)
"""
HELD = "from below\nfrom Python\n"


def run(code: str, **environ: str) -> subprocess.CompletedProcess[str]:
    env = {"PYTHONPATH": os.pathsep.join(sys.path), "PATH": os.environ["PATH"], **environ}
    return subprocess.run(
        [sys.executable, "-c", code], env=env, capture_output=True, text=True, check=False
    )


@pytest.mark.fault(55)
@pytest.mark.parametrize(
    ("then", "said", "status"),
    [
        ("pass", "then\n", 0),
        ("held.wanted = True", f"{HELD}then\n", 0),
        ("sys.exit('over')", f"{HELD}over\n", 1),
        ("os._exit(7)", HELD, 7),
        ("os.abort()", HELD, -signal.SIGABRT),
        ("os.kill(os.getpid(), signal.SIGILL)", HELD, -signal.SIGILL),
        ("os.kill(os.getpid(), signal.SIGKILL)", HELD, -signal.SIGKILL),
    ],
)
def test_what_is_held_back_is_noise_or_is_said(then: str, said: str, status: int) -> None:
    done = run(START.format(then=then.replace("signal.", "__import__('signal').")))
    assert (done.stderr, done.returncode) == (said, status)


@pytest.mark.fault(55)
def test_much_noise_is_held_back_and_an_exception_comes_after_it() -> None:
    done = run(START.format(then="os.write(2, b'x' * 1_000_000 + b'\\n'); 1 / 0"))
    assert done.stderr.startswith(f"{HELD}{'x' * 1_000_000}\nTraceback")
    assert done.stderr.endswith("ZeroDivisionError: division by zero\n")


@pytest.mark.fault(55)
def test_where_no_process_can_be_started_nothing_is_held_back() -> None:
    done = run("import sys; sys.executable = '/nowhere'" + START.format(then="pass"))
    assert done.stderr == f"{HELD}then\n"


PREPARE = """
from mnist.machine import processor
processor.prepare(reproducible="portable", device="{device}")
import tensorflow as tf
print(tf.constant(1.0) + 1, tf.config.list_physical_devices("GPU"))
"""


@pytest.mark.fault(55)
@pytest.mark.parametrize("device", ["auto", pytest.param("cpu", marks=pytest.mark.slow)])
def test_tensorflow_starts_without_noise(device: str) -> None:
    """`failed call to cuInit: UNKNOWN ERROR`, among others, was said at each start."""
    done = run(PREPARE.format(device=device))
    assert done.returncode == 0
    assert done.stderr == ""

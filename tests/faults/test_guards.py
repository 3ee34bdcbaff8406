"""A run of the tests fails where a test takes too long, or leaves something behind."""

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
PROBE = """
import subprocess, tempfile, time
import pytest


@pytest.mark.takes(0.2, "it stands for 5 s")
def test_computes():
    end = time.process_time() + 0.3
    while time.process_time() < end:
        pass


def test_leaves_a_file():
    tempfile.mkdtemp(prefix="left-")


def test_leaves_a_process():
    subprocess.run(["bash", "-c", "setsid sleep 60 >/dev/null 2>&1 & echo $! >pid"])
"""


def test_a_slow_test_and_one_that_leaves_something_fail_the_run(tmp_path: Path) -> None:
    (tmp_path / "test_probe.py").write_text(PROBE, encoding="utf-8")
    options = ["-q", "-p", "conftest", "-p", "no:cacheprovider", f"--rootdir={ROOT}"]
    options += ["--override-ini=testpaths=", f"--basetemp={tmp_path / 'base'}"]
    code = "import sys, leftovers, pytest; leftovers.SECONDS = 0.1; sys.exit(pytest.main())"
    done = subprocess.run(
        [sys.executable, "-P", "-c", code, *options, "test_probe.py"],
        env=os.environ
        | {"PYTHONPATH": os.pathsep.join(sys.path), "PYTEST_ADDOPTS": "", "TEST_SLACK": "1"},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1, done.stdout + done.stderr
    expected = "test_computes: expected at most 0.2 s, found 0.3 s of the processor, "
    assert expected in done.stdout
    assert "the tests left behind:" in done.stdout
    assert "/temporary0/left-" in done.stdout
    pid = (tmp_path / "pid").read_text().strip()
    os.kill(int(pid), signal.SIGKILL)
    # on a busy machine it is still `setsid`, which is about to become `sleep`
    found = rf"process {pid}, [^\n]*sleep 60[^\n]*, of \S*::test_leaves_a_process \(call\)"
    assert re.search(found, done.stdout)
    assert "3 passed" in done.stdout
    assert "2 errors" in done.stdout

"""What a stage keeps while it runs: there after a kill, gone after success, never another's."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

PIPELINE = """
stages:
  count:
    cmd: stages/run count
    deps: [stages/count.py, start]
    params: [count]
    outs: [out]
    meta: {checkpoints: true}
"""
SCRIPT = """
import os, time
from pathlib import Path
mark = Path(os.environ["STAGE_CHECKPOINTS"]) / "mark"
if mark.exists():
    Path("out").write_text("went on from " + mark.read_text())
else:
    mark.write_text("the mark")
    time.sleep(60)
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "stages").mkdir()
    (tmp_path / "stages/count.py").write_text(SCRIPT)
    (tmp_path / "dvc.yaml").write_text(PIPELINE)
    (tmp_path / "start").write_text("1")
    (tmp_path / "params.yaml").write_text("count: 1\n")
    return tmp_path


def start(project: Path) -> subprocess.Popen[bytes]:
    environment = os.environ | {"STAGE_ENGINE": "host", "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-m", "sealed.launch", "count"]
    return subprocess.Popen(command, cwd=project, env=environment, stderr=subprocess.DEVNULL)


def marks(project: Path) -> list[Path]:
    return sorted(project.glob(".dvc/tmp/checkpoints/count/*/mark"))


def run_until_killed(project: Path) -> None:
    known = marks(project)
    with start(project) as process:
        while marks(project) == known:
            assert process.poll() is None
            time.sleep(0.02)
        time.sleep(0.1)
        process.kill()


@pytest.mark.fault(29)
def test_the_next_run_finds_what_a_killed_one_kept_and_success_clears_it(project: Path) -> None:
    run_until_killed(project)
    assert start(project).wait() == 0
    assert (project / "out").read_text() == "went on from the mark"
    assert not (project / ".dvc/tmp/checkpoints/count").exists()


@pytest.mark.fault(31)
@pytest.mark.parametrize("changed", ["start", "params.yaml", "stages/count.py"])
def test_a_run_with_other_inputs_finds_nothing(project: Path, changed: str) -> None:
    run_until_killed(project)
    before = (project / changed).read_text()
    (project / changed).write_text(before.replace("count: 1", "count: 2") + "\n#\n")
    run_until_killed(project)
    assert len(marks(project)) == 2
    (project / changed).write_text(before)
    assert start(project).wait() == 0
    assert (project / "out").read_text() == "went on from the mark"

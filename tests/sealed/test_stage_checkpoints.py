"""What a stage keeps while it runs: there until DVC has its outs, never another's."""

import hashlib
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import made
from sealed.sandbox import checkpoints
from sealed_project import Project

PIPELINE = """
stages:
  count:
    cmd: stages/run count
    deps: [stages/count.py, start]
    params: [count]
    outs: [out]
    meta: {sealed: {checkpoints: true}}
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
    (tmp_path / ".dvc").mkdir()
    (tmp_path / "stages/count.py").write_text(SCRIPT)
    (tmp_path / "dvc.yaml").write_text(PIPELINE)
    (tmp_path / "start").write_text("1")
    (tmp_path / "params.yaml").write_text("count: 1\n")
    return tmp_path


def start(project: Path) -> subprocess.Popen[bytes]:
    environment = os.environ | {"STAGE_ENGINE": "host", "PYTHONPATH": os.pathsep.join(sys.path)}
    environment["STAGE_SANDBOXES"] = f"{project}-sandboxes"
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


def lock(project: Path, *, names: str) -> None:
    """Write what DVC would once it has taken the out into its cache."""
    md5 = hashlib.md5(names.encode()).hexdigest()  # noqa: S324
    out = f"{{path: out, hash: md5, md5: {md5}, size: {len(names)}}}"
    (project / "dvc.lock").write_text(f"stages: {{count: {{outs: [{out}]}}}}\n")


@pytest.mark.fault(29)
def test_the_next_run_finds_what_a_killed_one_kept(project: Path) -> None:
    run_until_killed(project)
    assert start(project).wait() == 0
    assert (project / "out").read_text() == "went on from the mark"


@pytest.mark.fault(29, 65)
def test_checkpoints_live_until_dvc_lock_names_the_outs(project: Path) -> None:
    """A full disk when DVC takes the outs into its cache costs no training."""
    run_until_killed(project)
    for _ in range(2):  # DVC fails after the stage, twice
        lock(project, names="an older out")
        assert start(project).wait() == 0
        assert len(marks(project)) == 1
    lock(project, names="went on from the mark")
    [old] = marks(project)
    old.write_text("an old mark")
    with start(project) as process:  # it starts anew
        while not old.exists() or old.read_text() != "the mark":
            assert process.poll() is None
            time.sleep(0.02)
        process.kill()
    assert list(old.parent.parent.iterdir()) == [old.parent]


@pytest.mark.fault(65)
def test_a_full_disk_when_dvc_caches_costs_no_training(tmp_path: Path) -> None:
    """The cache has no space for the out; the next run goes on from the checkpoint."""
    if os.getuid():
        pytest.skip("mounting a small disk takes root")
    code = """
    import os
    from pathlib import Path
    mark = Path(os.environ["STAGE_CHECKPOINTS"]) / "mark"
    Path("out.txt").write_bytes((b"again" if mark.exists() else b"first") + bytes(9 << 20))
    mark.touch()
    """
    project = Project(tmp_path / "a clone")
    project.stage("train", code, meta={"sealed": {"checkpoints": True}})
    cache = project.root / ".dvc/cache"
    cache.mkdir(exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", cache], check=True)
    try:
        assert "No space left on device" in project.dvc("repro").stderr
        subprocess.run(["mount", "-o", "remount,size=64m", cache], check=True)
        assert project.dvc("repro").returncode == 0
        assert (project.root / "out.txt").read_bytes()[:5] == b"again"
        assert project.dvc("repro", "--force").returncode == 0
        assert (project.root / "out.txt").read_bytes()[:5] == b"first"
    finally:
        subprocess.run(["umount", cache], check=True)


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
    assert len(marks(project)) == 1  # what the other inputs left went with the success


@pytest.fixture
def of(tmp_path: Path) -> Callable[..., Path]:
    """Return what names the checkpoint folder of a stage: of these fields, in this environment."""
    sandbox = made.sandbox(tmp_path)

    def folder(environ: dict[str, str], **fields: Any) -> Path:
        stage = made.stage("train", checkpoints=True, environment=("RATE",), resources=("MEMORY",))
        found = checkpoints.opened(stage._replace(**fields), sandbox, "", tmp_path, environ)
        assert found
        return found

    return folder


@pytest.mark.fault(31)
@pytest.mark.parametrize(
    "fields",
    [
        {"commands": ("python train.py --rate 0.9",)},
        {"commands": ("python train.py", "python train.py")},
        {"wdir": "sub"},
    ],
)
def test_another_command_finds_nothing(of: Callable[..., Path], fields: dict[str, Any]) -> None:
    """It would go on from a state of the other one, and dvc.lock would name the new one."""
    before = {"commands": ("python train.py --rate 0.1",)}
    assert of({}, **before) == of({}, **before)
    assert of({}, **before) != of({}, **before | fields)


@pytest.mark.fault(31)
def test_another_value_of_a_declared_variable_finds_nothing(of: Callable[..., Path]) -> None:
    assert of({"RATE": "1"}) == of({"RATE": "1", "UNDECLARED": "2"})
    assert len({of({}), of({"RATE": "1"}), of({"RATE": "2"})}) == 3


def test_a_variable_that_changes_no_result_does_not_lose_the_checkpoints(
    of: Callable[..., Path],
) -> None:
    """A training that was killed for want of memory goes on with more of it, in another job."""
    assert of({"RATE": "1", "MEMORY": "4g"}) == of({"RATE": "1", "MEMORY": "8g"})

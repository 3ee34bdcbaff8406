"""What `dvc repro` is told is checked before it deletes an output."""

import subprocess
import sys
from pathlib import Path

import pytest

from foreign_project import Foreign
from sealed import ready
from sealed.errors import StageError

ROOT = Path(__file__).parents[2]


@pytest.mark.fault(129)
@pytest.mark.parametrize(
    ("engine", "reason"),
    [
        ("dokcer", "STAGE_ENGINE: expected docker, podman, bwrap, host or slurm, found 'dokcer'"),
        ("docker", "docker: not on PATH; install it, or set STAGE_ENGINE=host"),
        ("podman", "podman: not on PATH; install it, or set STAGE_ENGINE=host"),
        ("bwrap", "bwrap: not on PATH; install bubblewrap, or set STAGE_ENGINE=host"),
        ("slurm", "sbatch: not on PATH; install Slurm's client, or unset STAGE_ENGINE"),
    ],
)
def test_an_engine_that_cannot_be_had_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, engine: str, reason: str
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(StageError) as refused:
        ready.require([], {"STAGE_ENGINE": engine})
    assert str(refused.value) == reason


@pytest.mark.fault(129)
def test_an_engine_that_does_not_answer_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "docker").write_text("#!/bin/sh\necho Cannot connect >&2\nexit 1\n")
    (tmp_path / "docker").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(StageError, match=r"^docker: does not answer: Cannot connect; start it and"):
        ready.require([], {"STAGE_ENGINE": "docker"})


@pytest.mark.parametrize("engine", ["", "host"])
def test_what_can_be_had_is_taken(engine: str) -> None:
    ready.require(["--force", "train"], {"STAGE_ENGINE": engine})


@pytest.mark.fault(129)
def test_arguments_that_dvc_does_not_know_are_refused() -> None:
    command = [sys.executable, "-m", "sealed.ready", "--forec"]
    done = subprocess.run(
        command, env={"PYTHONPATH": str(ROOT / "src")}, check=False, capture_output=True, text=True
    )
    assert done.returncode == 2
    assert "unrecognized arguments: --forec" in done.stderr
    said = "sealed: DVC_FLAGS: expected arguments of `dvc repro`, found '--forec'"
    assert done.stderr.splitlines()[-1] == said


@pytest.mark.fault(129)
def test_sealed_repro_checks_the_engine_before_dvc_starts(tmp_path: Path) -> None:
    made = Foreign(tmp_path / "project").write("out.txt", "precious")
    made.write("dvc.yaml", "stages: {a: {cmd: echo > out.txt, outs: [out.txt]}}")
    for words in (["repro"], ["repro", "--jobs", "2"], ["exp", "run"]):
        done = made.sealed(*words, STAGE_ENGINE="dokcer")
        assert (done.returncode, done.stdout) == (2, "")
        assert done.stderr.startswith("sealed: STAGE_ENGINE: expected docker, podman, bwrap")
    assert made.read("out.txt") == "precious"

"""What a stage may ask of Slurm: resources, and nothing that would break its sandbox."""

import os
import re
from pathlib import Path

import pytest

import made
from engines import Engines
from sealed.engines import choose
from sealed.engines.slurm.engine import Slurm
from sealed.errors import StageError
from sealed.sandbox import place

ROOT = Path(__file__).parents[2]


@pytest.fixture
def cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Engines:
    """Make PATH a folder with Slurm's programs alone, of a cluster with GPUs."""
    found = Engines(tmp_path)
    found.program("sbatch", "exit 1")
    found.program("sinfo", "echo gpu:a100:4")
    monkeypatch.setenv("PATH", str(tmp_path))
    return found


def asked(*options: str, environ: dict[str, str] | None = None, **settings: object) -> list[str]:
    stage = made.stage("train", slurm=options, **settings)
    taken = choose.choose(stage, ROOT, {"STAGE_ENGINE": "slurm"} | (environ or {}))
    assert str(taken).startswith("as a job of Slurm")
    assert isinstance(taken, Slurm)
    return list(taken.options)


@pytest.mark.usefixtures("cluster")
def test_what_a_stage_declares_becomes_options_of_sbatch() -> None:
    assert asked() == []
    assert asked("--partition=short", "--time=10") == ["--partition=short", "--time=10"]
    assert asked(memory="8g") == ["--mem=8g"]
    assert asked(memory="8g", environ={"STAGE_MEMORY": "2g"}) == ["--mem=2g"]
    assert asked("--mem-per-cpu=1G", memory="8g") == ["--mem-per-cpu=1G"]


def test_a_gpu_is_asked_for_where_the_cluster_has_one_and_the_user_does_not(
    cluster: Engines,
) -> None:
    assert asked(gpu=True) == ["--gpus=1"]
    assert asked("--gres=gpu:a100:2", gpu=True) == ["--gres=gpu:a100:2"]
    assert asked(gpu=True, environ={"SBATCH_GPUS": "a100:1"}) == []
    cluster.program("sinfo", "echo '(null)'")
    assert asked(gpu=True) == []


@pytest.mark.fault(103)
@pytest.mark.usefixtures("cluster")
@pytest.mark.parametrize(
    "option",
    [
        "--wrap=x",
        "--output=x",
        "--chdir=/",
        "--wait",
        "--array=1-9",
        "--par",
        "-p",
        "",
        "--nodes=2",
    ],
)
def test_an_option_that_would_break_the_sandbox_is_refused(option: str) -> None:
    message = r"dvc\.yaml: train\.meta\.sealed\.slurm: expected options of sbatch that ask for "
    with pytest.raises(StageError, match=f"{message}.*, found {re.escape(repr(option))}; delete"):
        asked(option)


@pytest.mark.fault(103)
def test_what_cannot_be_a_job_is_refused(cluster: Engines) -> None:
    with pytest.raises(StageError, match="STAGE_ENGINE=slurm: train is one of several workers, a"):
        Slurm("slurm").prepare(made.stage("train")._replace(peered=True), ROOT, {})
    with pytest.raises(StageError, match="declares `image: x:1`, which slurm cannot give it"):
        asked(image="x:1")
    (cluster.folder / "sbatch").unlink()
    with pytest.raises(StageError, match="sbatch: not on PATH; install Slurm's client, or unset"):
        asked()


def test_slurm_is_never_taken_unasked(cluster: Engines) -> None:
    assert cluster.folder
    assert choose.choose(made.stage("train"), ROOT, {}).name == "host"


def test_values_of_variables_go_into_the_sandbox_alone(tmp_path: Path) -> None:
    """Slurm keeps what it is given: command lines, scripts, a job's variables."""
    sandbox = made.sandbox(tmp_path / "100 %j")
    sandbox.folder.mkdir()
    stage = made.stage("train", environment=("TOKEN",))
    environ = {"TOKEN": "secret", "SLURM_JOB_ID": "7", "SBATCH_WAIT": "1", "SBATCH_QOS": "high"}
    argv, passed_on = Slurm("slurm").command(stage, sandbox, environ)
    assert "secret" not in " ".join([*argv, *passed_on.values()])
    assert "TOKEN=secret" in (sandbox.folder / "slurm/run").read_text(encoding="utf-8")
    assert set(passed_on) == {"SBATCH_QOS", "PYTHONPATH"}
    assert f"--output={tmp_path}/100 %%j/slurm/out" in argv


def test_sandboxes_lie_in_the_user_s_cache_which_nodes_often_share(tmp_path: Path) -> None:
    (tmp_path / "project").mkdir()
    environ = {"HOME": str(tmp_path), "TMPDIR": os.path.join(tmp_path, "tmp")}  # noqa: PTH118
    found = place.sandboxes(tmp_path / "project", environ, hidden=False, shared=True)
    assert found.is_relative_to(tmp_path / ".cache/sealed")
    assert found in place.known(tmp_path / "project", environ)
    with pytest.raises(StageError, match="STAGE_SANDBOXES: expected a folder outside"):
        place.sandboxes(tmp_path / "project", {}, hidden=False, shared=True)

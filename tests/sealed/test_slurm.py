"""Stages as jobs of Slurm, on a real cluster: what the queue answers, how jobs end."""

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

import slurm_cluster
from foreign_project import Foreign
from sealed_project import COPIES, WAITS, Project, Running, alive, descendants, told, wait_until
from slurm_cluster import Cluster


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    with slurm_cluster.running(tmp_path_factory.mktemp("slurm")) as found:
        yield found


@pytest.fixture
def engine(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setenv("SLURM_CONF", str(cluster.config))
    yield "slurm"
    wait_until(lambda: not cluster.jobs())


def asking(*options: str, **settings: object) -> dict[str, Any]:
    return {"meta": {"sealed": {"slurm": list(options), **settings}}}


def nothing_is_left(project: Project) -> None:
    assert not (project.root / "out.txt").exists()
    assert project.sandboxes() == []


def test_a_job_gives_what_the_host_gives_and_dvc_lock_is_the_same(project: Project) -> None:
    project.stage("copy", **asking("--partition=high", "--time=5", memory="100m"))
    result = project.dvc("repro")
    assert result.returncode == 0, result.stderr
    assert "sealed copy: as a job of Slurm (STAGE_ENGINE=slurm)\nslurm: job " in result.stderr
    assert project.read("out.txt") == "hello!"
    lock = project.read("dvc.lock")
    project.engine = "host"
    assert "didn't change, skipping" in project.dvc("repro").stdout
    assert project.dvc("repro", "--force").returncode == 0
    assert project.read("dvc.lock") == lock
    assert project.sandboxes() == []


def test_stages_side_by_side_are_jobs_at_once(engine: str, tmp_path: Path) -> None:
    project = Foreign(tmp_path / "project").on(engine)
    cmd = (
        "touch {0}/${{item}}; until [ $(ls {0} | wc -l) = 2 ]; do sleep 0.1; done; touch ${{item}}"
    )
    (tmp_path / "met").mkdir()
    each = {"cmd": cmd.format(tmp_path / "met"), "outs": ["${item}"]}
    stages = {"each": {"foreach": ["a", "b"], "do": each}}
    project.write("dvc.yaml", yaml.safe_dump({"stages": stages}))
    done = project.sealed("repro", "--jobs", "2")
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("as a job of Slurm") == 2


def test_a_stage_sees_the_variables_that_it_declares_and_none_of_slurm_s(project: Project) -> None:
    code = "import os; open('out.txt', 'w').write('\\n'.join(map('='.join, os.environ.items())))"
    project.stage("look", code, **asking(environment=["WANTED"]))
    value = 'it\'s "$HOME" `date`\n\\ %j é'
    result = project.run("look", WANTED=value, HIDDEN="x", SBATCH_JOB_NAME="y", SLURM_JOB_ID="7")
    assert result.returncode == 0, result.stderr
    found = project.read("out.txt")
    assert f"WANTED={value}\n" in found
    assert "CUDA_VISIBLE_DEVICES=-1" in found
    assert not [word for word in ("HIDDEN", "SLURM", "SBATCH") if word in found]


def test_a_stage_that_wants_a_gpu_has_the_one_that_slurm_gives(project: Project) -> None:
    code = "import os; open('out.txt', 'w').write(os.environ['CUDA_VISIBLE_DEVICES'])"
    assert project.stage("look", code, **asking(gpu=True)).run("look").returncode == 0
    assert project.read("out.txt") == "0"


def test_what_a_stage_says_and_its_exit_status_come_through(project: Project) -> None:
    project.write("secret.txt", "")
    code = "print('this is stdout')\nopen('secret.txt')"
    result = project.stage("fail", code).run("fail")
    assert result.stdout == "this is stdout\n"
    assert "FileNotFoundError" in result.stderr
    assert "secret.txt is not declared; add it to the deps of fail in dvc.yaml" in result.stderr
    assert result.stderr.endswith("sealed fail: stages/fail.py failed with exit status 1\n")
    assert result.returncode == 1
    nothing_is_left(project)


@pytest.mark.slow
def test_commands_of_a_stage_are_a_job_each_in_one_sandbox(tmp_path: Path, engine: str) -> None:
    project = Foreign(tmp_path / "project")
    project.engine = engine
    project.write("dvc.yaml", "stages: {two: {cmd: [echo 1 >a, cat a a >b], outs: [a, b]}}\n")
    result = project.sealed("repro")
    assert result.returncode == 0, result.stderr
    assert project.read("b") == "1\n1\n"
    assert project.sandboxes() == []


def start(project: Project, code: str = WAITS, **entry: Any) -> tuple[Running, int]:
    running = project.stage("wait", code, **entry).start("stages/run", "wait")
    wait_until(lambda: "started" in running.said() or running.process.poll() is not None)
    return running, int(running.said().split("started")[1].split()[0])


@pytest.mark.fault(102)
def test_a_signal_cancels_the_job_which_may_clear_up(project: Project, cluster: Cluster) -> None:
    clears = (
        "import signal, sys\nsignal.signal(signal.SIGTERM, lambda *_: sys.exit('cleared up'))\n"
    )
    running, stage = start(project, clears + WAITS)
    assert running.send(signal.SIGINT) == 128 + signal.SIGINT
    assert not alive(stage)
    assert not cluster.jobs()
    assert "cleared up" in running.said()
    assert "sealed wait: stopped by SIGINT; nothing is published" in running.said()
    nothing_is_left(project)


@pytest.mark.fault(102)
def test_a_job_does_not_outlive_dvc(project: Project, cluster: Cluster) -> None:
    running = project.stage("wait", WAITS).start_dvc("repro")
    wait_until(lambda: "started" in running.said())
    running.send(signal.SIGKILL)
    wait_until(lambda: "who started it is gone; nothing is published" in running.said())
    wait_until(lambda: not cluster.jobs())
    wait_until(lambda: not project.sandboxes())
    nothing_is_left(project)


@pytest.mark.fault(102)
def test_a_job_does_not_outlive_a_launcher_that_is_killed(
    project: Project, cluster: Cluster
) -> None:
    running, stage = start(project)
    running.send(signal.SIGKILL)
    wait_until(lambda: not cluster.jobs())
    assert not alive(stage)


def client(running: Running) -> int:
    """Return the process that sees to the job."""
    [found] = [
        pid
        for pid in descendants(running.process.pid)
        if "sealed.engines.slurm.submission" in told(pid, "cmdline")
    ]
    return found


@pytest.mark.fault(102)
def test_a_job_that_all_have_left_is_cancelled_by_the_next_run(
    project: Project, cluster: Cluster
) -> None:
    running, stage = start(project)
    left = client(running)
    os.kill(left, signal.SIGSTOP)
    running.send(signal.SIGKILL)
    os.kill(left, signal.SIGKILL)
    [sandbox] = project.sandboxes()
    assert f"RUNNING {sandbox.name}" in cluster.jobs()
    result = project.stage("wait").run("wait")
    assert result.returncode == 0, result.stderr
    assert not alive(stage)
    assert project.sandboxes() == []


@pytest.mark.slow
@pytest.mark.fault(102)
def test_a_client_that_is_killed_leaves_no_job(project: Project) -> None:
    running, stage = start(project)
    os.kill(client(running), signal.SIGKILL)
    assert running.process.wait(30) == 137
    assert not alive(stage)
    nothing_is_left(project)


@pytest.mark.fault(103)
@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            ["--partition=none"],
            "copy: sbatch did not take the job: invalid partition specified: none; ",
        ),
        (["--mem=9999G"], ": Memory specification can not be satisfied; Batch job submission fail"),
        (["--time=soon"], "copy: sbatch did not take the job: Invalid --time specification"),
    ],
)
def test_a_job_that_is_rejected_is_told_in_slurm_s_words(
    project: Project, options: list[str], message: str
) -> None:
    result = project.stage("copy", **asking(*options)).run("copy")
    assert message in result.stderr
    assert len(result.stderr.splitlines()) == 2
    assert result.returncode == 2
    nothing_is_left(project)


@pytest.mark.fault(103)
def test_a_node_that_does_not_see_the_sandbox_is_told(project: Project, cluster: Cluster) -> None:
    result = project.stage("copy").run("copy", STAGE_SANDBOXES=str(cluster.unseen))
    assert f": the node {cluster.node} does not see {cluster.unseen}/" in result.stderr
    assert "; set STAGE_SANDBOXES to a folder on a disk that the nodes share" in result.stderr
    assert result.returncode == 2


@pytest.mark.slow
@pytest.mark.fault(103)
def test_a_node_that_does_not_see_the_python_is_told(project: Project, cluster: Cluster) -> None:
    own = cluster.unseen / "own"
    own.symlink_to((project.root / ".venv").resolve())
    (project.root / ".venv").unlink()
    (project.root / ".venv").symlink_to(own)
    result = project.stage("copy").script("copy")
    assert f"{cluster.node} does not see {project.root}/.venv/bin/python; set" in result.stderr
    assert result.returncode == 2


def ended(project: Project, cluster: Cluster, command: str, **entry: Any) -> str:
    """Run a stage that waits; return what is said when this command has ended its job."""
    running, _ = start(project, **entry)
    number = cluster.jobs().splitlines()[0].split()[0]
    cluster.ask(*command.format(job=number, node=cluster.node).split())
    assert running.process.wait(90) == 2
    nothing_is_left(project)
    return running.said().splitlines()[-1].replace(number, "N")


@pytest.mark.fault(104)
def test_a_job_that_somebody_cancels_is_told(project: Project, cluster: Cluster) -> None:
    said = ended(project, cluster, "scancel {job}")
    assert said == "sealed wait: job N: it was cancelled, not by this run; run it again"


@pytest.mark.slow
@pytest.mark.fault(104)
def test_a_job_that_is_preempted_is_told(project: Project, cluster: Cluster) -> None:
    command = "sbatch --partition=high --exclusive --output=/dev/null --wrap=true"
    said = ended(project, cluster, command, **asking("--exclusive"))
    assert said == "sealed wait: job N: it had to give way to another job; run it again"


@pytest.mark.slow
@pytest.mark.fault(104)
def test_a_node_that_fails_is_told(project: Project, cluster: Cluster) -> None:
    try:
        said = ended(project, cluster, "scontrol update nodename={node} state=down reason=x")
        assert said == f"sealed wait: job N: its node, {cluster.node}, failed; run it again"
    finally:
        cluster.ask("scontrol", "update", f"nodename={cluster.node}", "state=idle")


@pytest.mark.fault(104)
def test_a_job_that_takes_too_much_memory_is_told(project: Project) -> None:
    if not slurm_cluster.MEMORY.exists():
        pytest.skip("Slurm bounds memory by cgroups v1 here, which this machine lacks")
    code = "open('out.txt', 'wb').write(b'x' * 300_000_000)"
    result = project.stage("take", code, meta={"sealed": {"memory": "60m"}}).run("take")
    assert ": it took more memory than it was given; ask for more: `memory: 8g` in" in result.stderr
    assert result.returncode == 2
    nothing_is_left(project)


COUNTS = """
import os, sys, time
from pathlib import Path
mark = Path(os.environ['STAGE_CHECKPOINTS'], 'mark')
if mark.exists():
    Path('out.txt').write_text('went on from ' + mark.read_text())
else:
    mark.write_text('the mark')
    print('started', os.getpid(), file=sys.stderr, flush=True)
    time.sleep(200)
"""


@pytest.mark.slow  # Slurm looks at time limits twice a minute
@pytest.mark.fault(104)
def test_at_its_time_limit_a_stage_ends_and_the_next_run_goes_on(
    project: Project, cluster: Cluster
) -> None:
    entry = asking("--time=1", checkpoints=True)
    said = ended(project, cluster, "scontrol update jobid={job} timelimit=0", code=COUNTS, **entry)
    assert "job N: it reached its time limit, 00:00:00; ask for more: `slurm: [--time=" in said
    result = project.run("wait")
    assert result.returncode == 0, result.stderr
    assert project.read("out.txt") == "went on from the mark"


@pytest.mark.slow
@pytest.mark.fault(103)
def test_why_a_job_waits_is_told_once(project: Project, cluster: Cluster) -> None:
    cluster.ask("scontrol", "update", "partitionname=low", "state=down")
    try:
        running = project.stage("copy").start("stages/run", "copy")
        wait_until(lambda: "waits in the queue: PartitionDown\n" in running.said())
        time.sleep(2)
    finally:
        cluster.ask("scontrol", "update", "partitionname=low", "state=up")
    assert running.process.wait(60) == 0
    assert running.said().count("waits in the queue") == 1
    assert project.read("out.txt") == "hello!"


@pytest.mark.slow
@pytest.mark.fault(103)
def test_a_cluster_that_does_not_answer_is_told(project: Project, cluster: Cluster) -> None:
    elsewhere = cluster.folder / "elsewhere.conf"
    text = cluster.config.read_text(encoding="utf-8").replace("SlurmctldPort=", "SlurmctldPort=1")
    elsewhere.write_text(text, encoding="utf-8")
    result = project.stage("copy").run("copy", SLURM_CONF=str(elsewhere))
    assert "sbatch did not take the job: Batch job submission failed: Unable to co" in result.stderr
    assert result.returncode == 2
    nothing_is_left(project)


@pytest.mark.slow
@pytest.mark.fault(103)
def test_a_controller_that_is_started_anew_costs_no_job(project: Project, cluster: Cluster) -> None:
    slow = WAITS.replace("time.sleep(60)", "time.sleep(9)\nPath('half.txt').unlink()") + COPIES
    running, _ = start(project, slow)
    cluster.restart(after=3)
    assert running.process.wait(60) == 0, running.said()
    assert project.read("out.txt") == "hello!"

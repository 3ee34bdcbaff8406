"""`sealed repro --jobs N` where a run one by one has its ways: edits, frozen stages, output."""

import fcntl
import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from foreign_project import SEALED
from pipelines import Pipeline
from sealed_project import wait_until


@pytest.fixture
def made(tmp_path: Path) -> Pipeline:
    return Pipeline(tmp_path / "project")


@pytest.mark.fault(107)
def test_an_edit_while_another_stage_is_recorded_is_seen(made: Pipeline, tmp_path: Path) -> None:
    """The stage has ended; DVC, which is to record it, is hashing the outs of another one."""
    waits = f"echo started >&2; until [ -e {tmp_path}/go ]; do sleep 0.05; done"
    made.stage("a", f"{waits}; cat in.txt > a.txt; touch {tmp_path}/done")
    made.stage("b", f"until [ -e {tmp_path}/done ]; do sleep 0.05; done; touch b.txt")
    running = made.start("--jobs", "2")
    wait_until(lambda: "started" in running.said())
    with (made.project.root / ".dvc/tmp/sealed-turn").open() as turn:
        fcntl.flock(turn, fcntl.LOCK_EX)
        (tmp_path / "go").touch()
        wait_until((tmp_path / "done").exists)
        time.sleep(1)  # for what the launcher has to do then
        made.project.write("in.txt", "edited\n")
    assert running.process.wait(60) != 0
    assert "sealed a: in.txt: changed while a ran" in running.said()
    lock = made.project.root / "dvc.lock"  # b may have had its turn first
    assert not lock.exists() or "\n  a:\n" not in lock.read_text(encoding="utf-8")


@pytest.mark.parametrize("words", [[], pytest.param(["--force"], marks=pytest.mark.slow)])
def test_a_frozen_stage_has_its_place_as_one_by_one(tmp_path: Path, words: list[str]) -> None:
    """DVC's graph lets it depend on nothing."""
    locks = []
    for jobs in ([], ["--jobs", "3"]):
        made = Pipeline(tmp_path / f"{len(jobs)}/project")
        made.stage("z", "sleep 0.3; cat in.txt > z.txt")
        made.stage("label", "cat z.txt > label.txt", "z.txt")
        made.stage("train", "cat label.txt > train.txt", "label.txt")
        assert made.project.plain("repro").returncode == 0
        frozen = made.project.read("dvc.yaml").replace("label:\n", "label:\n    frozen: true\n")
        made.project.write("dvc.yaml", frozen)
        made.project.write("in.txt", "another\n").write("label.txt", "by hand\n")
        run = made.project.sealed if jobs else made.project.plain
        done = run("repro", *jobs, *words)
        assert done.returncode == 0, done.stderr
        locks.append(made.lock())
    assert locks[0] == locks[1]


def test_what_git_is_to_ignore_is_in_the_order_of_one_by_one(tmp_path: Path) -> None:
    written, found = b"\xe9*.log\r\n\n\n# mine\n\n*.log", []  # nothing of it is ours to change
    for jobs in ([], ["--jobs", "3"]):
        made = Pipeline(tmp_path / f"{len(jobs)}/project")
        subprocess.run(["git", "init", "-q", made.project.root], check=True)
        (made.project.root / ".dvc/config").write_text("")  # no longer without git
        (made.project.root / ".gitignore").write_bytes(written)
        for name, seconds in {"c": 0.4, "a": 0, "b": 0.2}.items():
            made.stage(name, f"sleep {seconds}; touch {name}.txt")
        run = made.project.sealed if jobs else made.project.plain
        assert run("repro", *jobs).returncode == 0
        found.append((made.project.root / ".gitignore").read_bytes())
    assert found[0] == found[1] == written + b"\n/c.txt\n/a.txt\n/b.txt\n"


@pytest.mark.fault(108)
@pytest.mark.parametrize("closes", ["| head -3", ">&-"])
def test_where_nobody_reads_what_stages_say_it_ends(made: Pipeline, closes: str) -> None:
    for name in "ab":
        made.stage(name, f"yes line | head -30000; touch {name}.txt")
    done = subprocess.run(
        ["sh", "-c", f'"$0" "$@" repro --jobs 2 {closes}', *SEALED],
        cwd=made.project.root,
        env=made.project.environment(),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert "Traceback" not in done.stderr
    assert made.project.sandboxes() == []


def test_a_bar_of_progress_is_shown_while_it_moves(made: Pipeline, tmp_path: Path) -> None:
    waits = f"until [ -e {tmp_path}/seen ]; do sleep 0.05; done"
    made.stage("a", f"printf '1%%\\r2%%\\r'; {waits}; printf end; touch a.txt")
    running = made.start("--jobs", "2")
    wait_until(lambda: "a | 1%\ra | 2%\r" in running.log.read_bytes().decode())
    (tmp_path / "seen").touch()
    assert running.process.wait(60) == 0
    assert "a | end\n" in running.said()


def test_what_an_unsealed_stage_leaves_running_is_not_waited_for(
    made: Pipeline, tmp_path: Path
) -> None:
    script = f"(echo $BASHPID >{tmp_path}/pid; exec sleep 60) & touch a.txt"
    made.stage("a", f"bash -c '{script}'", meta="{sealed: false}")
    running = made.start("--jobs", "2")
    began = time.monotonic()
    wait_until((made.project.root / "a.txt").exists)
    assert running.process.wait(60) == 0
    assert time.monotonic() - began < 60
    os.kill(int((tmp_path / "pid").read_text()), signal.SIGKILL)  # it still runs


@pytest.mark.fault(98)
def test_ctrl_c_while_stages_wait_for_dvc_begins_none_of_them(made: Pipeline) -> None:
    """They wait for their turn: DVC is hashing the outs of another one, for an hour say."""
    made.stage("a", "echo started >&2; touch a.txt").stage("b", "echo started >&2; touch b.txt")
    (made.project.root / ".dvc/tmp").mkdir(parents=True, exist_ok=True)
    with (made.project.root / ".dvc/tmp/sealed-turn").open("w") as turn:
        fcntl.flock(turn, fcntl.LOCK_EX)
        running = made.start("--jobs", "2")
        wait_until(lambda: waiting(turn.fileno()) == 2)
        os.killpg(running.process.pid, signal.SIGINT)
        time.sleep(0.5)
    assert running.process.wait(60) != 0
    assert "started" not in running.said()
    assert not (made.project.root / "dvc.lock").exists()


def waiting(lock: int) -> int:
    """Count who waits for the lock of an open file; `->` marks them."""
    file = os.fstat(lock).st_ino
    lines = Path("/proc/locks").read_text(encoding="utf-8").splitlines()
    return sum("->" in line and f":{file} " in line for line in lines)


@pytest.mark.fault(98)
def test_where_dvc_is_killed_while_a_launcher_waits_for_it_nothing_is_published(
    made: Pipeline, tmp_path: Path
) -> None:
    made.stage("a", "cat in.txt > a.txt").stage("b", "cat in.txt > b.txt")
    assert made.project.sealed("repro", "--jobs", "2").returncode == 0
    made.project.write("in.txt", "edited\n")
    text = made.project.read("dvc.yaml")
    waits = f"cmd: echo started >&2; until [ -e {tmp_path}/go ]; do sleep 0.05; done; "
    made.project.write("dvc.yaml", text.replace("cmd: ", waits))
    running = made.start("--jobs", "2")
    wait_until(lambda: running.said().count("| started") == 2)
    with (made.project.root / ".dvc/tmp/sealed-turn").open() as turn:
        fcntl.flock(turn, fcntl.LOCK_EX)
        (tmp_path / "go").touch()
        wait_until(lambda: waiting(turn.fileno()) == 2)
        running.send(signal.SIGKILL)
    wait_until(lambda: {made.project.read(f"{name}.txt") for name in "ab"} == {"in\n"})
    assert made.project.sandboxes() == []


@pytest.mark.fault(98)
def test_after_ctrl_c_what_was_not_run_is_no_success(made: Pipeline) -> None:
    made.stage("a", "echo started >&2; sleep 60; touch a.txt").stage("b", "touch b.txt", "a.txt")
    running = made.start("--jobs", "2", "--ignore-errors")
    wait_until(lambda: "| started" in running.said())
    assert running.interrupt() != 0
    assert "up to date" not in running.said()


def test_who_ignores_ctrl_c_is_not_ended_by_it(made: Pipeline, tmp_path: Path) -> None:
    """A script's job in the background, say."""
    waits = f"until [ -e {tmp_path}/go ]; do sleep 0.05; done"
    made.stage("a", f"echo started >&2; {waits}; touch a.txt")
    running = made.start("--jobs", "2", before=("env", "--ignore-signal=INT"))
    wait_until(lambda: "| started" in running.said())
    os.killpg(running.process.pid, signal.SIGINT)
    time.sleep(0.5)
    (tmp_path / "go").touch()
    assert running.process.wait(60) == 0

"""`sealed repro --jobs N`: stages side by side, to the dvc.lock of `dvc repro` one by one."""

import os
import random
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from pipelines import Pipeline
from sealed.__main__ import parser
from sealed.commands.dvc import _python_of
from sealed.errors import StageError
from sealed_project import alive, descendants, processes, wait_until

STARTED = "echo started >&2; "


def meeting(folder: Path, name: str, other: str) -> str:
    """Return a command that ends once the other one has begun too."""
    waits = f"until [ -e {folder}/{other} ]; do sleep 0.05; done"
    return f"touch {folder}/{name}; {waits}; touch {name}.txt"


@pytest.fixture
def made(tmp_path: Path) -> Pipeline:
    return Pipeline(tmp_path / "project")


@pytest.mark.parametrize(
    "engine", ["host", "bwrap", pytest.param("docker", marks=pytest.mark.slow)]
)
def test_stages_whose_inputs_are_ready_run_at_once(tmp_path: Path, engine: str) -> None:
    made = Pipeline(tmp_path / "project")
    made.project.on(engine)
    waits = ["sleep", f"60.{os.getpid()}"]  # by which it is known in any namespace
    for name in "ab":
        made.stage(name, f"{' '.join(waits)}; ls > {name}.txt")
    running = made.start("--jobs", "2")
    wait_until(lambda: len(processes(waits)) == 2)
    for pid in processes(waits):
        os.kill(pid, signal.SIGTERM)
    assert running.process.wait(60) == 0, running.said()
    assert [made.project.read(f"{name}.txt") for name in "ab"] == [
        "a.txt\nin.txt\n",
        "b.txt\nin.txt\n",
    ]
    assert made.project.sandboxes() == []
    assert "up to date" in made.project.plain("repro").stdout


@pytest.mark.parametrize(
    ("seed", "stages"), [(1, 5), *(pytest.param(n, 8, marks=pytest.mark.slow) for n in (2, 3))]
)
def test_dvc_lock_is_that_of_one_by_one_byte_for_byte(
    tmp_path: Path, seed: int, stages: int
) -> None:
    pipelines = [Pipeline(tmp_path / "alone/p"), Pipeline(tmp_path / "beside/p")]
    for made in pipelines:
        draw, names = random.Random(seed), random.Random(seed).sample("abcdefgh", stages)
        for n, name in enumerate(names):
            deps = draw.sample(names[:n], min(n, draw.choice([0, 1, 1, 2])))
            texts = [f"{dep}.txt" for dep in deps] or ["in.txt"]
            made.stage(
                name, f"sleep 0.{draw.randrange(5)}; cat {' '.join(texts)} > {name}.txt", *texts
            )
    alone, beside = pipelines
    assert alone.project.plain("repro").returncode == 0
    done = beside.project.sealed("repro", "-j", "4")
    assert done.returncode == 0, done.stderr
    assert beside.lock() == alone.lock()
    for made in pipelines:
        made.project.write("in.txt", "another\n")
        made.stage("last", f"cat {names[0]}.txt > last.txt", f"{names[0]}.txt").stage(
            "more", "echo > more.txt"
        )
    assert alone.project.plain("repro").returncode == 0
    assert beside.project.sealed("repro", "--jobs=3").returncode == 0
    assert beside.lock() == alone.lock()


def test_a_name_in_two_pipelines_has_its_place_in_each(tmp_path: Path) -> None:
    locks = []
    for words in ([], ["--jobs", "2"]):
        made = Pipeline(tmp_path / f"{len(words)}/project")
        stage = "{cmd: 'touch x.txt', deps: [../in.txt], outs: [x.txt]}"
        made.project.write("sub/dvc.yaml", f"stages: {{x: {stage}}}")
        made.stage("y", "touch y.txt", "sub/x.txt").stage("x", "touch x.txt", "y.txt")
        run = made.project.sealed if words else made.project.plain
        assert run("repro", *words).returncode == 0
        locks.append(made.lock())
    assert locks[0] == locks[1]


def test_each_line_says_whose_it_is(made: Pipeline) -> None:
    made.stage("a", "printf 'one\\ntwo'; touch a.txt").stage("b", "echo wrong >&2; touch b.txt")
    done = made.project.sealed("repro", "--jobs", "2")
    assert {"a | one", "a | two"} <= set(done.stdout.splitlines())
    assert {"b | wrong", "sealed a: on the host (STAGE_ENGINE=host)"} <= set(
        done.stderr.splitlines()
    )


@pytest.mark.fault(97)
def test_where_one_fails_those_that_run_end_and_none_starts(made: Pipeline, tmp_path: Path) -> None:
    made.stage("bad", f"until [ -e {tmp_path}/b ]; do sleep 0.05; done; exit 3")
    told = f"grep -q 'waiting for [g]ood' {tmp_path}/project.log"
    waits = f"until {told}; do sleep 0.05; done"
    made.stage("good", f"touch {tmp_path}/b; {waits}; echo whole > good.txt")
    made.stage("later", "touch later.txt").stage("after", "touch after.txt", "bad.txt")
    running = made.start("--jobs", "2")
    assert running.process.wait(60) != 0
    assert "ERROR: failed to reproduce 'bad'" in running.said()
    assert "good:" in made.lock()
    assert made.project.read("good.txt") == "whole\n"
    assert "Running stage 'later'" not in running.said()
    made.project.write("dvc.yaml", made.project.read("dvc.yaml").replace("exit 3", "touch bad.txt"))
    done = made.project.sealed("repro", "--jobs", "2")
    assert done.returncode == 0, done.stderr
    assert "Stage 'good' didn't change, skipping" in done.stdout


@pytest.mark.fault(97)
def test_with_keep_going_only_those_that_wait_for_a_failed_one_are_skipped(tmp_path: Path) -> None:
    said = []
    for way in ("alone", "beside"):
        made = Pipeline(tmp_path / way / "project").stage("bad", "exit 3")
        made.stage("after", "touch after.txt", "bad.txt").stage("other", "touch other.txt")
        words = ["--jobs", "2"] if way == "beside" else []
        done = made.project.sealed("repro", "--keep-going", *words)
        assert done.returncode != 0
        assert (made.project.root / "other.txt").exists()
        said.append(sorted(set(done.stderr.splitlines())))
    assert said[0] == said[1]
    assert any("Stage 'after' will be skipped due to this failure" in line for line in said[0])


@pytest.mark.fault(97)
def test_where_two_fail_both_reasons_are_told(made: Pipeline, tmp_path: Path) -> None:
    made.stage("a", f"{meeting(tmp_path, 'a', 'b')}; exit 3")
    made.stage("b", f"{meeting(tmp_path, 'b', 'a')}; sleep 1; exit 4")
    done = made.project.sealed("repro", "--jobs", "2")
    assert "sealed a: a failed with exit status 3" in done.stderr
    assert "exited with 4" in done.stderr
    assert "failed to reproduce stages: 'a' and 'b'" in done.stderr


@pytest.mark.fault(98)
@pytest.mark.parametrize(
    "how", ["Ctrl-C", pytest.param("SIGTERM", marks=pytest.mark.slow), "SIGKILL"]
)
def test_a_run_that_is_ended_leaves_no_stage_and_no_sandbox_and_gives_back(
    made: Pipeline, how: str
) -> None:
    made.stage("a", "cat in.txt > a.txt").stage("b", "cat in.txt > b.txt")
    assert made.project.sealed("repro", "--jobs", "2").returncode == 0
    before = made.lock()
    text = made.project.read("dvc.yaml").replace("cmd: ", f"cmd: {STARTED}sleep 60; ")
    made.project.write("dvc.yaml", text)
    running = made.start("--jobs", "2")
    wait_until(lambda: running.said().count("| started") == 2)
    children = descendants(running.process.pid)
    if how == "Ctrl-C":
        assert running.interrupt() != 0
    else:
        running.send(signal.Signals[how])
    wait_until(lambda: made.project.sandboxes() == [])
    wait_until(lambda: not any(map(alive, children)))
    assert {made.project.read(f"{name}.txt") for name in "ab"} == {"in\n"}
    assert made.lock() == before
    if how == "Ctrl-C":
        assert running.said().count("stopped by SIGINT; nothing is published") == 2


def test_a_stage_without_a_sandbox_runs_alone(made: Pipeline, tmp_path: Path) -> None:
    made.stage("a", f"touch {tmp_path}/on; sleep 1; rm {tmp_path}/on; touch a.txt")
    made.stage("b", f"touch {tmp_path}/on-b; sleep 1; rm {tmp_path}/on-b; touch b.txt")
    made.stage("bare", f"ls {tmp_path} > bare.txt; sleep 1", meta="{sealed: false}")
    made.stage("c", f"ls {tmp_path} > c.txt; touch c.txt")
    done = made.project.sealed("repro", "--jobs", "3")
    assert done.returncode == 0, done.stderr
    assert not {"on", "on-b"} & set(made.project.read("bare.txt").split())


def test_what_dvc_does_without_a_command_is_as_ever(made: Pipeline) -> None:
    made.stage("a", "cat in.txt > a.txt").stage("b", "cat a.txt > b.txt", "a.txt")
    remote = made.project.root.parent / "remote"
    made.project.plain("remote", "add", "-d", "store", str(remote))
    dry = made.project.plain("repro", "--dry").stdout
    assert made.project.sealed("repro", "--jobs", "2", "--dry").stdout == dry
    assert not (made.project.root / "a.txt").exists()
    assert made.project.sealed("repro", "--jobs", "2").returncode == 0
    assert made.project.plain("push").returncode == 0
    lock = made.lock()
    (made.project.root / "dvc.lock").unlink()  # the run cache knows
    done = made.project.sealed("repro", "--jobs", "2")
    assert done.stdout.count("is cached - skipping run") == 2
    assert made.lock() == lock
    for name in ("a.txt", "b.txt"):
        (made.project.root / name).unlink()
    shutil.rmtree(made.project.root / ".dvc/cache")
    done = made.project.sealed("repro", "--jobs", "2", "--pull", "--allow-missing")
    assert "up to date" in done.stdout
    made.project.write("in.txt", "another\n")
    done = made.project.sealed("repro", "--jobs", "2", "--force-downstream", "a")
    assert "Running stage 'a'" in done.stdout
    assert "b" not in done.stdout.split("'")
    done = made.project.sealed("repro", "--jobs", "2", "--single-item", "b")
    assert made.project.read("b.txt") == "another\n", done.stderr


@pytest.mark.fault(99)
@pytest.mark.parametrize("count", ["0", "-1", "many", "1.5", ""])
def test_another_number_of_jobs_is_refused(made: Pipeline, count: str) -> None:
    made.stage("a", "touch a.txt")
    done = made.project.sealed("repro", f"--jobs={count}")
    expected = f"sealed: --jobs: expected how many stages at once, 1 or more, found '{count}'\n"
    assert done.stderr == expected
    assert done.returncode == 2


def test_jobs_of_an_experiment_are_dvcs() -> None:
    words = ["exp", "run", "--run-all", "--jobs", "2", "--violations", "f"]
    ours, left = parser(words).parse_known_args(words)
    assert (ours.violations, left) == ("f", words[1:-2])


@pytest.mark.parametrize(
    ("head", "found"),
    [
        ("#!{python}\nimport re\n", "{python}"),
        ("#!/usr/bin/env python3\n", "python3"),
        ("#!/bin/sh\n'''exec' \"{python}\" \"$0\" \"$@\"\n' '''\n", "{python}"),
        ("\x7fELF", "beside"),
    ],
)
def test_the_python_of_dvc_is_found(tmp_path: Path, head: str, found: str) -> None:
    folder = tmp_path / ("env" if head.startswith("#!{") else "with a space")
    folder.mkdir()
    python, dvc = folder / "python3.11", tmp_path / "dvc"
    python.symlink_to(sys.executable)
    dvc.write_text(head.format(python=python))
    if found == "beside":
        (tmp_path / "python").symlink_to(sys.executable)
        assert _python_of(str(dvc)) == str(tmp_path / "python")
    else:
        assert _python_of(str(dvc)).endswith(found.format(python=python))


@pytest.mark.fault(99)
def test_a_dvc_that_is_no_python_program_is_told(tmp_path: Path) -> None:
    (tmp_path / "dvc").write_text("#!/bin/bash\nexec docker run dvc\n")
    with pytest.raises(StageError, match="dvc: expected a Python program; install `dvc` with pip"):
        _python_of(str(tmp_path / "dvc"))


@pytest.mark.fault(130)
@pytest.mark.parametrize("words", [["repro"], ["repro", "--jobs", "2"], ["exp", "run"]])
def test_outputs_stay_ignored_by_git_where_a_later_stage_fails(
    tmp_path: Path, words: list[str]
) -> None:
    """DVC takes its entries back, and `git add .` then adds the data (treeverse/dvc#11091)."""
    made = Pipeline(tmp_path / "project")
    made.stage("a", "echo a > a.txt").stage("b", "cat missing", "a.txt")
    root = made.project.root
    git = ["git", "-C", str(root), "-c", "user.name=me", "-c", "user.email=me@here"]
    (root / ".dvc/config").write_text("[core]\n    analytics = false\n")
    for command in (["init", "-q"], ["add", "."], ["commit", "-qm", "all"]):
        subprocess.run([*git, *command], check=True)
    for _ in range(2):  # run, and taken from the run cache
        done = made.project.sealed(*words)
        assert "failed to reproduce 'b'" in done.stderr, done.stderr
        assert made.project.read(".gitignore") == "/a.txt\n"
        (root / ".gitignore").unlink()
        (root / "a.txt").unlink()
        (root / "dvc.lock").unlink(missing_ok=True)

"""A spread that meets what another left or runs in DVC's queue, or Ctrl-C."""

import json
import os
import re
import signal
import subprocess
import time
from collections import Counter
from pathlib import Path

import pytest

from review import experiments
from review.verdict.seeds import digest
from small_project import SmallProject, dvc
from test_spread import SCRIPT, command, made, runs, started

NAME = f"spread-{digest({'train.steps': 9}, 'train.seed')[:8]}"


def queue(project: SmallProject) -> dict[str, int]:
    """Return state -> how many tasks DVC's queue has in it."""
    rows = [line.split() for line in dvc(project.root, "queue", "status").splitlines()]
    return Counter(row[-1] for row in rows if row and row[-1] in experiments.STATES)


def ctrl_c(process: subprocess.Popen[str]) -> None:
    """Do what a terminal does: all that run there get the signal. It ends in a line."""
    os.killpg(process.pid, signal.SIGINT)
    _, err = process.communicate(timeout=240)
    assert process.returncode == 130, err
    assert "Traceback" not in err
    assert err.splitlines()[-1] == experiments.INTERRUPTED


@pytest.mark.slow
@pytest.mark.fault(111)
def test_what_an_older_spread_left_in_the_queue_does_not_run(tmp_path: Path) -> None:
    """Two of one name; what somebody else has queued runs too, and is told."""
    project = made(tmp_path / "here", SCRIPT.replace("0.90", "0.10"))
    for name in (f"{NAME}-2", f"{NAME}-2", "mine"):
        dvc(project.root, "exp", "run", "--queue", "-n", name, "-S", "train.seed=2")
    project.write("run.sh", SCRIPT)
    with started(project, 2) as process:
        assert process.wait() == 0  # DVC's worker, which has the pipe too, stays for ten seconds
        assert process.stdout
        said = os.read(process.stdout.fileno(), 9999).decode()
    assert "in DVC's queue, which run too: 1, see `dvc queue status`\n" in said
    found = json.loads((project.root / "metrics/spread.json").read_text())
    assert found["value_of_seed"] == {"1": 0.901, "2": 0.902}


@pytest.mark.slow
@pytest.mark.fault(112)
def test_ctrl_c_while_it_queues_leaves_nothing_in_the_queue(tmp_path: Path) -> None:
    project = made(tmp_path / "here", SCRIPT)
    params = (project.root / "params.yaml").read_text()
    with started(project, 4) as process:
        assert process.stdout
        for line in process.stdout:
            if re.match("Queued experiment 'spread-.*-2'", line):
                break
        time.sleep(0.5)  # the next one is about to be
        ctrl_c(process)
    assert queue(project).keys() <= {"Success", "Failed"}
    assert (project.root / "params.yaml").read_text() == params


@pytest.mark.slow
@pytest.mark.fault(113)
def test_what_runs_is_let_be_and_ctrl_c_ends_it(tmp_path: Path) -> None:
    """Another spread is refused meanwhile."""
    waits = '[ "$RUNS" = /dev/null ] || { echo $$ > "$RUNS"; sleep 99; }\n'
    project = made(tmp_path / "here", SCRIPT + waits)
    with started(project, 3) as process:
        while not runs(project).exists() or not runs(project).read_text():
            time.sleep(0.1)
        refused = command(project, 2)
        ctrl_c(process)
    assert refused.returncode == 2
    said = f"DVC's queue still runs {NAME}-2; wait for its end, or `dvc queue kill {NAME}-2`, "
    assert refused.stderr == f"spread: {said}twice where the worker of that is gone\n"
    assert queue(project) == {"Success": 1, "Failed": 1}  # the first was in the cache
    words = Path(f"/proc/{runs(project).read_text().strip()}/cmdline")
    assert not words.exists() or not words.read_bytes()  # gone, or a zombie

"""Experiments in DVC's queue: queued, run and shown; taken back where Ctrl-C comes."""

import json
import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

from dvcproject.errors import ProjectError
from dvcproject.git import environment_elsewhere
from review.errors import UserError

LOOK_SECONDS = 30  # between two looks whether DVC's queue has workers
LOOKS = 2  # without any, one after the other: they may be about to start, or have just ended
NO_WORKER = "Worker status: 0 active, 0 idle"
LIVE = {"Running", "Queued"}
STATES = LIVE | {"Failed", "Success", "Unknown"}
ROUNDS = 5  # of taking back: workers go on meanwhile, what is killed takes a while to end
_RUN_ALL = ("exp", "run", "--run-all")
# At its end DVC lists the experiments that ran, but the list is always empty: leave it out.
WITHOUT_LIST = """\
import sys
from dvc.cli import main
from dvc.repo.experiments import Experiments
Experiments._log_reproduced = lambda *_: None
sys.exit(main(sys.argv[1:]))
"""
INTERRUPTED = (
    "spread: interrupted; what it had queued was taken back, nothing was written; "
    "if `dvc queue status` still shows what runs, `dvc queue stop --kill` ends all of it"
)


class Task(NamedTuple):
    """A line of `dvc queue status`."""

    id: str
    name: str
    state: str

    def of(self, name: str) -> bool:
        """Say whether it is an experiment `name`-SEED."""
        return self.name.startswith(f"{name}-")


def run(name: str, params: dict[str, str], jobs: int) -> None:
    """Run experiments, so many at once: `name`-SEED -> KEY=SEED. Ctrl-C takes them back.

    Raises UserError where DVC cannot.
    """
    _make_sandbox(name)
    try:
        _queue(params)
        _run_all(jobs)
    except KeyboardInterrupt:
        _take_back(name)
        raise KeyboardInterrupt(INTERRUPTED) from None


def show() -> list[dict[str, Any]]:
    """Return `dvc exp show --json`."""
    table: list[dict[str, Any]] = json.loads(_dvc("exp", "show", "--json", capture=True))
    return table


def _make_sandbox(name: str) -> None:
    """Take out of DVC's queue what an earlier spread left there, which has the code of then.

    Raises UserError where DVC still runs some of it.
    """
    tasks = _tasks(_dvc("queue", "status", capture=True))
    ours = [task for task in tasks if task.of(name)]
    if running := " ".join(task.name for task in ours if task.state == "Running"):
        raise UserError(
            f"spread: DVC's queue still runs {running}; wait for its end, "
            f"or `dvc queue kill {running}`, twice where the worker of that is gone"
        )
    if ours:
        _dvc("queue", "remove", *(task.id for task in ours))  # two may have one name
    if others := sum(task.state in LIVE for task in tasks if not task.of(name)):
        said = "spread: experiments of other names in DVC's queue, which run too"
        print(f"{said}: {others}, see `dvc queue status`", flush=True)


def _queue(params: dict[str, str]) -> None:
    listed = _dvc("exp", "list", "--name-only", capture=True).split()
    if former := [name for name in params if name in listed]:
        _dvc("exp", "remove", *former)  # `run --force` would do that, and run what did not change
    for name, param in params.items():
        _dvc("exp", "run", "--queue", "--name", name, "-S", param)


def _take_back(name: str) -> None:
    """End what waits or runs of this spread. Where that fails INTERRUPTED says what to do."""
    for _ in range(ROUNDS):
        with suppress(UserError):  # a worker has taken one, one has just ended
            tasks = _tasks(_dvc("queue", "status", capture=True))
            live = [task for task in tasks if task.of(name) and task.state in LIVE]
            if not live:
                return
            for state, word in (("Queued", "remove"), ("Running", "kill")):
                if found := [task.id for task in live if task.state == state]:
                    _dvc("queue", word, *found)


def _run_all(jobs: int) -> None:
    """Have DVC run its queue. Raises UserError where the workers of that are gone."""
    words = [sys.executable, "-P", "-c", WITHOUT_LIST, *_RUN_ALL, "--jobs", str(jobs)]
    with subprocess.Popen(words, env=environment()) as dvc:  # noqa: S603
        try:
            said = _watch(dvc)
        finally:
            dvc.terminate()  # it would wait for ever
    if said is None:
        if dvc.returncode:
            raise UserError(f"spread: `dvc exp run --run-all` ended with {dvc.returncode}")
        return
    names = [task.name for task in _tasks(said) if task.state == "Running"]
    raise UserError(
        "spread: the workers of DVC's queue are gone, killed perhaps for want of memory; "
        f"`dvc queue kill {' '.join(names)}` ends what they left, once more and DVC knows it"
        if names
        else "spread: DVC's queue has no workers; `dvc queue start`, see `dvc queue status`"
    )


def _watch(dvc: subprocess.Popen[bytes]) -> str | None:
    """Wait for the end of DVC, or return what it says of its queue where that has no workers."""
    lost = 0
    while lost < LOOKS:
        try:
            dvc.wait(LOOK_SECONDS)
        except subprocess.TimeoutExpired:
            said = _status()
            lost = lost + 1 if NO_WORKER in said else 0
        else:
            return None
    return said


def _tasks(said: str) -> list[Task]:
    rows = [line.split() for line in said.splitlines()]  # one without a name has a time there
    return [Task(row[0], row[1], row[-1]) for row in rows if row and row[-1] in STATES]


def _status() -> str:
    """Return what DVC says of its queue; nothing where another DVC has its lock now."""
    try:
        return _dvc("queue", "status", capture=True)
    except ProjectError:
        return ""


def _dvc(*arguments: str, capture: bool = False) -> str:
    """Run DVC to its end, Ctrl-C or not: it has other params in the workspace while it queues."""
    out, words = subprocess.PIPE if capture else None, _words(*arguments)
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        done = subprocess.run(words, env=environment(), stdout=out, text=True, check=False)  # noqa: S603
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    if done.returncode:
        raise UserError(f"spread: `dvc {' '.join(arguments)}` ended with {done.returncode}")
    return done.stdout or ""


def _words(*arguments: str) -> list[str]:
    return [str(Path(sys.executable).with_name("dvc")), *arguments]


def environment() -> dict[str, str]:
    """Return the environment of DVC, which runs experiments in repositories of their own."""
    programs = Path(sys.executable).parent  # DVC's queue starts `dvc`
    return environment_elsewhere() | {
        "PATH": f"{programs}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
    }

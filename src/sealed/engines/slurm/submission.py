"""The process that stands for a job of Slurm: submits it, prints its output, cancels it at SIGTERM.

The kernel asks it to end where the launcher is killed. Its exit status is that of the stage; where
there is none, the sandbox's folder has a note of why. It does without `sbatch --wait`, which looks
every 32 seconds.
"""

import os
import re
import signal
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from sealed.engines import query
from sealed.engines.slurm import controller, script
from sealed.engines.slurm.controller import State
from sealed.errors import SIGNALLED, StageError
from sealed.sandbox.place import VARIABLE

LOOK_SECONDS = 0.2  # between two looks at what the job prints
ASK_SECONDS = 10  # the most between two questions to the controller
SUBMIT_SECONDS = 100  # a busy controller takes its time
WAITING_SECONDS = 5  # in the queue, before the reason is printed
NOT_SEEN = (f"{script.UNSEEN}:0", controller.NO_LOGS)


class Log:
    """A file that grows on another machine, and where what is new in it goes."""

    def __init__(self, path: Path, to: BinaryIO) -> None:
        """Begin with its first byte."""
        self.path, self.to = path, to
        self.passed = 0  # bytes

    def pass_on(self) -> None:
        """Write what is new. It is opened anew: only then NFS asks for more of it."""
        with suppress(FileNotFoundError), self.path.open("rb") as file:
            file.seek(self.passed)
            while chunk := file.read(1 << 16):
                self.to.write(chunk)
                self.to.flush()
                self.passed += len(chunk)


def submit(folder: Path, options: list[str]) -> str:
    """Submit the job of a sandbox, return its number. Raises StageError where it is rejected."""
    try:
        advice = "see `sinfo`, and try again"
        done = query.ask("sbatch", *options, advice=advice, seconds=SUBMIT_SECONDS)
    except StageError:
        controller.cancel(folder.parent)  # it may have been taken all the same
        raise
    lines = [re.sub(r"^sbatch: (error: )?", "", line) for line in done.stderr.splitlines()]
    if done.returncode:
        raise StageError(f"sbatch did not take the job: {'; '.join(lines)}")
    job = done.stdout.split()[-1].partition(";")[0]
    say("\n".join([*lines, f"job {job}"]))
    return job


def say(line: str) -> None:
    """Print a line about the job to stderr."""
    print(f"slurm: {line}", file=sys.stderr, flush=True)


def follow(job: str, folder: Path) -> State:
    """Pass on what a job prints until it has ended; return its state then.

    At SIGTERM it is cancelled, and nothing is returned.
    """
    logs = Log(folder / "out", sys.stdout.buffer), Log(folder / "err", sys.stderr.buffer)
    state: State = {}
    began = asked = time.monotonic()
    stopped = explained = False
    while state.get("JobState") not in controller.ENDED:
        if signal.sigtimedwait({signal.SIGTERM}, LOOK_SECONDS):
            controller.cancel(folder.parent)
            stopped = True
        for log in logs:
            log.pass_on()
        over, now = stopped or (folder / "status").exists(), time.monotonic()
        if over or now > asked + min(1 + (asked - began) / 10, ASK_SECONDS):
            state, asked = controller.state(job) or (controller.UNKNOWN if over else {}), now
        if state.get("JobState") == "PENDING" and now > began + WAITING_SECONDS and not explained:
            say(f"job {job} waits in the queue: {state.get('Reason')}")
            explained = True
    if not stopped and state["JobState"] not in controller.ENDS:
        wait_for_files(job, folder, state, logs)
    return {} if stopped else state


def wait_for_files(job: str, folder: Path, state: State, logs: tuple[Log, Log]) -> None:
    """Wait until all that a job has written is to be seen here, and pass on what it printed.

    On a network file system that takes a minute at worst.
    """
    seconds = script.latency(os.environ)
    end = time.monotonic() + seconds
    while not complete(folder, logs):
        if state.get("ExitCode") == controller.NO_LOGS or (folder / "unseen").exists():
            return  # the stage has not started
        if time.monotonic() > end:
            say(
                f"job {job}: not all that it has written is to be seen here after {seconds:g} s; "
                f"set {script.LATENCY} to more seconds, and run it again"
            )
            return
        if signal.sigtimedwait({signal.SIGTERM}, LOOK_SECONDS):
            return


def complete(folder: Path, logs: tuple[Log, Log]) -> bool:
    """Return whether all is here that a job noted at its end; pass on what it has printed since."""
    list(folder.iterdir())  # NFS then asks for what is new in it
    for log in logs:
        log.pass_on()
    ended = script.ended(folder)
    if not ended or logs[0].passed < ended.out or logs[1].passed < ended.err:
        return False
    inside = os.walk(folder.parent / script.SANDBOX)
    return 1 + sum(len(folders) + len(files) for _, folders, files in inside) == ended.entries


def outcome(state: State, folder: Path) -> int:
    """Return the exit status of the stage. Raises StageError where the job did not end by it."""
    node, name = state.get("BatchHost", "its node"), state["JobState"]
    if name in controller.ENDS:
        raise StageError(controller.ENDS[name].format(node=node, limit=state.get("TimeLimit")))
    if ended := script.ended(folder):
        return ended.status
    if state == controller.UNKNOWN:
        raise StageError("Slurm does not know it any more; run it again")
    if state["ExitCode"] in NOT_SEEN:
        unseen = folder / "unseen"
        path = unseen.read_text(encoding="utf-8").strip() if unseen.exists() else folder.parent
        raise StageError(
            f"the node {node} does not see {path}; set {VARIABLE} to a folder on a disk that the "
            "nodes share"
        )
    status, number = map(int, state["ExitCode"].split(":"))
    return status or (SIGNALLED + number) * bool(number)


def main() -> int:
    """Run the job of a sandbox, by its folder on the command line, with these options of sbatch."""
    folder, options = Path(sys.argv[1]), sys.argv[2:]
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})  # nor is sbatch to be cut short
    job, ended = "", False
    try:
        job = submit(folder, options)
        state = follow(job, folder)
        ended = True
        return outcome(state, folder) if state else SIGNALLED + signal.SIGTERM
    except (StageError, OSError) as reason:
        what = f"job {job}: {reason}" if job else str(reason)
        (folder / "reason").write_text(what, encoding="utf-8")
        return 2
    finally:
        if job and not ended:
            with suppress(StageError, OSError):
                controller.cancel(folder.parent)


if __name__ == "__main__":
    sys.exit(main())

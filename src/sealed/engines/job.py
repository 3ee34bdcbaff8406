"""The client of a job of Slurm: submits it, passes on what it says, cancels it when asked to end.

A process of its own, which the kernel asks to end where the launcher is killed. Its exit status is
that of the stage; where there is none, why is in the room's folder. It does without `sbatch
--wait`, which looks every 32 seconds.
"""

import os
import re
import signal
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from sealed.engines import answer, slurm
from sealed.engines.slurm import Said
from sealed.errors import SIGNALLED, StageError
from sealed.rooms.place import VARIABLE

LOOK_SECONDS = 0.2  # between two looks at what the job says
ASK_SECONDS = 10  # the most between two questions to the controller
SUBMIT_SECONDS = 100  # a busy controller takes its time
WAITING_SECONDS = 5  # in the queue, before it is said why


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
    """Submit the job of a room, return its number. Raises StageError where it is rejected."""
    try:
        advice = "see `sinfo`, and try again"
        done = answer.ask("sbatch", *options, advice=advice, seconds=SUBMIT_SECONDS)
    except StageError:
        slurm.cancel(folder.parent)  # it may have been taken all the same
        raise
    lines = [re.sub(r"^sbatch: (error: )?", "", line) for line in done.stderr.splitlines()]
    if done.returncode:
        raise StageError(f"sbatch did not take the job: {'; '.join(lines)}")
    job = done.stdout.split()[-1].partition(";")[0]
    say("\n".join([*lines, f"job {job}"]))
    return job


def say(line: str) -> None:
    """Say a line about the job, on stderr."""
    print(f"{slurm.NAME}: {line}", file=sys.stderr, flush=True)


def follow(job: str, folder: Path) -> Said:
    """Pass on what a job says until it has ended; return what Slurm says of it then.

    At SIGTERM it is cancelled, and nothing is returned.
    """
    logs = Log(folder / "out", sys.stdout.buffer), Log(folder / "err", sys.stderr.buffer)
    said: Said = {}
    began = asked = time.monotonic()
    stopped = told = False
    while said.get("JobState") not in slurm.ENDED:
        if signal.sigtimedwait({signal.SIGTERM}, LOOK_SECONDS):
            slurm.cancel(folder.parent)
            stopped = True
        for log in logs:
            log.pass_on()
        over, now = stopped or (folder / "status").exists(), time.monotonic()
        if over or now > asked + min(1 + (asked - began) / 10, ASK_SECONDS):
            said, asked = slurm.look(job) or (slurm.UNKNOWN if over else {}), now
        if said.get("JobState") == "PENDING" and now > began + WAITING_SECONDS and not told:
            say(f"job {job} waits in the queue: {said.get('Reason')}")
            told = True
    if not stopped and said["JobState"] not in slurm.ENDS:
        wait_for_files(job, folder, said, logs)
    return {} if stopped else said


def wait_for_files(job: str, folder: Path, said: Said, logs: tuple[Log, Log]) -> None:
    """Wait until all that a job has written is to be seen here, and pass on what it said.

    On a network file system that takes a minute at worst.
    """
    seconds = slurm.latency(os.environ)
    end = time.monotonic() + seconds
    while not complete(folder, logs):
        if said.get("ExitCode") == slurm.NO_LOGS or (folder / "unseen").exists():
            return  # the stage has not started
        if time.monotonic() > end:
            say(
                f"job {job}: not all that it has written is to be seen here after {seconds:g} s; "
                f"set {slurm.LATENCY} to more seconds, and run it again"
            )
            return
        if signal.sigtimedwait({signal.SIGTERM}, LOOK_SECONDS):
            return


def complete(folder: Path, logs: tuple[Log, Log]) -> bool:
    """Tell whether all is here that a job noted at its end; pass on what it has said since."""
    list(folder.iterdir())  # NFS then asks for what is new in it
    for log in logs:
        log.pass_on()
    ended = slurm.ended(folder)
    if not ended or logs[0].passed < ended.out or logs[1].passed < ended.err:
        return False
    inside = os.walk(folder.parent / slurm.ROOM)
    return 1 + sum(len(folders) + len(files) for _, folders, files in inside) == ended.entries


def outcome(said: Said, folder: Path) -> int:
    """Return the exit status of the stage. Raises StageError where the job did not end by it."""
    node, state = said.get("BatchHost", "its node"), said["JobState"]
    if state in slurm.ENDS:
        raise StageError(slurm.ENDS[state].format(node=node, limit=said.get("TimeLimit")))
    if ended := slurm.ended(folder):
        return ended.status
    if said == slurm.UNKNOWN:
        raise StageError("Slurm does not know it any more; run it again")
    if said["ExitCode"] in slurm.NOT_SEEN:
        unseen = folder / "unseen"
        path = unseen.read_text(encoding="utf-8").strip() if unseen.exists() else folder.parent
        raise StageError(
            f"the node {node} does not see {path}; set {VARIABLE} to a folder on a disk that the "
            "nodes share"
        )
    status, number = map(int, said["ExitCode"].split(":"))
    return status or (SIGNALLED + number) * bool(number)


def main() -> int:
    """Run the job of a room, by its folder on the command line, with these options of sbatch."""
    folder, options = Path(sys.argv[1]), sys.argv[2:]
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})  # nor is sbatch to be cut short
    job, ended = "", False
    try:
        job = submit(folder, options)
        said = follow(job, folder)
        ended = True
        return outcome(said, folder) if said else SIGNALLED + signal.SIGTERM
    except (StageError, OSError) as reason:
        what = f"job {job}: {reason}" if job else str(reason)
        (folder / "reason").write_text(what, encoding="utf-8")
        return 2
    finally:
        if job and not ended:
            with suppress(StageError, OSError):
                slurm.cancel(folder.parent)


if __name__ == "__main__":
    sys.exit(main())

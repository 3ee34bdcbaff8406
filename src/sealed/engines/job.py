"""The client of a job of Slurm: submits it, passes on what it says, cancels it when asked to end.

A process of its own, which the kernel asks to end where the launcher is killed. Its exit status is
that of the stage; where there is none, why is in the room's folder. It does without `sbatch
--wait`, which looks every 32 seconds.
"""

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
Logs = list[tuple[BinaryIO, BinaryIO]]  # a file -> where what is new in it goes


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
    out, err = (folder / "out").open("rb"), (folder / "err").open("rb")
    logs: Logs = [(out, sys.stdout.buffer), (err, sys.stderr.buffer)]
    said: Said = {}
    began = asked = time.monotonic()
    stopped = told = False
    while said.get("JobState") not in slurm.ENDED:
        if signal.sigtimedwait({signal.SIGTERM}, LOOK_SECONDS):
            slurm.cancel(folder.parent)
            stopped = True
        pass_on(logs)
        over, now = stopped or (folder / "status").exists(), time.monotonic()
        if over or now > asked + min(1 + (asked - began) / 10, ASK_SECONDS):
            said, asked = slurm.look(job) or (slurm.UNKNOWN if over else {}), now
        if said.get("JobState") == "PENDING" and now > began + WAITING_SECONDS and not told:
            say(f"job {job} waits in the queue: {said.get('Reason')}")
            told = True
    pass_on(logs)
    return {} if stopped else said


def pass_on(logs: Logs) -> None:
    """Write what is new in each file."""
    for file, to in logs:
        while chunk := file.read(1 << 16):
            to.write(chunk)
            to.flush()


def outcome(said: Said, folder: Path) -> int:
    """Return the exit status of the stage. Raises StageError where the job did not end by it."""
    node, state = said.get("BatchHost", "its node"), said["JobState"]
    if state in slurm.ENDS:
        raise StageError(slurm.ENDS[state].format(node=node, limit=said.get("TimeLimit")))
    if (folder / "status").exists():
        return int((folder / "status").read_text(encoding="utf-8"))
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

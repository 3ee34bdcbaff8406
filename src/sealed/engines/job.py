"""The client of a job of Slurm: submits it, passes on what it says, cancels it when asked to end.

A process of its own, which the kernel asks to end where the launcher is killed. Its exit status is
that of the stage; where there is none, why is in the room's folder. It does not use `sbatch
--wait`, which looks every 32 seconds.
"""

import os
import signal
import sys
import time
from contextlib import suppress
from io import FileIO
from pathlib import Path

from sealed.engines import answer, slurm
from sealed.engines.slurm import State
from sealed.errors import SIGNALLED, StageError
from sealed.rooms.place import VARIABLE

LOOK_SECONDS = 0.2  # between two looks at what the job says
ASK_SECONDS = (1.0, 10.0)  # between two questions to the controller: first, and in the end
WAITING_SECONDS = 5  # in the queue, before it is said why


class Log:
    """What a job says, as it comes."""

    def __init__(self, place: Path, to: int) -> None:
        """Read from `place`, once it is there; write to the descriptor `to`."""
        self.place, self.to = place, to
        self.file: FileIO | None = None

    def pass_on(self) -> None:
        """Write what is new."""
        if self.file is None and self.place.exists():
            self.file = self.place.open("rb", buffering=0)
        while self.file and (chunk := self.file.read(1 << 16)):
            left = memoryview(chunk)
            while left:
                left = left[os.write(self.to, left) :]


def submit(folder: Path, options: list[str]) -> str:
    """Submit the job of a room, return its number. Raises StageError where it is rejected."""
    command = ["sbatch", *options, str(folder / slurm.FOLDER / "run")]
    advice = "see `sinfo`, and try again"
    done = answer.ask(*command, advice=advice, seconds=slurm.SUBMIT_SECONDS)
    if done.returncode:
        raise StageError(f"{slurm.NAME}: the job was rejected: {slurm.last(done.stderr)}")
    say(done.stderr.strip())
    return done.stdout.split()[-1].partition(";")[0]


def say(line: str) -> None:
    """Say a line, if there is one, on stderr."""
    if line:
        print(line, file=sys.stderr, flush=True)


class Queue:
    """What the controller says of a job, asked ever more seldom."""

    def __init__(self, job: str) -> None:
        """Know nothing yet."""
        self.job, self.state = job, State()
        self.began = self.asked = time.monotonic()
        self.wait = ASK_SECONDS[0]
        self.told = False

    def look(self, *, now: bool) -> None:
        """Ask if it is time to, or `now`: the stage has ended, and its job is about to."""
        if not now and time.monotonic() < self.asked + self.wait:
            return
        self.state = slurm.look(self.job)
        if now and not self.state.name:
            self.state = State(slurm.GONE)
        self.asked, self.wait = time.monotonic(), min(self.wait * 1.5, ASK_SECONDS[1])
        if not self.told and time.monotonic() > self.began + WAITING_SECONDS:
            self._tell()

    def _tell(self) -> None:
        if self.state.name == "PENDING":
            say(f"job {self.job} waits in the queue: {self.state.said.get('Reason')}")
            self.told = True
        elif not self.state.name:
            say(f"job {self.job}: the controller does not answer; the job goes on")
            self.told = True


def follow(job: str, folder: Path) -> State | None:
    """Pass on what a job says until it has ended; return its last state.

    At SIGTERM it is cancelled, and ends without one.
    """
    logs = [Log(folder / slurm.FOLDER / name, to) for name, to in (("out", 1), ("err", 2))]
    queue, status = Queue(job), folder / slurm.FOLDER / "status"
    stopped = False
    while not queue.state.ended:
        if signal.sigtimedwait({signal.SIGTERM}, LOOK_SECONDS):
            slurm.cancel(folder)
            stopped = True
        for log in logs:
            log.pass_on()
        queue.look(now=stopped or status.exists())
    for log in logs:
        log.pass_on()
    return None if stopped else queue.state


def outcome(state: State, job: str, folder: Path) -> int:
    """Return the exit status of the stage. Raises StageError where the job did not end by it."""
    place, said = folder / slurm.FOLDER, state.said
    node = said.get("BatchHost", "a node")
    if state.name in slurm.ENDS:
        means = slurm.ENDS[state.name].format(BatchHost=node, TimeLimit=said.get("TimeLimit"))
        raise StageError(f"job {job}: {means}")
    if (place / "status").exists():
        return int((place / "status").read_text(encoding="utf-8"))
    if state.name == slurm.GONE:
        raise StageError(f"job {job}: Slurm does not know it any more; run it again")
    if said["ExitCode"] in slurm.NOT_SEEN:
        unseen = place / "unseen"
        path = unseen.read_text(encoding="utf-8").strip() if unseen.exists() else str(folder)
        raise StageError(
            f"job {job}: the node {node} does not see {path}; set {VARIABLE} to a "
            "folder on a disk that the nodes share"
        )
    status, _, number = said["ExitCode"].partition(":")
    return int(status) or (SIGNALLED + int(number) if int(number) else 0)


def main() -> int:
    """Run the job of the room that the command line names, with these options of sbatch."""
    folder, options = Path(sys.argv[1]), sys.argv[2:]
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})  # nor is sbatch to be cut short
    state = None
    try:
        job = submit(folder, options)
        state = follow(job, folder)
        return outcome(state, job, folder) if state else SIGNALLED + signal.SIGTERM
    except (StageError, OSError) as reason:
        (folder / slurm.FOLDER / "reason").write_text(str(reason), encoding="utf-8")
        return 2
    finally:
        if state is None:
            with suppress(StageError, OSError):
                slurm.cancel(folder)


if __name__ == "__main__":
    sys.exit(main())

"""What Slurm's programs answer about a job, and how a job is cancelled."""

import re
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from sealed.engines import query
from sealed.errors import StageError

PATIENCE_SECONDS = 45  # for a cancelled job to end: Slurm's KillWait is 30 s
NO_LOGS = "0:53"  # the ExitCode of a job whose output files Slurm cannot open
ENDS = {  # the JobState after an end that is not the stage's own -> what that means
    "BOOT_FAIL": "its node, {node}, did not start; run it again",
    "CANCELLED": "it was cancelled, not by this run; run it again",
    "DEADLINE": "it reached its deadline; set a later one, `slurm: [--deadline=...]`, in its meta",
    "NODE_FAIL": "its node, {node}, failed; run it again",
    "OUT_OF_MEMORY": "it took more memory than it was given; ask for more: `memory: 8g` in its "
    "meta, or STAGE_MEMORY",
    "PREEMPTED": "it had to give way to another job; run it again",
    "TIMEOUT": "it reached its time limit, {limit}; ask for more: `slurm: [--time=MINUTES]` in "
    "its meta, or SBATCH_TIMELIMIT",
}
UNKNOWN = {"JobState": "UNKNOWN"}  # Slurm forgets a job some minutes after its end
ENDED = {*ENDS, "COMPLETED", "FAILED", *UNKNOWN.values()}
State = Mapping[str, str]  # JobState, Reason, ExitCode and so on


def has_gpus() -> bool:
    """Return whether the cluster has GPUs: a stage that may use one runs without, too."""
    advice = "try again, or unset STAGE_ENGINE"
    return "gpu" in query.ask("sinfo", "--noheader", "--format=%G", advice=advice).stdout


def state(job: str) -> State:
    """Return the state of a job; nothing where the controller does not answer."""
    try:
        done = query.ask("scontrol", "show", "job", "--oneliner", job, advice="")
    except StageError:  # not in time
        return {}
    if done.returncode:
        return UNKNOWN if "Invalid job id" in done.stderr else {}
    return dict(reversed(re.findall(r"\b(\w+)=(\S+)", done.stdout)))  # the first of a name holds


def cancel(folder: Path) -> None:
    """Have the job of a sandbox cancelled: by its name, which is known before its number is."""
    query.ask("scancel", f"--name={folder.name}", advice="")


def remove(folder: Path) -> None:
    """Cancel the job of a sandbox, if any, and wait until it is gone. Raises TimeoutError."""
    end = time.monotonic() + PATIENCE_SECONDS
    with suppress(StageError):
        while time.monotonic() < end:
            cancel(folder)
            left = query.ask("squeue", "--noheader", f"--name={folder.name}", advice="")
            if left.returncode == 0 and not left.stdout.strip():
                return
            time.sleep(0.5)
    raise TimeoutError(f"its job may still run; `scancel --name={folder.name}`, and see `squeue`")

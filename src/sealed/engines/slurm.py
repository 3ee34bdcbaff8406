"""Slurm: a stage as a job of a cluster, in a room on a disk that its nodes share.

What runs there is what the host engine runs, with its variables and no other. A client (`job.py`)
submits the job and sees to it; what passes between them lies in the room's folder:

    slurm/run      the script
    slurm/out      what the stage says, slurm/err too
    slurm/status   once it has ended: its exit status, and what it has written by then
    slurm/unseen   a path that the node lacks
    slurm/reason   why there is no exit status of the stage
"""

import re
import shlex
import shutil
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from sealed.engines import answer, gpu
from sealed.errors import StageError
from sealed.rooms.room import Room
from sealed.stage import Stage

NAME = "slurm"
FOLDER, ROOM = "slurm", "room"  # in the folder of a room: ours, and what the stage sees
PATIENCE_SECONDS = 45  # for a cancelled job to end: Slurm's KillWait is 30 s
UNSEEN = 66  # with which the script ends where the node lacks what it needs
NO_LOGS = "0:53"  # how Slurm tells that it cannot open out and err
NOT_SEEN = (f"{UNSEEN}:0", NO_LOGS)
OURS = ("--parsable", "--no-requeue", "--nodes=1", "--ntasks=1", "--chdir=/", "--export=ALL")
ASKING = (  # the options by which a stage may ask for resources; others would break its room
    *("account", "begin", "comment", "constraint", "core-spec", "cpus-per-gpu", "cpus-per-task"),
    *("deadline", "exclude", "exclusive", "gpus", "gpus-per-node", "gres", "hint", "licenses"),
    *("mail-type", "mail-user", "mem", "mem-per-cpu", "mem-per-gpu", "nice", "nodelist"),
    *("partition", "prefer", "priority", "qos", "reservation", "threads-per-core", "time"),
    *("time-min", "tmp", "wckey"),
)
LATENCY = "STAGE_LATENCY"  # seconds until all machines see what one has written
LATENCY_SECONDS = 60  # the longest for which NFS keeps what it knows of a folder, by default
KEPT = (  # of the user's variables, for Slurm's programs; sbatch has its own, SBATCH_*
    *("PATH", "LD_LIBRARY_PATH", "HOME", "USER", "LOGNAME", "SLURM_CONF", "SLURM_JWT"),
    *("PYTHONHOME", "PYTHONDONTWRITEBYTECODE", LATENCY),
)
NOT_KEPT = ("SBATCH_ARRAY_INX", "SBATCH_CLUSTERS", "SBATCH_GET_USER_ENV", "SBATCH_WAIT")
SCRIPT = """\
#!/bin/sh
cd {cwd} || exit {unseen}
for path in {needed}; do
    [ -e "$path" ] || {{ echo "$path" >{folder}/unseen; exit {unseen}; }}
done
env -i {variables} {argv}
status=$?
set -- $(wc -c <{folder}/out) $(wc -c <{folder}/err) $(find {room} 2>/dev/null | wc -l)
echo $status "$@" >{folder}/status.new && mv {folder}/status.new {folder}/status
exit $status
"""
CARDS = f'${{{gpu.CUDA}+"{gpu.CUDA}=${gpu.CUDA}"}}'  # those that Slurm gives the job
ENDS = {  # what Slurm calls an end that is not the stage's own -> what that means
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
Said = Mapping[str, str]


class Ended(NamedTuple):
    """What the script of a job notes when the stage has ended."""

    status: int
    out: int  # bytes
    err: int
    entries: int  # files and folders in the room


def require() -> None:
    """Raise StageError where Slurm's client is not installed."""
    if shutil.which("sbatch") is None:
        raise StageError("sbatch: not on PATH; install Slurm's client, or unset STAGE_ENGINE")


def options(stage: Stage, environ: Mapping[str, str]) -> tuple[str, ...]:
    """Return what sbatch is asked for. Raises StageError where a stage cannot be a job here."""
    require()
    if stage.peered:
        raise StageError(
            f"STAGE_ENGINE={NAME}: {stage.name} is one of several workers, a job has one; start "
            "them in a job of several tasks, with another STAGE_ENGINE"
        )
    for option in stage.settings.slurm:
        named = re.fullmatch(r"--([a-z-]+)(=.+)?", option)
        if not named or named[1] not in ASKING:
            raise StageError(
                f"{stage.file}: {stage.name}.meta.sealed.slurm: expected options of sbatch that "
                f"ask for resources (--partition=..., --time=...), found {option!r:.80}; delete it"
            )
    latency(environ)
    asked = tuple(stage.settings.slurm)
    said = " ".join([*asked, *(name for name in environ if name.startswith("SBATCH_"))]).lower()
    if stage.gpu and not re.search("gpus|gres", said) and _has_gpus():
        asked += ("--gpus=1",)
    memory = environ.get("STAGE_MEMORY") or stage.settings.memory
    if memory and not any(one.startswith("--mem") for one in asked):
        asked += (f"--mem={memory}",)
    return asked


def latency(environ: Mapping[str, str]) -> float:
    """Return how many seconds to wait for what a job has written. Raises StageError."""
    value = environ.get(LATENCY, "") or str(LATENCY_SECONDS)
    with suppress(ValueError):
        if 0 <= float(value) < float("inf"):
            return float(value)
    raise StageError(f"{LATENCY}: expected a number of seconds, found {value!r:.80}; correct it")


def ended(folder: Path) -> Ended | None:
    """Return what a job has noted at its end; None: that is not to be seen, or not yet."""
    with suppress(OSError, ValueError, TypeError):
        return Ended(*map(int, (folder / "status").read_text(encoding="utf-8").split()))
    return None


def _has_gpus() -> bool:
    """Tell whether the cluster has GPUs: a stage that may use one runs without, too."""
    advice = "try again, or unset STAGE_ENGINE"
    return "gpu" in answer.ask("sinfo", "--noheader", "--format=%G", advice=advice).stdout


def client(
    argv: list[str],
    variables: Mapping[str, str],
    stage: Stage,
    room: Room,
    options: tuple[str, ...],
) -> list[str]:
    """Write the script that runs a command on a node; return the command line of the client."""
    folder = room.folder / FOLDER
    shutil.rmtree(folder, ignore_errors=True)  # that of the stage's command before
    folder.mkdir()
    pairs = [shlex.quote(f"{name}={value}") for name, value in variables.items()]
    needed = [argv[0], *([str(room.kept)] if room.kept else [])]
    script = SCRIPT.format(
        folder=shlex.quote(str(folder)),
        cwd=shlex.quote(str(room.cwd)),
        room=shlex.quote(str(room.folder / ROOM)),
        needed=shlex.join(needed),
        variables=" ".join([*pairs, CARDS] if stage.gpu else pairs),
        argv=shlex.join(argv),
        unseen=UNSEEN,
    )
    for name, text in {"run": script, "out": "", "err": ""}.items():
        (folder / name).write_text(text, encoding="utf-8")
    pattern = str(folder).replace("%", "%%")
    where = [f"--job-name={room.folder.name}", f"--output={pattern}/out", f"--error={pattern}/err"]
    # not the script itself: Slurm keeps that, and there are values of variables in it
    run = f"--wrap=exec /bin/sh {shlex.quote(str(folder / 'run'))}"
    program = [sys.executable, "-P", "-m", "sealed.engines.job", str(folder)]
    return [*program, *options, *OURS, *where, run]


def environment(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the variables of the client."""
    own = [name for name in environ if name in KEPT or name.startswith("SBATCH_")]
    found = {name: environ[name] for name in own if name not in NOT_KEPT}
    return found | {"PYTHONPATH": str(Path(__file__).parents[2])}


def look(job: str) -> Said:
    """Ask for a job's JobState, Reason and ExitCode; nothing: the controller does not answer."""
    try:
        done = answer.ask("scontrol", "show", "job", "--oneliner", job, advice="")
    except StageError:  # not in time
        return {}
    if done.returncode:
        return UNKNOWN if "Invalid job id" in done.stderr else {}
    return dict(reversed(re.findall(r"\b(\w+)=(\S+)", done.stdout)))  # the first of a name holds


def cancel(folder: Path) -> None:
    """Have the job of a room cancelled: by its name, which is known before its number is."""
    answer.ask("scancel", f"--name={folder.name}", advice="")


def remove(folder: Path) -> None:
    """Cancel the job of a room, if there is one, and wait until it is gone. Raises TimeoutError."""
    end = time.monotonic() + PATIENCE_SECONDS
    with suppress(StageError):
        while time.monotonic() < end:
            cancel(folder)
            left = answer.ask("squeue", "--noheader", f"--name={folder.name}", advice="")
            if left.returncode == 0 and not left.stdout.strip():
                return
            time.sleep(0.5)
    raise TimeoutError(f"its job may still run; `scancel --name={folder.name}`, and see `squeue`")


def reason(folder: Path) -> str:
    """Return why a room's job ended where that was not the stage's own end; else nothing."""
    place = folder / FOLDER / "reason"
    return place.read_text(encoding="utf-8") if place.exists() else ""

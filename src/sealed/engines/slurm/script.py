"""The script of a job, and what it exchanges with the process that follows it.

All of it lies in the sandbox's folder:

    slurm/run      the script
    slurm/out      what the stage prints, slurm/err too
    slurm/status   once it has ended: its exit status, and what it has written by then
    slurm/unseen   a path that the node lacks
    slurm/reason   why there is no exit status of the stage
"""

import shlex
import shutil
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from sealed.engines import gpu
from sealed.engines.base import Command
from sealed.errors import StageError
from sealed.sandbox.sandbox import Sandbox

FOLDER, SANDBOX = "slurm", "sandbox"  # in the folder of a sandbox: ours, and what the stage sees
LATENCY = "STAGE_LATENCY"  # seconds until all machines see what one has written
LATENCY_SECONDS = 60  # the longest for which NFS keeps what it knows of a folder, by default
UNSEEN = 66  # with which the script ends where the node lacks what it needs
SCRIPT = """\
#!/bin/sh
cd {cwd} || exit {unseen}
for path in {needed}; do
    [ -e "$path" ] || {{ echo "$path" >{folder}/unseen; exit {unseen}; }}
done
env -i {variables} {argv}
status=$?
set -- $(wc -c <{folder}/out) $(wc -c <{folder}/err) $(find {sandbox} 2>/dev/null | wc -l)
echo $status "$@" >{folder}/status.new && mv {folder}/status.new {folder}/status
exit $status
"""
CARDS = f'${{{gpu.CUDA}+"{gpu.CUDA}=${gpu.CUDA}"}}'  # those that Slurm gives the job


class Ended(NamedTuple):
    """What the script notes when the stage has ended."""

    status: int
    out: int  # bytes
    err: int
    entries: int  # files and folders in the sandbox


def write(command: Command, sandbox: Sandbox, *, gpus: bool) -> Path:
    """Write the script that runs a command on a node; return the folder that it is in."""
    folder = sandbox.folder / FOLDER
    shutil.rmtree(folder, ignore_errors=True)  # that of the stage's command before
    folder.mkdir()
    pairs = [shlex.quote(f"{name}={value}") for name, value in command.environ.items()]
    script = SCRIPT.format(
        folder=shlex.quote(str(folder)),
        cwd=shlex.quote(str(sandbox.cwd)),
        sandbox=shlex.quote(str(sandbox.folder / SANDBOX)),
        needed=shlex.join([command.argv[0], *([str(sandbox.kept)] if sandbox.kept else [])]),
        variables=" ".join([*pairs, CARDS] if gpus else pairs),
        argv=shlex.join(command.argv),
        unseen=UNSEEN,
    )
    for name, text in {"run": script, "out": "", "err": ""}.items():
        (folder / name).write_text(text, encoding="utf-8")
    return folder


def ended(folder: Path) -> Ended | None:
    """Return what a job has noted at its end; None: that is not to be seen, or not yet."""
    with suppress(OSError, ValueError, TypeError):
        return Ended(*map(int, (folder / "status").read_text(encoding="utf-8").split()))
    return None


def latency(environ: Mapping[str, str]) -> float:
    """Return how many seconds to wait for what a job has written. Raises StageError."""
    value = environ.get(LATENCY, "") or str(LATENCY_SECONDS)
    with suppress(ValueError):
        if 0 <= float(value) < float("inf"):
            return float(value)
    raise StageError(f"{LATENCY}: expected a number of seconds, found {value!r:.80}; correct it")

"""A stage as a job of Slurm, in a sandbox on a disk that the nodes of the cluster share.

What runs there is what the host engine runs, with its variables and no other. A process here
(`submission.py`) submits the job and follows it.
"""

import re
import shlex
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path

from sealed.engines import gpu
from sealed.engines.base import Command
from sealed.engines.host import Host
from sealed.engines.slurm import controller, script
from sealed.errors import StageError
from sealed.sandbox.sandbox import Sandbox
from sealed.stage import Stage

OURS = ("--parsable", "--no-requeue", "--nodes=1", "--ntasks=1", "--chdir=/", "--export=ALL")
ASKING = (  # the options by which a stage may ask for resources; others would break its sandbox
    *("account", "begin", "comment", "constraint", "core-spec", "cpus-per-gpu", "cpus-per-task"),
    *("deadline", "exclude", "exclusive", "gpus", "gpus-per-node", "gres", "hint", "licenses"),
    *("mail-type", "mail-user", "mem", "mem-per-cpu", "mem-per-gpu", "nice", "nodelist"),
    *("partition", "prefer", "priority", "qos", "reservation", "threads-per-core", "time"),
    *("time-min", "tmp", "wckey"),
)
PASSED_ON = (  # of the user's variables, for Slurm's programs; sbatch has its own, SBATCH_*
    *("PATH", "LD_LIBRARY_PATH", "HOME", "USER", "LOGNAME", "SLURM_CONF", "SLURM_JWT"),
    *("PYTHONHOME", "PYTHONDONTWRITEBYTECODE", script.LATENCY),
)
WITHHELD = ("SBATCH_ARRAY_INX", "SBATCH_CLUSTERS", "SBATCH_GET_USER_ENV", "SBATCH_WAIT")


class Slurm(Host):
    """Runs a stage as a job of one task."""

    place = "as a job of Slurm"
    needs_shared_disk = True
    starts_client = True
    shell_status = True
    grace_seconds = controller.PATIENCE_SECONDS
    options: tuple[str, ...] = ()  # of sbatch

    def require(self) -> None:
        """Raise StageError where Slurm's client is not installed."""
        if shutil.which("sbatch") is None:
            raise StageError("sbatch: not on PATH; install Slurm's client, or unset STAGE_ENGINE")

    def prepare(self, stage: Stage, root: Path, environ: Mapping[str, str]) -> None:  # noqa: ARG002
        """Look up what sbatch is to be asked for. Raises StageError."""
        self.require()
        if stage.peered:
            raise StageError(
                f"STAGE_ENGINE={self.name}: {stage.name} is one of several workers, a job has one; "
                "start them in a job of several tasks, with another STAGE_ENGINE"
            )
        script.latency(environ)
        self.options = options(stage, environ)

    def command(self, stage: Stage, sandbox: Sandbox, environ: Mapping[str, str]) -> Command:
        """Write the script of the job; return what submits it and follows it."""
        folder = script.write(super().command(stage, sandbox, environ), sandbox, gpus=stage.gpu)
        pattern = str(folder).replace("%", "%%")
        places = [f"--output={pattern}/out", f"--error={pattern}/err"]
        # not the script itself: Slurm keeps that, and there are values of variables in it
        run = f"--wrap=exec /bin/sh {shlex.quote(str(folder / 'run'))}"
        argv = [sys.executable, "-P", "-m", "sealed.engines.slurm.submission", str(folder)]
        argv += [*self.options, *OURS, f"--job-name={sandbox.folder.name}", *places, run]
        return Command(argv, _passed_on(environ))

    def gpus(self, stage: Stage, environ: Mapping[str, str]) -> dict[str, str]:  # noqa: ARG002
        """Return nothing for a stage with GPUs: Slurm chooses them."""
        return {} if stage.gpu else gpu.NONE

    def failure(self, folder: Path) -> str:
        """Return why a sandbox's job ended where that was not the stage's own end."""
        note = folder / script.FOLDER / "reason"
        return note.read_text(encoding="utf-8") if note.exists() else ""

    def remove(self, folder: Path) -> None:
        """Cancel the job of a sandbox. Raises TimeoutError where it may still run."""
        controller.remove(folder)


def options(stage: Stage, environ: Mapping[str, str]) -> tuple[str, ...]:
    """Return the options of sbatch that a stage asks for. Raises StageError for any other."""
    for option in stage.settings.slurm:
        parts = re.fullmatch(r"--([a-z-]+)(=.+)?", option)
        if not parts or parts[1] not in ASKING:
            raise StageError(
                f"{stage.file}: {stage.name}.meta.sealed.slurm: expected options of sbatch that "
                f"ask for resources (--partition=..., --time=...), found {option!r:.80}; delete it"
            )
    asked = tuple(stage.settings.slurm)
    names = [name for name in environ if name.startswith("SBATCH_")]
    if stage.gpu and not re.search("gpus|gres", " ".join([*asked, *names]).lower()):
        asked += ("--gpus=1",) * controller.has_gpus()
    memory = environ.get("STAGE_MEMORY") or stage.settings.memory
    if memory and not any(option.startswith("--mem") for option in asked):
        asked += (f"--mem={memory}",)
    return asked


def _passed_on(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the variables for Slurm's programs."""
    names = [name for name in environ if name in PASSED_ON or name.startswith("SBATCH_")]
    passed = {name: environ[name] for name in names if name not in WITHHELD}
    return passed | {"PYTHONPATH": str(Path(__file__).parents[3])}

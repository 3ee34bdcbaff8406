"""The host: a stage as an ordinary process, in a sandbox that lies outside the project.

bwrap and Slurm run the same program with the same variables, each in its own place.
"""

import os
import sys
from collections.abc import Mapping
from pathlib import Path

from sealed.engines import gpu, query, variables
from sealed.engines.base import Command, Engine, words
from sealed.errors import StageError
from sealed.sandbox import checkpoints, dvc_repository
from sealed.sandbox.sandbox import Sandbox
from sealed.stage import Stage
from sealed.watch import audit

PROGRAMS = (  # by which a user's programs and their libraries are found
    *("PATH", "LD_LIBRARY_PATH", "VIRTUAL_ENV", "CONDA_PREFIX", "CONDA_DEFAULT_ENV"),
    *("PYTHONPATH", "R_HOME", "R_LIBS", "R_LIBS_USER", "JAVA_HOME"),
)
STARTS = ("LD_LIBRARY_PATH", "PYTHONHOME")  # without which a Python of a cluster may not start


class Host(Engine):
    """Runs a stage with the programs of this machine. What is hostile is not kept out."""

    runs_python = True
    isolates = False
    place = "on the host"

    @property
    def where(self) -> str:
        """Where a stage runs, and with which Python where that is not the project's own."""
        own = Path(sys.prefix).name == ".venv"
        return self.place if own else f"{self.place}, with {sys.executable}"

    def command(self, stage: Stage, sandbox: Sandbox, environ: Mapping[str, str]) -> Command:
        """Return what runs the stage, with the sandbox's own folders as HOME and TMPDIR."""
        own = {checkpoints.VARIABLE: str(sandbox.kept)} if sandbox.kept else {}
        own |= dict.fromkeys(("HOME", "TMPDIR"), str(sandbox.tmp))
        own["XDG_CACHE_HOME"] = str(sandbox.cache)  # what can be made again
        return self.program(stage, sandbox, environ, sandbox.tmp, own)

    def program(
        self,
        stage: Stage,
        sandbox: Sandbox,
        environ: Mapping[str, str],
        temporary: Path,
        own: Mapping[str, str],
    ) -> Command:
        """Return the program of a stage that sees its temporary files in `temporary`.

        `own` holds the variables that this engine sets.
        """
        declared = variables.declared(stage, sandbox, environ) | self.gpus(stage, environ)
        declared |= dvc_repository.variables(self.visible(sandbox), stage.address)
        python = _python(stage, sandbox, environ)
        programs = _programs(stage, python, environ)
        seen = {**programs, **declared, **own, **variables.always(stage)}
        log, hook = temporary / sandbox.log.name, temporary / sandbox.hook.name
        return Command(words(str(python), stage, sandbox), seen | audit.variables(seen, log, hook))

    def gpus(self, stage: Stage, environ: Mapping[str, str]) -> dict[str, str]:
        """Return the variables by which a stage uses the chosen GPUs, or none."""
        if stage.gpu:
            return gpu.for_host(environ)
        return gpu.NONE if gpu.present() else {}


def _python(stage: Stage, sandbox: Sandbox, environ: Mapping[str, str]) -> Path:
    """Return the Python of a stage: this one, or that of its own environment."""
    if not stage.python:
        return Path(sys.executable)
    requirements = sandbox.path / stage.python
    if not requirements.is_file():
        raise StageError(f"{stage.python}: the stage runs in what it describes; add it to its deps")
    from sealed.engines import python_environment  # noqa: PLC0415  # few stages have one

    return python_environment.python(requirements, environ)


def _programs(stage: Stage, python: Path, environ: Mapping[str, str]) -> dict[str, str]:
    """Return what finds programs and their libraries: the user's, or for a script our Python."""
    if stage.script:
        return {"PATH": f"{python.parent}:{os.defpath}"} | _to_start(python, environ)
    programs = {name: environ[name] for name in PROGRAMS if environ.get(name)}
    if stage.python:
        programs["PATH"] = f"{python.parent}:{programs.get('PATH', os.defpath)}"
        programs["VIRTUAL_ENV"] = str(python.parent.parent)
    return programs


def _to_start(python: Path, environ: Mapping[str, str]) -> dict[str, str]:
    """Return the variables without which a Python does not start, where it needs them."""
    starts = {name: environ[name] for name in STARTS if environ.get(name)}
    if not starts:
        return {}
    command = (str(python), "-S", "-c", "")
    return starts if query.ask(*command, advice="run it again", environ={}).returncode else {}

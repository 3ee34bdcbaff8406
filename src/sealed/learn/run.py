"""Runs one stage through DVC without a sandbox, and watches which files it opens."""

import os
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path

from sealed.errors import StageError
from sealed.stage import Stage
from sealed.watch import audit, tracer
from sealed.watch.opens import Opens

SHELL = '#!/bin/sh\n{exports}exec {words} /bin/sh "$@"\n'


def watched(stage: Stage, root: Path) -> tuple[str, Opens]:
    """Run a stage by force, as DVC does; return what watched it and what it opened.

    DVC starts its commands through $SHELL. Raises StageError where the stage fails.
    """
    with tempfile.TemporaryDirectory(prefix="sealed-learn-") as folder:
        log, strace = Path(folder, "log"), tracer.program()
        shell = _shell(Path(folder, "watch"), log, strace)
        environ = os.environ | {"SHELL": str(shell), "PYTHONDONTWRITEBYTECODE": "1"}
        command = [sys.executable, "-m", "dvc", "repro", "--force", "--single-item", stage.address]
        done = subprocess.run(command, cwd=root, env=environ, stdout=sys.stderr, check=False)  # noqa: S603
        if done.returncode:
            raise StageError(f"{stage.address} failed, so dvc.yaml stays as it is", done.returncode)
        if strace:
            return "strace", tracer.read(log, str(root / stage.wdir))
        return "an audit hook (Python alone)", audit.read(log)


def _shell(path: Path, log: Path, strace: str | None) -> Path:
    """Write the program that DVC takes for the shell."""
    words = shlex.join(tracer.words(strace, log)) if strace else ""
    variables = {} if strace else audit.variables(os.environ, log)
    exports = "".join(f"export {key}={shlex.quote(value)}\n" for key, value in variables.items())
    path.write_text(SHELL.format(exports=exports, words=words), encoding="utf-8")
    path.chmod(0o755)
    return path

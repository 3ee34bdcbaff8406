"""What another program answers, within a time: one that hangs would hang the stage."""

import subprocess
from collections.abc import Mapping

from sealed.errors import StageError

SECONDS = 20


def ask(
    *command: str,
    advice: str,
    seconds: float | None = None,
    environ: Mapping[str, str] | None = None,
) -> subprocess.CompletedProcess[str]:
    """Run a program to its end, in our environment unless another one is given.

    Raises StageError, which ends with `advice`, where it does not answer in time.
    """
    seconds = seconds or SECONDS
    try:
        return subprocess.run(  # noqa: S603
            command,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=seconds,
            check=False,
            env=environ,
        )
    except subprocess.TimeoutExpired:
        raise StageError(f"{command[0]}: no answer in {seconds} s; {advice}") from None

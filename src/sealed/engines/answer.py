"""What a program of the machine says: within a time, since one that hangs would hang the stage."""

import subprocess

from sealed.errors import StageError

SECONDS = 20


def ask(*command: str, advice: str) -> subprocess.CompletedProcess[str]:
    """Run a program to its end. Raises StageError, with what to do, where it does not answer."""
    try:
        return subprocess.run(  # noqa: S603
            command,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise StageError(f"{command[0]}: no answer in {SECONDS} s; {advice}") from None

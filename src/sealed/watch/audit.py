"""The audit hook: what the Python processes of a stage open, where there is no strace.

`variables` is what a launcher adds to the environment of a stage; `read` what was logged.
"""

import json
import os
from collections.abc import Mapping
from pathlib import Path

from sealed.watch.opens import Opens

FOLDER = Path(__file__).with_name("hook")
LOG = "SEALED_WATCH"


def variables(environ: Mapping[str, str], log: Path, folder: Path = FOLDER) -> dict[str, str]:
    """Return variables that have every Python log into `log`, with the hook in `folder`."""
    path = [str(folder), *filter(None, [environ.get("PYTHONPATH", "")])]
    return {LOG: str(log), "PYTHONPATH": os.pathsep.join(path)}


def read(log: Path) -> Opens:
    """Read a log; there is none where no Python ran."""
    found = Opens()
    if log.exists():
        for line in log.read_text(encoding="utf-8").splitlines():
            try:
                how, path = json.loads(line)
                found.note(path, how)
            except (ValueError, TypeError, AttributeError):  # half a line: it was killed
                continue
    return found

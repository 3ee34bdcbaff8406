"""The violations of a run as data: a line of JSON each, at the end of the file that one names.

Each launcher of a run adds its own, so that one file has those of all stages.
"""

import os
from collections.abc import Iterable, Mapping
from pathlib import Path

from sealed.stage import Stage
from sealed.violation import Finding, as_line

VARIABLE = "SEALED_VIOLATIONS"


def tell(found: Iterable[Finding], stage: Stage, root: Path, environ: Mapping[str, str]) -> None:
    """Add violations of a stage to the file, where one is asked for. Raises OSError."""
    path = environ.get(VARIABLE, "")
    once = list(dict.fromkeys(found))
    if not path or not once:
        return
    from sealed.check import violations  # noqa: PLC0415  # only where there is something to tell

    text = (root / stage.file).read_text(encoding="utf-8")
    lines = [as_line(violations.violation(one, stage, text, repair=True)) for one in once]
    with Path(path).open("a", encoding="utf-8") as file:  # one write, so that no two mix
        file.write("".join(lines))


def begin(path: str) -> None:
    """Make the file for a run that starts, empty. Raises OSError."""
    Path(path).write_text("", encoding="utf-8")
    os.environ[VARIABLE] = str(Path(path).absolute())

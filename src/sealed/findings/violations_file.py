"""The file of a run's violations: one line of JSON each, added by the launcher of each stage."""

import os
from collections.abc import Iterable, Mapping
from pathlib import Path

from sealed import variables
from sealed.stage import Stage
from sealed.violation import Finding, as_line

VARIABLE = variables.VIOLATIONS


def tell(findings: Iterable[Finding], stage: Stage, root: Path, environ: Mapping[str, str]) -> None:
    """Add violations of a stage to the file that a run names, if it does. Raises OSError."""
    path = environ.get(VARIABLE, "")
    distinct = list(dict.fromkeys(findings))
    if not path or not distinct:
        return
    from sealed.findings import violations  # noqa: PLC0415  # no launcher waits for its imports

    text = (root / stage.file).read_text(encoding="utf-8")
    lines = [as_line(violations.violation(each, stage, text, repair=True)) for each in distinct]
    with Path(path).open("a", encoding="utf-8") as file:  # one write, so that no two mix
        file.write("".join(lines))


def begin(path: str) -> None:
    """Make the file for a run that starts, empty. Raises OSError."""
    Path(path).write_text("", encoding="utf-8")
    os.environ[VARIABLE] = str(Path(path).absolute())

"""Nobody reads what a stage says: it runs to its end all the same, by whatever it was started."""

import os
import shlex
import subprocess
import sys

import pytest

from foreign_project import SEALED
from sealed_project import COPIES, Project

LOUD = "import sys\nsys.stderr.write('x' * 200_000)\n" + COPIES  # more than a pipe holds
STARTS = {
    "the launcher": ["stages/run", "loud"],
    "DVC": [sys.executable, "-m", "dvc", "repro"],
    "sealed": [*SEALED, "repro"],
    "sealed, side by side": [*SEALED, "repro", "--jobs", "2"],
}


@pytest.mark.fault(121)
@pytest.mark.parametrize(
    ("start", "closed"),
    [*((start, "") for start in STARTS), ("the launcher", "2>&-")],  # with that DVC itself fails
)
def test_a_stage_ends_where_nobody_reads_its_standard_error(
    project: Project, start: str, closed: str
) -> None:
    project.stage(
        "loud", LOUD, cmd="stages/run loud" if "sealed" not in start else "python stages/loud.py"
    )
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        ["sh", "-c", f"exec {shlex.join(STARTS[start])} {closed}"],
        cwd=project.root,
        env=project.environment(),
        stdout=subprocess.PIPE,
        stderr=writing,
        timeout=60,
        check=False,
    )
    os.close(writing)
    assert done.returncode == 0, done.stdout
    assert project.read("out.txt") == "hello!"
    assert project.sandboxes() == []

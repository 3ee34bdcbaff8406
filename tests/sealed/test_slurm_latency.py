"""A job has ended, and what it has written comes to be seen here later, as on NFS."""

import os
from pathlib import Path

import pytest

from engines import Engines
from sealed_project import Project

SAYS = "import sys\nprint('said', flush=True)\nprint('warned', file=sys.stderr, flush=True)\n"
WRITES = SAYS + "import os\nos.mkdir('made')\nopen('made/out.txt', 'w').write('late')\n"
SBATCH = """
for word; do
    case $word in
    --output=*) out=${word#*=} ;;
    --error=*) err=${word#*=} ;;
    --wrap=*) run=${word#*=} ;;
    esac
done
sh -c "$run" >"$out" 2>"$err"
cd "$(dirname "$out")/.."
mkdir late
for path in HIDDEN; do
    [ -e "$path" ] || continue
    mkdir -p "late/$(dirname "$path")"
    mv "$path" "late/$path"
done
(sleep SECONDS; cp -r late/. . && rm -r late) >/dev/null 2>&1 &
echo 7
"""


@pytest.fixture
def project(project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")
    (tmp_path / "bin").mkdir()
    project.engine = "slurm"
    return project.stage("make", WRITES, outs=["made"])


def cluster(folder: Path, hidden: str, seconds: float, code: str = "0:0") -> None:
    """Put programs of Slurm there; what a job has written is hidden for some seconds."""
    engines = Engines(folder / "bin")
    script = SBATCH.replace("HIDDEN", hidden).replace("SECONDS", str(seconds))
    engines.program("sbatch", script)
    state = "COMPLETED" if code == "0:0" else "FAILED"
    engines.program("scontrol", f"echo JobState={state} ExitCode={code} BatchHost=node")
    for name in ("scancel", "squeue", "sinfo"):
        engines.program(name, "")


@pytest.mark.fault(125)
@pytest.mark.parametrize(
    "hidden", ["slurm/status", "sandbox/made", "sandbox/made/out.txt", "slurm/out slurm/err"]
)
def test_what_a_job_has_written_is_waited_for(
    project: Project, tmp_path: Path, hidden: str
) -> None:
    cluster(tmp_path, hidden, 0.7)
    result = project.run("make")
    assert result.returncode == 0, result.stderr
    assert project.read("made/out.txt") == "late"
    assert (result.stdout, "warned" in result.stderr) == ("said\n", True)


@pytest.mark.fault(125)
def test_what_is_not_seen_in_time_is_told(project: Project, tmp_path: Path) -> None:
    cluster(tmp_path, "sandbox/made", 30)
    result = project.run("make", STAGE_LATENCY="0.5")
    assert result.returncode == 2
    expected = "not all that it has written is to be seen here after 0.5 s; set STAGE_LATENCY to"
    assert expected in result.stderr


@pytest.mark.fault(125)
def test_a_stage_that_fails_is_not_waited_for(project: Project, tmp_path: Path) -> None:
    """It has noted that it wrote nothing."""
    cluster(tmp_path, "nothing", 0, "1:0")
    result = project.stage("make", "exit('no')", outs=["made"]).run("make")
    assert "stages/make.py failed with exit status 1" in result.stderr
    assert "STAGE_LATENCY" not in result.stderr


@pytest.mark.parametrize("seconds", ["a minute", "-1", "nan"])
def test_a_latency_that_is_no_number_of_seconds_is_told(
    project: Project, tmp_path: Path, seconds: str
) -> None:
    cluster(tmp_path, "nothing", 0)
    result = project.run("make", STAGE_LATENCY=seconds)
    assert f"STAGE_LATENCY: expected a number of seconds, found '{seconds}'" in result.stderr
    assert result.returncode == 2

"""A user without a name, a home or a locale: `docker run -u`, OpenShift, Kubernetes."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from sealed_project import ROOT, Project
from small_project import SmallProject

NAMELESS = ["unshare", "--user", "--map-user=12345", "--map-group=12345", "sh", "-c"]
WHO = """
import os, pwd
try:
    pwd.getpwuid(os.getuid())
except KeyError as error:
    open('out.txt', 'w').write(str(error))
"""


def make(folder: Path, command: str, **extra: str) -> subprocess.CompletedProcess[str]:
    """Run a command as the Makefile's recipes do, as nobody that this machine knows of."""
    environ = {"PATH": os.environ["PATH"], "LANG": "C", "STAGE_ENGINE": "host", **extra}
    line = f"umask 077; exec make -sf '{ROOT}/Makefile' --eval 'it: ; @{command}' it"
    result = subprocess.run(
        [*NAMELESS, line], cwd=folder, env=environ, check=False, capture_output=True, text=True
    )
    if result.stderr.startswith("unshare: "):
        pytest.skip(f"{result.stderr.strip()}: user namespaces are forbidden here")
    return result


@pytest.mark.fault(71)
@pytest.mark.parametrize("home", [{}, {"HOME": "/"}])
def test_a_user_without_a_name_or_a_home_runs_the_pipeline(
    project: Project, home: dict[str, str]
) -> None:
    project.stage("who", WHO)
    result = make(project.root, ".venv/bin/python -m dvc repro", **home)
    assert result.returncode == 0, result.stderr
    assert "uid not found: 12345" in project.read("out.txt")
    assert (project.root / "out.txt").stat().st_mode & 0o077 == 0  # umask holds


@pytest.mark.fault(71)
def test_a_user_without_a_name_has_the_other_commands(project: Project, tmp_path: Path) -> None:
    project.stage("copy")
    assert make(project.root, ".venv/bin/python -m dvc repro").returncode == 0
    verified = make(project.root, "PYTHONPATH=src .venv/bin/python -m sealed verify")
    assert "verify: 1 outputs" in verified.stdout + verified.stderr
    reviewed = SmallProject(tmp_path / "reviewed")
    reviewed.repro(wrong={1})
    reviewed.commit()
    reviewed.repro(wrong={2, 3})
    (reviewed.root / ".venv").symlink_to(sys.prefix)
    options = "--base HEAD --images data/prepared/test.npz --picture out.png"
    module = f"PYTHONPATH={ROOT}/src .venv/bin/python -m review diff {options}"
    result = make(reviewed.root, module)
    assert result.returncode == 0, result.stderr
    assert "No difference" in result.stdout
    assert result.stderr == ""
    assert (reviewed.root / "out.png").exists()


@pytest.mark.fault(71)
def test_the_name_and_the_home_of_who_has_them_stay(project: Project) -> None:
    home = {"HOME": "/home/of me", "USER": "me"}
    result = make(project.root, 'echo "$$HOME $$USER $$LOGNAME"', **home)
    assert result.stdout == "/home/of me me \n"

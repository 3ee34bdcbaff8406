"""The package alone: a wheel, in an environment that has what it declares and nothing else."""

import os
import subprocess
from pathlib import Path

import pytest

from any_project import AnyProject
from installed_alone import install


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Install the package alone; return its console command."""
    return install("review", tmp_path_factory.mktemp("alone")) / "review"


@pytest.mark.slow
def test_the_wheel_reviews_a_project_without_the_rest_of_this_one(
    program: Path, tmp_path: Path
) -> None:
    project = AnyProject(tmp_path)
    project.repro()
    project.commit()
    project.write("params.yaml", "seed: 2\n")
    project.repro()
    python = program.parent / "python"

    def run(*command: str | Path) -> str:
        env = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
        done = subprocess.run(
            command, cwd=tmp_path, env=env, check=False, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    assert "**Worse: of 60 test rows 0 won, 15 lost" in run(program, "diff", "--base", "main")
    assert "self-contained" in run(program, "report", "--base=main", "--output=page.html")
    assert "<h2>Confusion matrix</h2>" in (tmp_path / "page.html").read_text()
    assert "dvc.lock is that of" in run(program, "locked")
    assert "usage: review spread" in run(program, "spread", "--help")
    others = "import importlib.util as u; print(*map(u.find_spec, ('keras', 'mnist', 'sealed')))"
    assert run(python, "-c", others) == "None None None\n"
    assert run(python, "-c", "import review; print(review.__file__)").startswith(
        str(program.parents[1])
    )

"""`sealed learn`: a stage runs once and what it read is declared; with strace and without."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from dvcproject import document
from test_check import Project, project  # noqa: F401  # the fixture

CODE = """
    import sys
    from pathlib import Path
    import lib
    Path("out.txt").write_text(Path("in.txt").read_text() + Path("data/deep.txt").read_text())
    Path("scratch.txt").write_text("x")
    Path("scratch.txt").read_text()
    Path("cache.db").read_text()
    Path("missing.txt").exists()
"""
TEXT = """\
stages:
  # makes data
  make:
    cmd: mkdir -p data && echo deep > data/deep.txt && echo other > data/other.txt
    outs:
    - data
  one:
    cmd: cd . && python run.py
    deps:
    - run.py # the script
    params: [a]
    outs:
    - out.txt
"""
FILES = {
    "run.py": CODE,
    "lib.py": "from sub.mod import x",
    "sub/__init__.py": "",
    "sub/mod.py": "x = open('params.yaml').read()",
    "in.txt": "in",
    "params.yaml": "a: 1",
    "cache.db": "",
    ".gitignore": "*.db\n/.dvc\n",
}
needs_strace = pytest.mark.skipif(not shutil.which("strace"), reason="there is no strace")


@pytest.fixture
def made(project: Project) -> Project:  # noqa: F811
    subprocess.run(["git", "init", "-q"], cwd=project.root, check=True)
    return project.put(FILES).put({"dvc.yaml": TEXT})


@pytest.mark.parametrize("how", [pytest.param("strace", marks=needs_strace), "an audit hook"])
def test_what_a_stage_read_is_declared(
    made: Project, how: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    if how != "strace":
        monkeypatch.setenv("PATH", path_without("strace", tmp_path / "bin"))
    dvc(made, "repro", "make")
    before = (made.root / "dvc.yaml").read_text()
    dry = made.run("learn", "--dry", "one")
    assert dry.returncode == 0, dry.stderr
    assert (made.root / "dvc.yaml").read_text() == before
    done = made.run("learn", "one")
    assert f"learn: one, watched by {how}" in done.stderr
    assert done.stdout == dry.stdout
    added = [line[1:].strip() for line in done.stdout.splitlines() if line.startswith("+    ")]
    wanted = ["- data", "- in.txt", "- lib.py", "- sub/__init__.py", "- sub/mod.py"]
    assert added == wanted
    after = (made.root / "dvc.yaml").read_text()
    lines = "".join(f"    {line}\n" for line in wanted)
    assert after == before.replace("# the script\n", f"# the script\n{lines}")
    dvc(made, "commit", "--force", "one")
    assert "up to date" in dvc(made, "repro")
    assert made.run("learn", "one").stdout == ""


def test_a_stage_that_fails_teaches_nothing(made: Project) -> None:
    dvc(made, "repro", "make")
    (made.root / "in.txt").unlink()
    done = made.run("learn", "one")
    assert done.returncode != 0
    assert done.stderr.splitlines()[-1] == "sealed: one failed, so dvc.yaml stays as it is"
    assert (made.root / "dvc.yaml").read_text() == TEXT


def test_a_template_is_refused_before_it_runs(made: Project) -> None:
    entry = {"foreach": ["a"], "do": {"cmd": "touch ran"}}
    done = made.stages(each=entry).run("learn", "each@a")
    assert done.returncode == 2
    assert done.stderr.startswith("sealed: each@a: one of several stages of a template")
    assert not (made.root / "ran").exists()
    assert "expected one of the stages each@a" in made.run("learn", "none").stderr


@needs_strace
def test_any_language_and_wdir(made: Project) -> None:
    cmd = "cat < ../in.txt > here.txt; cd inner; sh -c 'cat deep.txt; cd /; true' >> ../here.txt"
    stage = {"cmd": cmd, "wdir": "work", "outs": ["here.txt"]}
    made.put({"work/inner/deep.txt": "é"}).stages(one=stage)
    done = made.run("learn", "one")
    assert done.returncode == 0, done.stderr
    learnt = document.load(made.root / "dvc.yaml")["stages"]["one"]["deps"]
    assert learnt == ["../in.txt", "inner/deep.txt"]


def path_without(program: str, folder: Path) -> str:
    """Return a PATH with the programs that the tests need, and not this one."""
    folder.mkdir()
    (folder / "python").symlink_to(Path(sys.executable).resolve())
    for name in ("sh", "git", "mkdir", "cat"):
        (folder / name).symlink_to(shutil.which(name) or "")
    assert not (folder / program).exists()
    return str(folder)


def dvc(made: Project, *words: str) -> str:
    done = made.run_dvc(*words)
    assert done.returncode == 0, done.stderr
    return done.stdout

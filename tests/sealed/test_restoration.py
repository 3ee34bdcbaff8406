"""A stage that fails, is stopped or refused gives back the outs that DVC took away before it."""

import copy
import os
import shutil
import signal
import subprocess
from pathlib import Path

import pytest

from sealed_project import WAITS, Project, wait_until

MAKES = """
from pathlib import Path
text = Path('in.txt').read_text()
Path('made/sub').mkdir(parents=True)
Path('made/a.txt').write_text(text)
Path('made/sub/b.txt').write_text(text + 'b')
Path('model').write_text(text + 'm')
Path('n.json').write_text(text + 'n')
"""
OUTS = {"outs": ["made", "model"], "metrics": [{"n.json": {"cache": False}}]}
FAILS = "raise SystemExit('no')"
MADE = {
    "made/a.txt": b"hello",
    "made/sub/b.txt": b"hellob",
    "model": b"hellom",
    "n.json": b"hellon",
}


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """Make a project whose stage has run, in git."""
    project = Project(tmp_path_factory.mktemp("made") / "a clone, à moi")
    project.write(".gitignore", "/.venv\n/made\n/model\n.dvc/tmp\n.dvc/cache\n.dvc/site\n")
    project.stage("make", MAKES, **OUTS)
    assert project.dvc("repro", "-q").returncode == 0
    git(project, "init", "-q")
    git(project, "add", "n.json", "dvc.lock", "dvc.yaml")
    git(project, "commit", "-qm", "all")
    return project


@pytest.fixture
def made(template: Project, tmp_path: Path) -> Project:
    """Copy the project that was made."""
    project = copy.copy(template)
    project.root = tmp_path / "a clone, à moi"
    shutil.copytree(template.root, project.root, symlinks=True)
    return project


def git(project: Project, *arguments: str) -> None:
    me = ["-c", "user.name=me", "-c", "user.email=me@here"]
    subprocess.run(["git", *me, *arguments], cwd=project.root, check=True)


def outs(project: Project) -> dict[str, bytes]:
    return {path: content for path, content in project.files().items() if path in MADE}


def cache(project: Project, text: str) -> Path:
    """Return the object of the cache that holds `text`."""
    objects = (project.root / ".dvc/cache/files/md5").rglob("*")
    return next(path for path in objects if path.is_file() and path.read_text() == text)


@pytest.mark.fault(41)
def test_a_stage_that_fails_gives_back_what_dvc_lock_names(made: Project) -> None:
    result = made.stage("make", FAILS, **OUTS).dvc("repro")
    assert result.returncode != 0
    assert outs(made) == MADE
    assert "dvc.lock names" not in result.stderr
    made.stage("make", MAKES, **OUTS)
    assert "up to date" in made.dvc("status").stdout


@pytest.mark.fault(41)
def test_a_stage_that_is_refused_gives_back_too(made: Project) -> None:
    result = made.stage(
        "make", MAKES, **OUTS, meta={"sealed": {"netwrok": True}}, params=["copy"]
    ).dvc("repro")
    assert "found netwrok" in result.stderr
    assert outs(made) == MADE


@pytest.mark.fault(41)
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_a_stage_that_is_stopped_gives_back_too(made: Project, number: signal.Signals) -> None:
    running = made.stage("make", WAITS, **OUTS).start_dvc("repro")
    running.stage_pid()
    assert outs(made) == {}
    if number == signal.SIGINT:
        running.interrupt()
    else:
        running.send(number)
    wait_until(lambda: outs(made) == MADE)


@pytest.mark.fault(37)
def test_what_was_edited_while_it_ran_gives_back_too(made: Project) -> None:
    code = MAKES + f"Path({str(made.root / 'in.txt')!r}).write_text('bye')"
    result = made.stage("make", code, **OUTS).dvc("repro")
    assert "in.txt: changed while stages/make.py ran" in result.stderr
    assert outs(made) == MADE


@pytest.mark.fault(41)
def test_what_the_cache_lacks_comes_from_git(made: Project) -> None:
    cache(made, "hellon").unlink()
    made.stage("make", FAILS, **OUTS).dvc("repro")
    assert outs(made) == MADE


@pytest.mark.fault(41)
@pytest.mark.parametrize("how", ["changed", "deleted"])
def test_what_cannot_be_brought_back_is_said_in_one_line(made: Project, how: str) -> None:
    for text in ("hellom", "hellob"):
        path = cache(made, text)
        path.chmod(0o644)
        path.write_text("changed")
        if how == "deleted":
            path.unlink()
    result = made.stage("make", FAILS, **OUTS).dvc("repro")
    assert outs(made) == {"n.json": b"hellon"}
    line = (
        "sealed make: made, model: not there, and neither DVC's cache nor git has what "
        "dvc.lock names; run `dvc pull make`"
    )
    assert line in result.stderr
    assert "sealed make: stages/make.py failed with exit status 1" in result.stderr.split(line)[0]
    assert not [path for path in made.root.iterdir() if path.name.startswith(".m")]


def test_what_lies_there_is_left_as_it_is(made: Project) -> None:
    model = str(made.root / "model")
    code = f"from pathlib import Path\nPath({model!r}).write_text('mine')\n" + FAILS
    made.stage("make", code, **OUTS).dvc("repro")
    assert outs(made) == MADE | {"model": b"mine"}


def test_without_dvc_nothing_was_taken_away(made: Project) -> None:
    (made.root / "model").unlink()
    made.stage("make", FAILS, **OUTS).run("make")
    assert not (made.root / "model").exists()


def test_a_program_stays_one(project: Project) -> None:
    code = "from pathlib import Path; Path('out.txt').touch(); Path('out.txt').chmod(0o755)"
    assert project.stage("copy", code).dvc("repro", "-q").returncode == 0
    assert "isexec: true" in project.read("dvc.lock")
    project.stage("copy", FAILS).dvc("repro")
    assert os.access(project.root / "out.txt", os.X_OK)


def test_a_cache_elsewhere_is_found(made: Project, tmp_path: Path) -> None:
    (made.root / ".dvc/cache").rename(tmp_path / "elsewhere")
    made.dvc("config", "cache.dir", str(tmp_path / "elsewhere"))
    made.stage("make", FAILS, **OUTS).dvc("repro")
    assert outs(made) == MADE


@pytest.mark.fault(41)
def test_where_the_stage_has_never_run_nothing_is_missed(made: Project) -> None:
    """In a fresh clone DVC takes nothing away, and the reason is all that the user needs."""
    for folder in (".dvc/tmp", ".dvc/cache", "made"):
        shutil.rmtree(made.root / folder)
    (made.root / "model").unlink()
    result = made.stage("make", FAILS, **OUTS).dvc("repro")
    assert "sealed make: stages/make.py failed with exit status 1" in result.stderr
    assert "not there" not in result.stderr
    assert outs(made) == {"n.json": b"hellon"}

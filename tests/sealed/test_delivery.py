"""Outs are published all or none, and the old ones are there until the new ones are."""

import errno
import fcntl
import os
from collections.abc import Callable
from pathlib import Path

import pytest

import made
from sealed.sandbox import delivery, sandbox
from sealed.stage import Stage
from sealed_project import Project

OUTS = ("folder", "file", "sub/last")
OLD = {"folder/a": "old", "folder/b": "old", "file": "old", "sub/last": "old"}
NEW = {"folder/c": "new", "file": "new", "sub/last": "new"}
STEPS = 20  # more than there are renames and deletions
SANDBOX = f"train-{sandbox._machine()}-12345678"


@pytest.fixture
def stage() -> Stage:
    return made.stage("train")._replace(outs=OUTS)


def write(folder: Path, files: dict[str, str]) -> None:
    for path, text in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)


def read(folder: Path) -> dict[str, str]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_text() for path in files}


def known(folder: Path) -> Path:
    """Return the folder where the sandbox of the run lies."""
    return folder / "sandboxes"


def publish(folder: Path, stage: Stage) -> None:
    """Publish the new outs into `folder/project`."""
    sandbox = made.sandbox(known(folder) / SANDBOX)
    write(sandbox.path, NEW)
    with delivery.delivered(sandbox, stage, folder / "project") as put:
        put()


def killed(step: int, run: Callable[[], None], monkeypatch: pytest.MonkeyPatch) -> bool:
    """Run in a process that is killed before its rename or deletion `step`; tell whether it was."""
    left = iter(range(step, -1, -1))

    def dying(do: Callable[..., None]) -> Callable[..., None]:
        def instead(*arguments: object, **options: object) -> None:
            if not next(left):
                os._exit(9)
            do(*arguments, **options)

        return instead

    pid = os.fork()
    if pid == 0:
        for name in ("rename", "replace", "unlink"):
            monkeypatch.setattr(os, name, dying(getattr(os, name)))
        run()
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 9


@pytest.mark.fault(120)
@pytest.mark.parametrize("step", range(STEPS))
def test_a_kill_while_outs_are_published_loses_neither_the_old_nor_the_new(
    tmp_path: Path, stage: Stage, step: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = tmp_path / "project"
    write(project, OLD)
    was = killed(step, lambda: publish(tmp_path, stage), monkeypatch)
    assert was or step > STEPS / 2
    delivery.recover(stage, project, [known(tmp_path)])
    assert read(project) in (OLD, NEW)


@pytest.mark.fault(120)
@pytest.mark.parametrize("step", range(4))
def test_a_kill_while_that_is_put_right_loses_nothing_either(
    tmp_path: Path, stage: Stage, step: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = tmp_path / "project"
    write(project, OLD)
    assert killed(7, lambda: publish(tmp_path, stage), monkeypatch)

    def recover() -> None:
        delivery.recover(stage, project, [known(tmp_path)])

    killed(step, recover, monkeypatch)
    recover()
    assert read(project) == OLD


@pytest.mark.fault(120)
@pytest.mark.parametrize("failing", [*OUTS])
def test_where_an_out_cannot_be_published_all_old_ones_are_back(
    tmp_path: Path, stage: Stage, failing: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    project, rename = tmp_path / "project", os.rename
    write(project, OLD)

    def refuse(source: Path, target: Path) -> None:
        if Path(target) == project / failing:
            monkeypatch.setattr(os, "rename", rename)
            raise OSError(errno.ENOSPC, "No space left on device")
        rename(source, target)

    monkeypatch.setattr(os, "rename", refuse)
    with pytest.raises(OSError, match="No space left on device"):
        publish(tmp_path, stage)
    assert read(project) == OLD


@pytest.mark.fault(120)
def test_what_a_run_that_is_still_going_on_has_beside_an_out_is_left_alone(
    tmp_path: Path, stage: Stage
) -> None:
    folder = known(tmp_path) / SANDBOX
    folder.mkdir(parents=True)
    write(tmp_path / "project", {"file": "old", f".file.{SANDBOX}": "new"})
    before = read(tmp_path / "project")
    with sandbox._locked(folder, fcntl.LOCK_EX):
        delivery.recover(stage, tmp_path / "project", [known(tmp_path)])
    assert read(tmp_path / "project") == before


@pytest.mark.fault(120)
def test_the_next_run_of_a_stage_finds_its_persistent_out_where_only_the_old_one_is_left(
    project: Project,
) -> None:
    code = "open('out.txt', 'a').write('!')"
    outs = [{"out.txt": {"persist": True, "cache": False}}]
    project.write(".out.txt.append-12345678.old", "hello")
    result = project.stage("append", code, outs=outs).run("append")
    assert result.returncode == 0, result.stderr
    assert project.read("out.txt") == "hello!"
    assert not list(project.root.glob(".out.txt.*"))

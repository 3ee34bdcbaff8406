"""What an earlier run left behind stops no other stage."""

import os
import pickle
from datetime import date
from pathlib import Path

import pytest

import made
from engines import Engines
from sealed.caller import Process
from sealed.engines import process, query
from sealed.sandbox import checkpoints, sandbox
from sealed.sandbox.inputs import Inputs

STAGE = made.stage("copy")._replace(deps=())
ME = Process(os.getpid(), "any")


def left(sandboxes: Path, name: str, **files: str | bytes) -> Path:
    """Make the sandbox of a run that was killed on this machine."""
    folder = sandboxes / f"old-{sandbox._machine()}-{name}"
    folder.mkdir(parents=True)
    for file, content in files.items():
        (folder / file).write_bytes(content if isinstance(content, bytes) else content.encode())
    return folder


def run(tmp_path: Path, said: list[str] | None = None) -> None:
    """Make a sandbox for a stage, as the launcher does on any engine."""
    left_running = process.Leftovers((said if said is not None else []).append)
    terms = sandbox.Terms(tmp_path / "sandboxes", left_running.discard)
    with sandbox.opened(STAGE, tmp_path, terms, ME) as found:
        assert found.done == 0
        assert found.path.is_dir()


@pytest.fixture
def docker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Engines:
    """Put a docker on PATH that never answers."""
    (tmp_path / "bin").mkdir()
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.setattr(query, "SECONDS", 0.2)
    engines = Engines(tmp_path / "bin")
    engines.program("docker", "exec /bin/sleep 5")
    return engines


@pytest.mark.fault(122)
def test_an_engine_that_hangs_stops_no_stage_and_is_waited_for_once(
    tmp_path: Path, docker: Engines
) -> None:
    folders = [left(tmp_path / "sandboxes", name, engine="docker", cid="abcdef") for name in "ab"]
    plain = left(tmp_path / "sandboxes", "c", engine="bwrap")
    said: list[str] = []
    run(tmp_path, said)
    [line] = said
    assert (
        "docker: no answer in 0.2 s, so container abcdef may still run; restart docker, and "
        in line
    )
    assert docker.calls("docker", "rm") == ["rm --force abcdef"]
    assert [folder.exists() for folder in [*folders, plain]] == [True, True, False]


@pytest.mark.fault(122)
@pytest.mark.usefixtures("docker")
@pytest.mark.parametrize("engine", [b"", b"rm", b"\xff", b"docker"])
def test_what_names_no_engine_or_no_container_goes(tmp_path: Path, engine: bytes) -> None:
    cid = b"" if engine == b"docker" else b"\xff"
    folder = left(tmp_path / "sandboxes", "a", engine=engine, cid=cid)
    run(tmp_path)
    assert not folder.exists()


class Hostile:
    """A pickle of it touches a file where it is read."""

    def __reduce__(self) -> tuple[object, ...]:
        return os.mkdir, ("pwned",)


NOTES = [b"", b"\x80\x04.", b"[]", b"{}", b"[" * 100_000, b'{"stage": 1, "project": 5}', b"\xff"]


@pytest.mark.fault(122)
@pytest.mark.parametrize("note", [*NOTES, pickle.dumps(Hostile())])
def test_a_note_that_cannot_be_read_is_ignored(
    tmp_path: Path, note: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    folder = left(tmp_path / "sandboxes", "a", next=note)
    run(tmp_path)
    assert not folder.exists()
    assert not (tmp_path / "pwned").exists()


@pytest.mark.fault(122)
@pytest.mark.parametrize("note", [*NOTES, b'{"stage": ["dvc.yaml"], "outs": []}'])
def test_a_note_of_checkpoints_that_cannot_be_read_is_ignored(tmp_path: Path, note: bytes) -> None:
    path = tmp_path / ".dvc/tmp/checkpoints/copy/0123.published"
    path.parent.mkdir(parents=True)
    path.write_bytes(note)
    checkpoints.sweep(tmp_path)
    assert path.exists()


def test_a_sandbox_that_waits_is_taken_up_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = left(tmp_path / "sandboxes", "a")
    params = {"params.yaml": (b"day: 2026-01-01\n# \xff", {"day": date(2026, 1, 1)})}
    files: dict[str, tuple[int, ...] | None] = {"a": (1, 2, 3, 4, 5), "b\udcff": None}
    given = Inputs(files, params, {"/data": Path("/data")})
    before = sandbox.Sandbox(
        folder, tmp_path, folder / "sandbox", "sub", {"a": (1, 2)}, given, done=1
    )
    sandbox.keep(before, STAGE, ME)
    monkeypatch.setattr(sandbox, "gone", lambda _: False)
    with sandbox.opened(
        STAGE, tmp_path, sandbox.Terms(tmp_path / "sandboxes", lambda _: None), ME
    ) as after:
        plain = {"params.yaml": (params["params.yaml"][0], {"day": "datetime.date(2026, 1, 1)"})}
        assert after == before._replace(done=2, inputs=given._replace(params=plain))

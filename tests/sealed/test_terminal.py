"""What is printed holds nothing that a terminal would obey, whatever files are called."""

from pathlib import Path

import pytest

from dvcproject import cache
from sealed import launch
from sealed.__main__ import main
from sealed.commands import verify
from sealed.errors import StageError
from sealed.violation import READ, Violation, as_github, as_json

EVIL = "a\x1b]0;owned\x07\x9b31m\u202e\nb"
SHOWN = "a�]0;owned��31m� b"


@pytest.mark.fault(146)
def test_a_reason_is_one_line_that_no_terminal_obeys() -> None:
    assert str(StageError(f"{EVIL}: no such file")) == f"{SHOWN}: no such file"


@pytest.mark.fault(146)
def test_a_violation_is_one_line_that_no_terminal_obeys() -> None:
    violation = Violation(READ, "train", EVIL, "declare it")
    assert str(violation) == f"dvc.yaml:1: train: {READ}: {SHOWN}: declare it"
    for text in (as_github(violation), as_json([violation]).replace("\n", "")):
        assert text.isprintable()


@pytest.mark.fault(146)
def test_verify_names_a_stray_file_in_one_line_that_no_terminal_obeys(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / ".dvc").mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(verify, "outputs", lambda _: [])
    monkeypatch.setattr(cache, "folder", lambda root: root)
    monkeypatch.setattr(verify, "mistakes", lambda *_, **__: [f"{EVIL}: expected no such file"])
    assert main(["verify"]) == 1
    assert capsys.readouterr().err == f"verify: {SHOWN}: expected no such file\n"


@pytest.mark.fault(146)
def test_a_line_about_a_stage_is_one_line_that_no_terminal_obeys(
    capsys: pytest.CaptureFixture[str],
) -> None:
    launch.say("train", EVIL)
    assert capsys.readouterr().err == f"sealed train: {SHOWN}\n"

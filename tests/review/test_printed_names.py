"""What is printed holds nothing that a terminal would obey, whatever files are called."""

import contextlib
from pathlib import Path

import pytest

from review import retrain
from review.__main__ import run
from review.commands import diff
from review.page import page

EVIL = "a\x1b]0;owned\x07\x9b31m\u202eb"
SHOWN = "a�]0;owned��31m�b"


@pytest.mark.fault(146)
@pytest.mark.parametrize("agrees", [True, False])
def test_outputs_that_differ_are_named_in_one_line_that_no_terminal_obeys(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], agrees: bool
) -> None:
    def judge(*_: object) -> str:
        if agrees:
            return f"{EVIL} differs"
        raise retrain.DifferentBytesError(f"verify: {EVIL} differs")

    for name in ("take", "snapshot", "reproduce"):
        monkeypatch.setattr(retrain, name, lambda *_: None)
    monkeypatch.setattr(retrain, "_git", lambda *_: b"")
    monkeypatch.setattr(retrain, "judge", judge)
    with contextlib.suppress(SystemExit):
        run(["retrain"])
    said = capsys.readouterr()
    assert (said.out or said.err) == f"verify: {SHOWN} differs\n"


@pytest.mark.fault(146)
def test_the_page_is_named_without_what_a_terminal_obeys(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(diff, "make", lambda _: None)
    monkeypatch.setattr(page, "write", lambda _: "x" * 2000)
    run(["report", "--base=main", f"--output={EVIL}.html"])
    assert capsys.readouterr().out.endswith(f"{SHOWN}.html: 2 kB, self-contained\n")

"""What a stage asks for in vain is known, although it ends with status 0; driven directly."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from sealed.violation import READ, as_github
from sealed.watch import audit, tracer, vain
from sealed.watch.opens import Opens

CODE = """
import json, os, pathlib, subprocess, sys
def get(path):
    try:
        return open(path).read()
    except OSError:
        return "default"
get("config.json"); get("declared.txt"); get("nowhere.txt"); get("given.txt")
pathlib.Path("late.txt").write_text(get("late.txt"))
subprocess.run([sys.executable, "-c", "try: open('sub/deep.txt')\\nexcept OSError: pass"])
os.path.exists("stat.txt")
"""
FILES = ("config.json", "declared.txt", "given.txt", "late.txt", "sub/deep.txt", "stat.txt")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for path in FILES:
        (tmp_path / "project" / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "project" / path).write_text("real")
    room = tmp_path / "room"
    room.mkdir()
    (room / "given.txt").write_text("given")
    (room / "run.py").write_text(CODE)
    return tmp_path


def run(words: list[str], root: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        words,
        cwd=root / "room",
        env=os.environ | variables,
        check=True,
        capture_output=True,
        text=True,
    )


def told(opens: Opens, root: Path) -> list[str]:
    found = vain.violations(
        opens, str(root / "room"), root / "project", "one", declared=("declared.txt",)
    )
    assert {one.kind for one in found} <= {READ}
    return [one.path for one in found]


def test_the_audit_hook_tells_what_python_asked_for_in_vain(root: Path) -> None:
    log = root / "log"
    run([sys.executable, "run.py"], root, **audit.variables(os.environ, log))
    opens = audit.read(log)
    assert told(opens, root) == ["config.json", "sub/deep.txt"]  # not stat.txt: nobody is told
    assert str(root / "room/given.txt") in opens.read
    assert str(root / "room/late.txt") in opens.written


@pytest.mark.skipif(not shutil.which("strace"), reason="there is no strace")
def test_strace_tells_what_any_program_asked_for_in_vain(root: Path) -> None:
    log = root / "log"
    strace = tracer.program()
    assert strace
    run([*tracer.words(strace, log), sys.executable, "run.py"], root)
    opens = tracer.read(log, str(root / "room"))
    assert told(opens, root) == ["config.json", "stat.txt", "sub/deep.txt"]
    run([*tracer.words(strace, root / "sh"), "sh", "-c", "cat config.json || true"], root)
    assert told(tracer.read(root / "sh", str(root / "room")), root) == ["config.json"]


def test_the_hook_leaves_the_stage_as_it_is(root: Path) -> None:
    other = root / "other"
    other.mkdir()
    (other / "sitecustomize.py").write_text("import builtins; builtins.seen = 'theirs'")
    code = "import sys; print(seen, 'sealed' in sys.modules); sys.exit(3)"
    variables = audit.variables({"PYTHONPATH": str(other)}, root / "no/such/folder/log")
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | variables,
        check=False,
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stdout, done.stderr) == (3, "theirs False\n", "")


def test_half_a_line_of_a_log_is_passed_over(tmp_path: Path) -> None:
    (tmp_path / "log").write_text('["read", "/a/../b"]\n["read", "/c')
    assert audit.read(tmp_path / "log").read == {"/b"}
    assert audit.read(tmp_path / "none") == Opens()


def test_a_violation_as_github_shows_it(root: Path) -> None:
    opens = Opens(missed={str(root / "room/config.json")})
    (one,) = vain.violations(opens, str(root / "room"), root / "project", "a,b", ())
    begin = "::error file=dvc.yaml,line=1,title=undeclared read in a%2Cb::config.json: asked for"
    assert as_github(one).startswith(begin)

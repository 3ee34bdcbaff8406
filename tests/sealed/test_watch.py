"""What a stage asks for in vain is known, although it ends with status 0; driven directly."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from sealed.violation import READ, Violation, as_github
from sealed.watch import audit, missed_files, tracer
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
import glob; glob.glob("data/*.csv"); glob.glob("*"); glob.glob("**/*.txt", recursive=True)
"""
FILES = (
    "config.json",
    "declared.txt",
    "given.txt",
    "late.txt",
    "sub/deep.txt",
    "stat.txt",
    "data/a.csv",
)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for path in FILES:
        (tmp_path / "project" / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "project" / path).write_text("real")
    sandbox = tmp_path / "sandbox"
    sandbox.mkdir()
    (sandbox / "given.txt").write_text("given")
    (sandbox / "run.py").write_text(CODE)
    return tmp_path


def run(words: list[str], root: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        words,
        cwd=root / "sandbox",
        env=os.environ | variables,
        check=True,
        capture_output=True,
        text=True,
    )


def told(opens: Opens, root: Path) -> list[str]:
    return missed_files.files(
        opens, (str(root / "sandbox"),), root / "project", declared=("declared.txt",)
    )


def test_the_audit_hook_tells_what_python_asked_for_in_vain(root: Path) -> None:
    log = root / "log"
    run([sys.executable, "run.py"], root, **audit.variables(os.environ, log))
    opens = audit.read(log)
    # not stat.txt, of which nobody is told, nor what a pattern for whatever is there finds
    assert told(opens, root) == ["config.json", "data/a.csv", "sub/deep.txt"]
    assert str(root / "sandbox/given.txt") in opens.read
    assert str(root / "sandbox/late.txt") in opens.written


@pytest.mark.skipif(not shutil.which("strace"), reason="there is no strace")
def test_strace_tells_what_any_program_asked_for_in_vain(root: Path) -> None:
    log = root / "log"
    strace = tracer.program()
    assert strace
    run([*tracer.words(strace, log), sys.executable, "run.py"], root)
    opens = tracer.read(log, str(root / "sandbox"))
    assert told(opens, root) == ["config.json", "stat.txt", "sub/deep.txt"]
    run([*tracer.words(strace, root / "sh"), "sh", "-c", "cat config.json || true"], root)
    assert told(tracer.read(root / "sh", str(root / "sandbox")), root) == ["config.json"]


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


def test_a_violation_as_github_shows_it() -> None:
    one = Violation(READ, "a,b", "config.json", "asked for in vain")
    begin = "::error file=dvc.yaml,line=1,title=undeclared read in a%2Cb::config.json: asked for"
    assert as_github(one).startswith(begin)


@pytest.mark.fault(88)
def test_a_log_that_the_stage_wrote_itself_is_only_data(root: Path) -> None:
    sandbox, log = root / "sandbox", root / "log"
    names = [
        "../../../../etc/passwd",
        "/etc/passwd",
        f"{sandbox}/../secret",
        "a\x1b[2J.txt",
        "x" * 9999,
    ]
    for name in names[2:4]:
        (root / "project" / Path(name).name).write_text("x")
    lines = [json.dumps(["missed", f"{sandbox}/{name}"]) for name in names]
    lines += [json.dumps(["missed", str(name)]) for name in names]
    lines += ['["note", "x"]', '["__class__", "x"]', '["missed", 1]', "[" * 100_000, "\udcff", "{}"]
    lines += [
        json.dumps(["globbed", f"{sandbox}/{pattern}"]) for pattern in ("**", "../*", "[", "*")
    ]
    lines += [json.dumps(["missed", f"{sandbox}/many/{i}"]) for i in range(200)]
    log.write_text("\n".join(lines), encoding="utf-8", errors="surrogateescape")
    (root / "project/many").mkdir()
    for number in range(200):
        (root / f"project/many/{number}").touch()
    found = told(audit.read(log), root)
    assert len(found) == missed_files.MOST
    assert {path.split("/")[0] for path in found} == {"many"}


@pytest.mark.fault(88)
@pytest.mark.parametrize("kind", ["a link", "a pipe", "a folder"])
def test_what_a_stage_puts_in_the_place_of_the_log_is_not_read(tmp_path: Path, kind: str) -> None:
    (tmp_path / "other").write_text('["missed", "/x"]')
    log = tmp_path / "log"
    {"a link": lambda: log.symlink_to("other"), "a pipe": lambda: os.mkfifo(log)}.get(
        kind, log.mkdir
    )()
    assert audit.read(log) == Opens()

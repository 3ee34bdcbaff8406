"""Hundreds of mutations of each file that a review reads: it is read, or refused in one line."""

import os
import random
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import samples
from dvcproject.errors import ProjectError
from dvcproject.revision import Revision, workspace
from review.page import page
from review.record import lock_check, record
from review.verdict import verdict
from review.words import markdown
from small_project import SmallProject

Files = dict[str, bytes]
SOURCE = Path(__file__).parents[2] / "src"
MUTATED = [
    "metrics/evaluation.json",
    "metrics/train.json",
    "metrics/environment.json",
    "metrics/spread.json",
    "metrics/predictions.csv",
    "metrics/curve.csv",
    "requirements.lock",
    "dvc.lock",
    "dvc.yaml",
    "params.yaml",
]
VALUES = [b"NaN", b"1e999", b"-1", b"1.5", b"2", b'"a text"', b"null", b"[]", b"{}", b"9" * 400]
VALUES += [
    b"0x10",
    b"",
    b"true",
    b"1e-400",
    b"${a}",
    b"&a [*a]",
    b"!!python/name:os.system",
    b"\xff",
]


def flipped(content: bytes, dice: random.Random) -> bytes:
    place = dice.randrange(len(content))
    return content[:place] + bytes([content[place] ^ 1 << dice.randrange(8)]) + content[place + 1 :]


def cut(content: bytes, dice: random.Random) -> bytes:
    return content[: dice.randrange(len(content))]


def doubled(content: bytes, dice: random.Random) -> bytes:
    place = dice.randrange(len(content))
    return content[:place] + content[dice.randrange(len(content)) :]


def replaced(content: bytes, dice: random.Random) -> bytes:
    words = list(re.finditer(rb'[\w.-]+|"[^"]*"', content))
    word = dice.choice(words)
    return content[: word.start()] + dice.choice(VALUES) + content[word.end() :]


def without_a_line(content: bytes, dice: random.Random) -> bytes:
    lines = content.splitlines(keepends=True)
    lines.pop(dice.randrange(len(lines)))
    return b"".join(lines)


MUTATIONS: list[Callable[[bytes, random.Random], bytes]] = [
    flipped,
    cut,
    doubled,
    replaced,
    replaced,
    replaced,
    without_a_line,
]
NONE = re.compile(r"[|>(+:=-] ?(nan|inf)\b(?!\.)")  # numbers that are none, as Python writes them
LAUGHS = b"a0: &a0 [" + b"1, " * 9 + b"1]\n"
LAUGHS += b"".join(
    b"a%d: &a%d [%s]\n" % (n, n, b", ".join(9 * [b"*a%d" % (n - 1)])) for n in range(1, 12)
)
WHOLE = {  # what is told of it in place of a file
    "empty": b"",
    "zeros": bytes(1000),
    "not UTF-8": b"\xff\xfe\xff",
    "a mark": b"\xef\xbb\xbf",
    "deep": b"[" * 20_000,
    "deep mappings": b'{"a":' * 5000,
    "laughs": LAUGHS,
    "two megabytes": b"1" * 2_000_000,
    "two megabytes of lines": b"1,1\n" * 500_000,
    "a list": b"[1, 2]",
    "a number": b"1",
    "a conflict": b"<<<<<<< HEAD\na: 1\n=======\na: 2\n>>>>>>> other\n",
}


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Files:
    root = tmp_path_factory.mktemp("records")
    project = SmallProject(root)
    project.repro(wrong=set(range(10)))
    spread = {"params_digest": "0", "sd": 0.001, "n": 5}
    project.write_json("metrics/spread.json", spread)
    paths = [*MUTATED, "src/train.py", "src/split.py"]
    return {path: (root / path).read_bytes() for path in paths}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder whose files each test writes anew."""
    return tmp_path_factory.mktemp("mutants")


@pytest.fixture(scope="module")
def before(files: Files, place: Path) -> record.Record:
    return record.read(revision(files, place), whole=False)._replace(name="main (0000000)")


def revision(files: Files, place: Path) -> Revision:
    """Return the workspace that holds these files."""
    for path, content in {".dvc/config": b"[core]\n    no_scm = true\n", **files}.items():
        (place / path).parent.mkdir(parents=True, exist_ok=True)
        (place / path).write_bytes(content)
    return workspace(place)


def check(files: Files, before: record.Record, place: Path) -> str:
    """Review files as the command does, on either side; return the line of a refusal."""
    here = revision(files, place)
    try:
        differ = lock_check.differences(here)
        after = record.read(here, whole=True)
        text = markdown.write(
            verdict.between(before, after)._replace(doubts=differ), picture=None
        ) + page.write(verdict.between(after, before))
    except ProjectError as error:
        return str(error)
    assert not NONE.search(text)
    return ""


@pytest.mark.fault(62)
@pytest.mark.parametrize(
    "count", [samples.many(10), pytest.param(samples.many(100), marks=pytest.mark.slow)]
)
@pytest.mark.parametrize("path", MUTATED)
def test_a_mutated_file_is_read_or_refused(
    files: Files, before: record.Record, place: Path, path: str, count: int
) -> None:
    assert check(files, before, place) == ""
    dice = random.Random(path)
    refused = 0
    for _ in range(count):
        mutant = dice.choice(MUTATIONS)(files[path], dice)
        told = check({**files, path: mutant}, before, place)
        assert told.startswith("workspace: ") or not told
        refused += bool(told)
    if path != "requirements.lock":  # of which the names and versions are taken, no more
        assert refused > count / 10


@pytest.mark.fault(62)
@pytest.mark.parametrize("content", WHOLE.values(), ids=WHOLE.keys())
@pytest.mark.parametrize("path", MUTATED)
def test_a_file_that_is_another_is_refused(
    files: Files, before: record.Record, place: Path, path: str, content: bytes
) -> None:
    told = check({**files, path: content}, before, place)
    if path != "requirements.lock":
        assert told.startswith(f"workspace: {path}: ")


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> SmallProject:
    project = SmallProject(tmp_path_factory.mktemp("hostile"))
    project.repro(wrong={1})
    project.commit()
    return project


@pytest.mark.fault(62)
@pytest.mark.parametrize(
    ("path", "content", "told", "names"),
    [
        ("params.yaml", LAUGHS, "more than 1000000 values", ["locked", "diff", "report"]),
        ("dvc.yaml", b"stages: {fetch: {deps:", "expected plain YAML", ["locked"]),
        ("dvc.lock", b"1" * 2_000_000, "characters", ["diff"]),
        (record.SPREAD, b'{"n": 1, "sd": 0.1, "params_digest": ""}', "expected a whole", ["diff"]),
        ("metrics/predictions.csv", b"\xff", "expected a table, found", ["report"]),
        ("metrics/evaluation.json", b'{"accuracy": NaN}', "expected JSON, found a", ["locked"]),
    ],
)
def test_the_commands_end_in_a_line_and_never_in_the_status_of_worse(
    project: SmallProject, path: str, content: bytes, told: str, names: list[str]
) -> None:
    """In two minutes and 2 GB at most, of which the libraries take most."""
    before = (project.root / path).read_bytes() if (project.root / path).exists() else None
    (project.root / path).write_bytes(content)
    if path.startswith("metrics/"):
        project.lock()
    try:
        for name in names:
            done = _bounded(project.root, name)
            [line] = done.stderr.splitlines()
            assert (done.returncode, done.stdout) == (2, "")
            assert line.startswith(f"workspace: {path}: ")
            assert told in line
    finally:
        (project.root / path).unlink()
        if before is not None:
            (project.root / path).write_bytes(before)
        project.lock()


def _bounded(root: Path, name: str) -> subprocess.CompletedProcess[str]:
    options = {
        "locked": [],
        "diff": ["--base", "main", "--fail-on", "worse"],
        "report": ["--base", "main", "--output", "report.html"],
    }
    limited = f'ulimit -v {2_000_000}; exec "$@"'  # kB
    argv = ["bash", "-c", limited, "-", sys.executable, "-m", "review", name, *options[name]]
    env = os.environ | {"PYTHONPATH": str(SOURCE), "PYTHONDONTWRITEBYTECODE": "1"}
    env |= {"OPENBLAS_NUM_THREADS": "1"}  # each takes addresses, and there is one a core
    return subprocess.run(
        argv, cwd=root, env=env, check=False, capture_output=True, text=True, timeout=120
    )

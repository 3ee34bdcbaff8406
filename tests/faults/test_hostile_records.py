"""Hundreds of mutations of each file that a review reads: it is read, or refused in one line."""

import io
import random
import re
from collections.abc import Callable

import pytest

from mnist import locked, markdown, record, report, verdict
from mnist.errors import UserError
from mnist.revision import Revision
from small_project import SmallProject

Files = dict[str, bytes]
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
    "ten megabytes": b"1" * 10_000_000,
    "ten megabytes of lines": b"1,1\n" * 2_500_000,
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
def before(files: Files) -> record.Record:
    return record.read(revision(files, "main (0000000)"), whole=False)


def revision(files: Files, name: str = "workspace") -> Revision:
    return Revision(name, lambda path: io.BytesIO(files[path]) if path in files else None)


def check(files: Files, before: record.Record) -> str:
    """Review files as the command does, on either side; return the line of a refusal."""
    here = revision(files)
    try:
        differ = locked.differences(here)
        after = record.read(here, whole=True)
        text = markdown.write(
            verdict.between(before, after)._replace(doubts=differ), picture=None
        ) + report.write(verdict.between(after, before))
    except UserError as error:
        return str(error)
    assert not NONE.search(text)
    return ""


@pytest.mark.parametrize("count", [20, pytest.param(250, marks=pytest.mark.slow)])
@pytest.mark.parametrize("path", MUTATED)
def test_a_mutated_file_is_read_or_refused(
    files: Files, before: record.Record, path: str, count: int
) -> None:
    assert check(files, before) == ""
    dice = random.Random(path)
    refused = 0
    for _ in range(count):
        mutant = dice.choice(MUTATIONS)(files[path], dice)
        told = check({**files, path: mutant}, before)
        assert told.startswith("workspace: ") or not told
        refused += bool(told)
    if path != "requirements.lock":  # of which the names and versions are taken, no more
        assert refused > count / 10


@pytest.mark.parametrize("content", WHOLE.values(), ids=WHOLE.keys())
@pytest.mark.parametrize("path", MUTATED)
def test_a_file_that_is_another_is_refused(
    files: Files, before: record.Record, path: str, content: bytes
) -> None:
    told = check({**files, path: content}, before)
    if path != "requirements.lock":
        assert told.startswith(f"workspace: {path}: ")

"""YAML is read as DVC reads it, in bounded time and memory."""

import time

import pytest
from dvc.utils.serialize import loads_yaml

from mnist import document

VALUES = """
1e-4 5e-05 5.0e-05 1e4 1. .5 +1 017 0o17 0x1f 1_000 .inf .nan yes on no True null ~
12:30:45 2020-01-01 '1' [1,a] {a:1}
"""
BOMB = "a: &a [x, x]\n" + "".join(
    f"{chr(98 + i)}: &{chr(98 + i)} [{', '.join([f'*{chr(97 + i)}'] * 10)}]\n" for i in range(9)
)


@pytest.mark.fault(38)
@pytest.mark.parametrize("text", VALUES.split())
def test_a_value_is_what_dvc_takes_it_for(text: str) -> None:
    expected = loads_yaml(f"a: {text}")
    found = document.parse(f"a: {text}".encode())
    assert (repr(found), type(found["a"])) == (repr(expected), type(expected["a"]))


@pytest.mark.fault(62)
@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (
            b"a: 1\na: 2",
            r'^while constructing a mapping, found duplicate key "a" with value "2" '
            r'\(original value: "1"\) in line 2$',
        ),
        (b"a: !!python/object/apply:os.system [x]", "could not determine a constructor"),
        (b"a: [1", "did not find expected ',' or ']'|expected ',' or ']'"),
        (b"a: 1\n---\nb: 1", "expected a single document"),
        (b"\xff\xfe", "can't decode byte 0xff"),
        (b"a: " + b"9" * 5000, "a whole number of more than 4300 characters$"),
        (b"a: 2020-13-45", "month must be in 1..12"),
        (b"a: \x00", "unacceptable character"),
        (BOMB.encode(), "more than 1000000 values once its aliases are written out"),
        (b"[" * 100_000, "more than 100 levels"),
        (b"[" * 150 + b"]" * 150, "more than 100 levels"),
        (b"&a [*a]", "more than 100 levels"),
    ],
)
def test_what_is_no_plain_document_is_refused_soon(content: bytes, reason: str) -> None:
    begin = time.process_time()
    with pytest.raises(ValueError, match=reason) as refused:
        document.parse(content)
    assert "\n" not in str(refused.value)
    assert time.process_time() - begin < 2


@pytest.mark.fault(126)
def test_a_long_document_is_read() -> None:
    assert document.parse(b"#" * 2_000_000 + b"\na: 1") == {"a": 1}


@pytest.mark.fault(126)
def test_only_aliases_make_too_many_values(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(document, "MOST_VALUES", 10)
    assert document.parse(b"[1,1,1,1,1,1,1,1,1,1,1,1]") == [1] * 12
    with pytest.raises(ValueError, match=r"more than \d+ values once its aliases are written out"):
        document.parse(b"a: &a [1,1,1,1,1,1,1,1,1]\nb: [*a,*a,*a,*a,*a,*a]")

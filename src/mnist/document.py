"""YAML as DVC reads it: version 1.2, plain values, every key once.

The same reader as DVC's own (ruamel.yaml, `safe`), so that a value is the same one everywhere:
`1e-4` and `5e-05` are numbers, `yes` is a text, `017` is seventeen.
"""

import re
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError

MOST_VALUES = 1_000_000  # aliases written out: a few lines can stand for billions of values
MOST_DEPTH = 100
_DEEP = re.compile(rb"(?:[\[{]\s*){%d}" % (MOST_DEPTH + 1))  # the reader would take a second


def load(path: Path) -> Any:
    """Read the document in `path`. Raises OSError, and ValueError with the reason in a line."""
    return parse(path.read_bytes())


def parse(content: bytes) -> Any:
    """Read a document. Raises ValueError with the reason in a line."""
    if _DEEP.search(content):
        raise ValueError(f"more than {MOST_DEPTH} levels")
    try:
        document = YAML(typ="safe").load(content.decode())
    except RecursionError:
        raise ValueError(f"more than {MOST_DEPTH} levels") from None
    except MarkedYAMLError as error:  # which would add how to call ruamel.yaml otherwise
        line = f" in line {error.problem_mark.line + 1}" if error.problem_mark else ""
        said = ", ".join(filter(None, (error.context, error.problem)))
        raise ValueError(" ".join(f"{said}{line}".split())) from None
    except (YAMLError, ValueError, TypeError, LookupError, AttributeError) as error:
        raise ValueError(reason(error)) from None
    # without aliases, no file has more values than bytes: a long one is never refused
    _count(document, 0, {}, most=max(MOST_VALUES, len(content)))
    return document


def _count(value: Any, depth: int, known: dict[int, int], *, most: int) -> int:
    """Return how many values one stands for, itself included; what is shared counts each time."""
    if not isinstance(value, dict | list):
        return 1
    if depth > MOST_DEPTH:  # or a list that holds itself
        raise ValueError(f"more than {MOST_DEPTH} levels")
    if id(value) not in known:
        members = [*value, *value.values()] if isinstance(value, dict) else value
        counts = (_count(member, depth + 1, known, most=most) for member in members)
        known[id(value)] = 1 + sum(counts)
        if known[id(value)] > most:
            raise ValueError(f"more than {most} values once its aliases are written out")
    return known[id(value)]


def reason(error: Exception) -> str:
    """Return in one line what a reader of YAML, JSON or TOML says, without advice on Python."""
    if isinstance(error, RecursionError):
        return "too many levels"
    text = " ".join(str(error).split())
    longest = re.match(r"Exceeds the limit \((\d+) ", text)  # of int(), for a number in the text
    return f"a whole number of more than {longest[1]} characters" if longest else text

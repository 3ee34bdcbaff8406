"""Params files: YAML, JSON, TOML and Python, read as DVC does and reduced to what is declared."""

import json
import math
import sys
import tomllib
from collections.abc import Callable, Collection, Iterator
from datetime import date, datetime, time
from pathlib import Path, PurePosixPath
from typing import Any

import yaml

from dvcproject import document, python_params
from dvcproject.errors import ProjectError


def load(path: Path, name: str) -> dict[str, Any]:
    """Read a params file, called `name`. Raises ProjectError where it is no plain mapping."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ProjectError(f"{name}: expected a params file, found {error}") from None
    return parse(content, name)


def parse(content: bytes, name: str) -> dict[str, Any]:
    """Read the content of a params file, called `name`. Raises ProjectError, as `load` does."""
    kind, reads = READERS.get(PurePosixPath(name).suffix.lower(), YAML)
    try:
        found = reads(content)
    except (ValueError, SyntaxError, RecursionError) as error:
        raise ProjectError(
            f"{name}: expected plain {kind}, found {document.reason(error)}"
        ) from None
    if not isinstance(found, dict):
        raise ProjectError(f"{name}: expected `key: value`, found {type(found).__name__}")
    return found


YAML = ("YAML", document.parse)
READERS: dict[str, tuple[str, Callable[[bytes], Any]]] = {
    ".json": ("JSON", json.loads),
    ".toml": ("TOML", lambda content: tomllib.loads(content.decode())),
    ".py": ("Python", lambda content: python_params.load(content.decode())),
}


def declared(params: dict[str, Any], keys: Collection[str], gap: str) -> dict[str, Any]:
    """Return the part of a params file that `keys`, dotted, name; a list that one leads into whole.

    Raises ProjectError for a key that is not there, which `gap` explains.
    """
    found: dict[str, Any] = {}
    for key in keys:
        *sections, last = key.split(".")
        source, target = params, found
        try:
            for section in sections:
                if isinstance(source[section], list):
                    last = section
                    break
                source, target = source[section], target.setdefault(section, {})
            target[last] = source[last]
        except (KeyError, TypeError):
            raise ProjectError(gap.format(key=key)) from None
    return found


def reduced(path: Path, params: dict[str, Any], keys: Collection[str], name: str) -> str:
    """Return the text of a params file that holds `params`, the declared ones, alone."""
    suffix = path.suffix.lower()
    if suffix == ".py":
        return python_params.filtered(path.read_text(encoding="utf-8"), keys)
    if suffix == ".json":
        return json.dumps(params, indent=2, ensure_ascii=False) + "\n"
    if suffix == ".toml":
        return "".join(f"{_toml(key)} = {_toml(value)}\n" for key, value in params.items())
    return written(params, name)


def _toml(value: Any) -> str:
    """Write a value of TOML; a table in one line."""
    if isinstance(value, dict):
        pairs = (f"{_toml(key)} = {_toml(inner)}" for key, inner in value.items())
        return "{" + ", ".join(pairs) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_toml, value)) + "]"
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    if isinstance(value, date | time | datetime):
        return value.isoformat()
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)  # nan, inf, -inf
    return json.dumps(value)


class _Dumper(yaml.SafeDumper):
    """Write YAML that means the same to readers of YAML 1.1 and 1.2: every text in quotes."""

    def ignore_aliases(self, _: Any) -> bool:
        return True


_Dumper.add_representer(tuple, _Dumper.represent_undefined)  # the key `? [1, 2]`: 1.2 alone
_Dumper.add_representer(
    str, lambda dumper, text: dumper.represent_scalar("tag:yaml.org,2002:str", text, style='"')
)


def written(params: dict[str, Any], name: str) -> str:
    """Return params as YAML that reads back the same. Raises ProjectError for what cannot."""
    try:
        text = yaml.dump(params, Dumper=_Dumper, sort_keys=False, width=sys.maxsize)
        different = list(differing(params, document.parse(text.encode())))
    except (yaml.YAMLError, ValueError):
        different = list(params)
    if different:
        raise ProjectError(
            f"{name}: {', '.join(different)}: expected plain numbers, texts, lists and mappings"
        )
    return text


def differing(before: Any, after: Any, key: str = "") -> Iterator[str]:
    """Yield the keys, dotted, of what is not the same; 1, 1.0 and true are three values."""
    if isinstance(before, dict) and isinstance(after, dict):
        for name in dict.fromkeys([*before, *after]):
            inner = f"{key}.{name}" if key else str(name)
            if name in before and name in after:
                yield from differing(before[name], after[name], inner)
            else:
                yield inner
    elif isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        for index, pair in enumerate(zip(before, after, strict=True)):
            yield from differing(*pair, f"{key}[{index}]")
    elif type(before) is not type(after) or (before != after and repr(before) != repr(after)):
        yield key  # NaN is not equal to itself


def plain(value: Any) -> Any:
    """Return params as JSON can hold them: a date, say, as a text; what differs still does."""
    if isinstance(value, dict):
        return {str(key): plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [plain(inner) for inner in value]
    if isinstance(value, set | frozenset):
        return sorted(map(repr, value))
    return value if isinstance(value, str | int | float | None) else repr(value)

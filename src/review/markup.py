"""Texts of others (files, branches, params) in a review, as plain text, markdown and HTML."""

import math
import re
from html import escape
from typing import Any

from dvcproject.quoting import printable

MOST = 2000  # characters of one text
_HARMLESS = re.compile(r"(?:[\w .,:;()/+=%—→-]|< )*")
_MARKS = re.compile(r"://|www\.|:\w+:|(?<!\w)_|_(?!\w)")  # links, emoji, emphasis


def as_text(value: Any, most: int = MOST) -> str:
    """Return a value in one line of at most `most` characters, without control characters."""
    line = " ".join(printable(_text(value)).split())
    return line if len(line) <= most else f"{line[: most - 1]}…"


def _text(value: Any) -> str:
    if isinstance(value, list):
        return f"[{', '.join(map(_text, value))}]"
    if isinstance(value, float) and not math.isfinite(value):
        return "not a number" if math.isnan(value) else "infinite"
    return str(value)


def plain(value: Any) -> str:
    """Return a text for markdown: in a code span, where nothing is obeyed, if not harmless."""
    line = as_text(value)
    if _HARMLESS.fullmatch(line) and not _MARKS.search(line):
        return line
    line = line.replace("`", "'")
    return f"`{line}`" if line else ""


def hypertext(value: Any) -> str:
    """Return a text for HTML, attributes included."""
    return escape(as_text(value))


def spans(text: str) -> str:
    """Return a sentence of ours, with texts of others by `plain`, as HTML."""
    return re.sub("`([^`]+)`", r"<code>\1</code>", escape(text))

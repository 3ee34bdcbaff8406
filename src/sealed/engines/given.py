"""Which path a variable of the caller's names, if any."""

import os
import re
from pathlib import Path
from urllib.parse import unquote

FILE_URL = re.compile(r"file:(?://(?:localhost)?)?(/(?!/).*)", re.DOTALL)


def path(value: str) -> Path | None:
    """Return the path that a text or a `file:` URL names, if it is absolute and there.

    A relative path is none: the text may mean anything else, and a stage has another home and
    another working directory.
    """
    url = FILE_URL.fullmatch(value)
    found = os.path.normpath(unquote(url[1]) if url else value)
    there = os.path.isabs(found) and os.path.exists(found)  # noqa: PTH110, PTH117  # Path's raises: too long
    return Path(found) if there else None

"""Which path a variable of the caller's names, if any."""

import os
import re
from pathlib import Path
from urllib.parse import unquote

FILE_URL = re.compile(r"file:(?://(?:localhost)?)?(/(?!/).*)", re.DOTALL)


def path(value: str) -> Path | None:
    """Return the absolute path that a text, `~` and `file:` URLs too, names, if something is there.

    Home and working directory are the caller's; a stage has others.
    """
    url = FILE_URL.fullmatch(value)
    found = os.path.abspath(unquote(url[1]) if url else os.path.expanduser(value))  # noqa: PTH100, PTH111
    return Path(found) if os.path.exists(found) else None  # noqa: PTH110  # Path's raises: too long

"""Names and versions of the packages in a lock: of pip, uv, Poetry or conda."""

import posixpath
import re
import tomllib
from typing import Any

from dvcproject import document
from dvcproject.revision import Revision
from review.errors import UserError
from review.markup import as_text

MOST = 10_000_000  # bytes
PINNED = re.compile(r"^([\w.-]+)(?:\[[^\]\n]*\])?==([^\s;]+)", re.MULTILINE)
LOOSE = re.compile(r"^([\w.-]+)(?:\[[^\]\n]*\])? *([=<>~!][^;#\n\\]*)", re.MULTILINE)


def read(revision: Revision, path: str) -> dict[str, str]:
    """Return name -> version of a lock; none where there is no such file. Raises UserError."""
    content = revision.read(path) or b""
    text = content[:MOST].decode(errors="replace")
    name = posixpath.basename(path)
    try:
        if name in {"uv.lock", "poetry.lock"}:
            return _locked(tomllib.loads(text))
        if name == "environment.yml":
            return _conda(document.parse(content))
    except (ValueError, TypeError, LookupError, RecursionError) as error:
        where = f"{revision.name}: {path}"
        raise UserError(
            f"{where}: expected packages, found {as_text(document.reason(error))}"
        ) from None
    loose = {} if name == "requirements.lock" else dict(LOOSE.findall(text))
    return {name: version.strip() for name, version in loose.items()} | dict(PINNED.findall(text))


def _locked(found: dict[str, Any]) -> dict[str, str]:
    return {str(entry["name"]): str(entry.get("version", "")) for entry in found["package"]}


def _conda(found: Any) -> dict[str, str]:
    packages: dict[str, str] = {}
    for entry in found["dependencies"]:
        names = entry.get("pip", []) if isinstance(entry, dict) else [entry]
        for text in map(str, names):
            name, sign, version = re.split(r"([=<>~! ]+|$)", text, maxsplit=1)
            packages[name] = version if "=" in sign else f"{sign}{version}".strip()
    return packages

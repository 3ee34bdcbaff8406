"""Small files that DVC keeps in its cache and git does not hold, where they are at hand."""

import configparser
import hashlib
import io
import json
from functools import cache
from pathlib import Path
from typing import BinaryIO

from review.revision import MOST, Revision

PLACES = ("files/md5", ".")  # of DVC 3, and of DVC 2


def with_cache(revision: Revision, root: Path, digests: dict[str, str]) -> Revision:
    """Return a revision that also has what the cache of `root` has of it.

    `digests`: path -> digest, as dvc.lock has it; of a file, or of a folder.
    """

    @cache
    def below(folder: str) -> dict[str, str]:
        content = _object(root, digests[folder])
        try:
            entries = json.loads(content or b"[]")
            return {f"{folder}/{entry['relpath']}": str(entry["md5"]) for entry in entries}
        except (ValueError, TypeError, LookupError, RecursionError):
            return {}

    def find(path: str) -> str | None:
        if path in digests:
            return digests[path]
        folders = (folder for folder in digests if path.startswith(f"{folder}/"))
        return next((below(folder)[path] for folder in folders if path in below(folder)), None)

    def read(path: str) -> BinaryIO | None:
        file = revision.open(path)
        digest = None if file else find(path)
        content = _object(root, digest) if digest else None
        return file if content is None else io.BytesIO(content)

    def files(folder: str) -> list[str]:
        inside = (path for out in digests if digests[out].endswith(".dir") for path in below(out))
        found = [path for path in inside if path.startswith(f"{folder}/")]
        return [*dict.fromkeys([*revision.files(folder), *found])]

    return revision._replace(open=read, files=files)


def _object(root: Path, digest: str) -> bytes | None:
    """Return what the cache has under a digest, if that is its own."""
    if not set(digest.removesuffix(".dir")) <= set("0123456789abcdef"):
        return None
    for place in PLACES:
        path = _folder(root) / place / digest[:2] / digest[2:]
        try:
            content = path.read_bytes() if path.stat().st_size <= MOST else b""
        except OSError:
            continue
        if hashlib.md5(content, usedforsecurity=False).hexdigest() == digest.removesuffix(".dir"):
            return content
    return None


def _folder(root: Path) -> Path:
    config = configparser.ConfigParser(interpolation=None, strict=False)
    try:
        config.read([root / ".dvc/config", root / ".dvc/config.local"], encoding="utf-8")
    except (configparser.Error, UnicodeDecodeError):
        return root / ".dvc/cache"
    return root / ".dvc" / config.get("cache", "dir", fallback="cache")

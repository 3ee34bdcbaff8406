"""DVC's cache: where it is, and what it has of a file or a folder, by digest."""

import hashlib
import io
import json
import subprocess
from functools import cache as once
from pathlib import Path
from typing import BinaryIO

from dvcproject import document
from dvcproject.content import Content, Read, agrees, content
from dvcproject.declared import resolution
from dvcproject.errors import ProjectError
from dvcproject.lock import MD5, Output
from dvcproject.paths import inside
from dvcproject.revision import MOST, Revision

PLACES = ("files/md5", ".")  # of DVC 3, and of DVC 2


def folder(root: Path) -> Path:
    """Ask DVC for its cache folder, which its settings may put anywhere; this takes no lock."""
    command = [resolution.python(), "-m", "dvc", "cache", "dir"]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode:
        raise ProjectError(f"`dvc cache dir` failed: {' '.join(done.stderr.split())}")
    return Path(done.stdout.strip())


def stored(content: Content, cache: Path) -> Path:
    """Return where `cache` keeps these bytes, if it has them."""
    return cache / PLACES[0] / content.md5[:2] / content.md5[2:]


def is_stored(expected: Content, cache: Path, read: Read = content) -> bool:
    """Tell whether `cache` keeps these bytes, unchanged; of a folder, its list of files."""
    plain = expected.md5.removesuffix(".dir")
    size = expected.size if plain == expected.md5 else None
    return agrees(stored(expected, cache), Content(plain, size), read)


def members(folder: Output, cache: Path) -> list[Output]:
    """Return the files of a folder, as its list in `cache` has them.

    Raises ProjectError, OSError.
    """
    path = stored(folder.content, cache)
    try:
        entries = [(entry["relpath"], entry["md5"]) for entry in json.loads(path.read_bytes())]
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise ProjectError(
            f"{path}: expected a list of files, found {document.reason(error):.80}"
        ) from None
    found = []
    for name, md5 in entries:
        if not isinstance(name, str) or not isinstance(md5, str) or not MD5.fullmatch(md5):
            raise ProjectError(f"{path}: expected a path and an MD5, found {(name, md5)!r:.80}")
        place = f"{folder.path}/{inside(str(path), folder.path, 'files', name)}"
        found.append(folder._replace(path=place, content=Content(md5, None)))
    return found


def with_cache(revision: Revision, root: Path, digests: dict[str, str]) -> Revision:
    """Return a revision that also has what the cache of the project in `root` has of it.

    `digests`: path -> digest, as dvc.lock has it; of a file, or of a folder.
    """
    where = once(lambda: folder(root))

    @once
    def below(path: str) -> dict[str, str]:
        content = _object(where(), digests[path])
        try:
            entries = json.loads(content or b"[]")
            return {f"{path}/{entry['relpath']}": str(entry["md5"]) for entry in entries}
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
        content = _object(where(), digest) if digest else None
        return file if content is None else io.BytesIO(content)

    def files(folder: str) -> list[str]:
        inside = (path for out in digests if digests[out].endswith(".dir") for path in below(out))
        found = [path for path in inside if path.startswith(f"{folder}/")]
        return [*dict.fromkeys([*revision.files(folder), *found])]

    return revision._replace(open=read, files=files)


def _object(cache: Path, digest: str) -> bytes | None:
    """Return what the cache has under a digest, if that is its own."""
    if not MD5.fullmatch(digest.removesuffix(".dir")):
        return None
    for place in PLACES:
        path = cache / place / digest[:2] / digest[2:]
        try:
            content = path.read_bytes() if path.stat().st_size <= MOST else b""
        except OSError:
            continue
        if hashlib.md5(content, usedforsecurity=False).hexdigest() == digest.removesuffix(".dir"):
            return content
    return None

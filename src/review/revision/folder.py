"""A folder of a revision as DVC hashes it: the MD5 of the list of its files and theirs."""

import hashlib
import json
import posixpath
from functools import cache
from typing import Any

from review.revision import Revision, added

UNKNOWN = "unknown"  # digest of a folder in which DVC keeps another that is not here


def digest(revision: Revision, folder: str, made: dict[str, str]) -> str | None:
    """Return the digest that DVC has of a folder, `.dir` at its end; None where there is no file.

    `made`: path -> digest of the outs of stages. Of what DVC keeps in the folder and is not here,
    the recorded digest counts. What a .dvcignore names is left out, as DVC leaves it out.
    """
    is_ignored = ignored(revision)
    found = {path: revision.md5(path) for path in revision.files(folder) if not is_ignored(path)}
    if not found:
        return None
    kept = {path: md5 for path, md5 in made.items() if path.startswith(f"{folder}/")}
    names = (path.removesuffix(".dvc") for path in found if path.endswith(".dvc"))
    kept |= {path: added.digest(revision, path) or "" for path in names}
    for path, md5 in kept.items():
        if md5.endswith(".dir") and not any(other.startswith(f"{path}/") for other in found):
            return UNKNOWN
        if not md5.endswith(".dir"):
            found.setdefault(path, md5)
    files = sorted(
        (tuple(posixpath.relpath(path, folder).split("/")), found[path]) for path in found
    )
    entries = [{"md5": md5, "relpath": "/".join(parts)} for parts, md5 in files if md5]
    text = json.dumps(entries, sort_keys=True)
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest() + ".dir"


def ignored(revision: Revision) -> Any:
    """Return a function that tells whether a .dvcignore above a path names it."""

    @cache
    def patterns(folder: str) -> Any:
        content = revision.read(posixpath.join(folder, ".dvcignore"))
        if content is None:
            return None
        from pathspec import GitIgnoreSpec  # noqa: PLC0415  # few projects have such a file

        return GitIgnoreSpec.from_lines(content.decode(errors="replace").splitlines())

    def is_ignored(path: str) -> bool:
        parts = path.split("/")
        for depth in range(len(parts)):
            found = patterns("/".join(parts[:depth]))
            if found is not None and found.match_file("/".join(parts[depth:])):
                return True
        return False

    return is_ignored

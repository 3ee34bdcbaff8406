"""A folder of a revision as DVC hashes it: the MD5 of the list of its files and theirs."""

import hashlib
import json
import posixpath
from functools import cache
from typing import Any

from review.revision import Revision


def digest(revision: Revision, folder: str) -> str | None:
    """Return the digest that DVC has of a folder, `.dir` at its end; None where there is no file.

    What a .dvcignore names is left out, as DVC leaves it out.
    """
    is_ignored = ignored(revision)
    paths = [path for path in revision.files(folder) if not is_ignored(path)]
    if not paths:
        return None
    files = sorted(
        (tuple(posixpath.relpath(path, folder).split("/")), revision.md5(path)) for path in paths
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

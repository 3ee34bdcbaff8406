"""What git holds of a revision, file by file; the workspace is one more revision."""

import hashlib
import io
import os
import posixpath
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import BinaryIO, NamedTuple

from dvcproject.declared import resolution
from dvcproject.errors import ProjectError
from dvcproject.git import ask, listed
from dvcproject.stages import File, file_of

MOST = 256_000_000  # bytes of a file that is read as a whole
PIECE = 1 << 20


class Revision(NamedTuple):
    """A state of the project: its name, and `open`: path -> its content, None where there is none.

    `conflicts` are the files of which a merge has left two versions, `files` those below a folder.
    """

    name: str
    open: Callable[[str], BinaryIO | None]
    conflicts: tuple[str, ...] = ()
    files: Callable[[str], list[str]] = lambda _: []
    declared: Callable[[], tuple[File, ...]] = tuple  # its dvc.yaml files, as DVC resolves them

    def has(self, path: str) -> bool:
        """Tell whether the revision has a file at `path`."""
        file = self.open(path)
        if file is not None:
            file.close()
        return file is not None

    def read(self, path: str) -> bytes | None:
        """Return the content of `path`, None if there is none. Raises ProjectError if too large."""
        file = self.open(path)
        if file is None:
            return None
        with file:
            content = file.read(MOST + 1)
        if len(content) > MOST:
            raise ProjectError(f"{self.name}: {path}: expected at most {MOST:,} bytes, found more")
        return content

    def require(self, path: str) -> bytes:
        """Return the content of `path`. Raises ProjectError where the revision has no such file."""
        content = self.read(path)
        if content is None:
            raise ProjectError(f"{self.name}: {path}: no such file; run `dvc repro` and commit it")
        return content

    def md5(self, path: str) -> str | None:
        """Return the MD5 of `path`, of any size; None where there is no such file."""
        file = self.open(path)
        if file is None:
            return None
        with file:
            digest = hashlib.md5(usedforsecurity=False)
            while piece := file.read(PIECE):
                digest.update(piece)
        return digest.hexdigest()


def workspace(root: Path) -> Revision:
    """Return the files as they lie in `root`, committed or not."""

    def read(path: str) -> BinaryIO | None:
        try:
            return (root / path).open("rb") if (root / path).is_file() else None
        except ValueError:  # a NUL in it, say: the name of no file
            return None
        except OSError as error:
            raise ProjectError(f"workspace: {path}: {error.strerror}") from None

    return Revision(
        "workspace",
        read,
        _conflicts(root),
        lambda folder: _walk(root, folder),
        _declared(root, "", "workspace"),
    )


def _declared(root: Path, commit: str, name: str) -> Callable[[], tuple[File, ...]]:
    """Return a function that asks DVC once for the dvc.yaml files, the project's own first."""

    @cache
    def declared() -> tuple[File, ...]:
        files = [file_of(found) for found in resolution.files(root, commit, name)]
        return tuple(sorted(files, key=lambda file: (file.path.count("/"), file.path)))

    return declared


def _walk(root: Path, folder: str) -> list[str]:
    found = []
    for where, folders, names in os.walk(root / folder):
        folders[:] = [name for name in folders if name not in {".git", ".dvc", ".hg"}]
        found += [(Path(where) / name).relative_to(root).as_posix() for name in names]
    return found


def _conflicts(root: Path) -> tuple[str, ...]:
    """Return the unmerged files of git's index; none where there is no git."""
    entries = listed(root, "ls-files", "--unmerged", "-z")
    return tuple(dict.fromkeys(entry.partition("\t")[2] for entry in entries))


def committed(root: Path, commit: str, name: str) -> Revision:
    """Return the files of a commit, called `name`. Raises ProjectError if git lacks one."""
    names = _objects(root, name, commit)

    @cache
    def content(path: str) -> bytes | None:
        found = posixpath.normpath(path)
        outside = _outside(root, commit, name, found) if found.startswith("../") else None
        object_name = outside or names.get(found)
        if object_name is None:
            return None
        where = f"{name}: {path}: git does not have its content"
        return ask(root, where, "cat-file", "blob", object_name)

    def read(path: str) -> BinaryIO | None:
        found = content(path)
        return None if found is None else io.BytesIO(found)

    def below(folder: str) -> list[str]:
        return [path for path in names if path.startswith(f"{folder}/")]

    return Revision(name, read, (), below, _declared(root, commit, name))


def _objects(root: Path, name: str, *arguments: str) -> dict[str, str]:
    """Return path -> name of git's object of the files of a commit, those below `root` alone."""
    where = f"{name}: git cannot list its files"
    listing = ask(root, where, "ls-tree", "-r", "-z", *arguments)
    entries = (line.split("\t", 1) for line in listing.decode(errors="replace").split("\0") if line)
    found = ((path, *fields.split()) for fields, path in entries)
    return {path: object_name for path, _, kind, object_name in found if kind == "blob"}


def _outside(root: Path, commit: str, name: str, path: str) -> str | None:
    """Return the name of git's object of a file outside `root`; None where there is none."""
    prefix = ask(root, f"{name}: {path}", "rev-parse", "--show-prefix").decode().rstrip("\n")
    whole = posixpath.normpath(posixpath.join(prefix, path))
    if whole.startswith("../"):  # outside the repository too
        return None
    return _objects(root, name, "--full-tree", commit, "--", whole).get(whole)

"""What git holds of a revision, file by file; the workspace is one more revision."""

import hashlib
import io
import subprocess
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import BinaryIO, NamedTuple

from review.errors import UserError

MOST = 32_000_000  # bytes of a file that is read as a whole
PIECE = 1 << 20


class Revision(NamedTuple):
    """A state of the project: its name, and `open`: path -> its content, None where there is none.

    `conflicts` are the files of which a merge has left two versions.
    """

    name: str
    open: Callable[[str], BinaryIO | None]
    conflicts: tuple[str, ...] = ()

    def read(self, path: str) -> bytes | None:
        """Return the content of `path`, None where there is none. Raises UserError if too large."""
        file = self.open(path)
        if file is None:
            return None
        with file:
            content = file.read(MOST + 1)
        if len(content) > MOST:
            raise UserError(f"{self.name}: {path}: expected at most {MOST:,} bytes, found more")
        return content

    def require(self, path: str) -> bytes:
        """Return the content of `path`. Raises UserError where the revision has no such file."""
        content = self.read(path)
        if content is None:
            raise UserError(f"{self.name}: {path}: no such file; run `dvc repro` and commit it")
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
            raise UserError(f"workspace: {path}: {error.strerror}") from None

    return Revision("workspace", read, _conflicts(root))


def _conflicts(root: Path) -> tuple[str, ...]:
    """Return the unmerged files of git's index; none where there is no git."""
    try:
        found = git(root, "ls-files", "--unmerged", "-z")
    except UserError:
        return ()
    entries = found.stdout.decode(errors="replace").split("\0")
    return tuple(dict.fromkeys(entry.partition("\t")[2] for entry in entries if entry))


def resolve(root: Path, name: str) -> str:
    """Return the commit that a name stands for. Raises UserError where git knows none."""
    found = git(root, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}")
    if not found.returncode:
        return found.stdout.decode().strip()
    inside = git(root, "rev-parse", "--git-dir")
    if inside.returncode:
        raise UserError(f"base: a review compares with what git holds: {reason(inside)}")
    advice = f"; {WHOLE}" if is_shallow(root) else ""
    raise UserError(f"base: expected a git revision, found {name!r} (none that git knows){advice}")


WHOLE = (
    "this clone is shallow: bring the history (`git fetch --unshallow origin "
    "'+refs/heads/*:refs/remotes/origin/*'`; in CI, a fetch depth of 0)"
)


def is_shallow(root: Path) -> bool:
    """Tell whether the history was cut off where it was cloned."""
    return git(root, "rev-parse", "--is-shallow-repository").stdout.strip() == b"true"


def committed(root: Path, commit: str, name: str) -> Revision:
    """Return the files of a commit, called `name`."""

    @cache
    def content(path: str) -> bytes | None:
        if "\0" in path:
            return None
        shown = git(root, "cat-file", "blob", f"{commit}:./{path}")
        return None if shown.returncode else shown.stdout

    def read(path: str) -> BinaryIO | None:
        found = content(path)
        return None if found is None else io.BytesIO(found)

    return Revision(name, read)


def git(root: Path, *arguments: str) -> subprocess.CompletedProcess[bytes]:
    """Run git. Raises UserError where it cannot be run at all."""
    command = ["git", "-C", str(root), *arguments]
    try:
        return subprocess.run(command, capture_output=True, check=False)  # noqa: S603
    except FileNotFoundError:
        raise UserError("git: not found; a review needs it") from None
    except (OSError, ValueError) as error:
        raise UserError(f"git {arguments[0]}: {error}") from None


def reason(failed: subprocess.CompletedProcess[bytes]) -> str:
    """Return what git said, in a line."""
    said = failed.stderr.decode(errors="replace")
    return " ".join(said.split()).removeprefix("fatal: ") or f"git ended with {failed.returncode}"

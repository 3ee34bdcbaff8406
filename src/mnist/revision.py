"""What git holds of a revision, file by file; the workspace is one more revision."""

import subprocess
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import NamedTuple

from mnist.errors import UserError


class Revision(NamedTuple):
    """A state of the project: its name, and `read`: path -> content, None where there is none."""

    name: str
    read: Callable[[str], bytes | None]

    def require(self, path: str) -> bytes:
        """Return the content of `path`. Raises UserError where the revision has no such file."""
        content = self.read(path)
        if content is None:
            raise UserError(f"{self.name}: {path}: no such file; run `dvc repro` and commit it")
        return content


def workspace(root: Path) -> Revision:
    """Return the files as they lie in `root`, committed or not."""

    def read(path: str) -> bytes | None:
        return (root / path).read_bytes() if (root / path).is_file() else None

    return Revision("workspace", read)


def committed(root: Path, name: str) -> Revision:
    """Return the files of a commit, branch or tag. Raises UserError where git knows none."""
    found = _git(root, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}")
    if found.returncode:
        reason = " ".join(found.stderr.decode().split()) or "none that git knows"
        raise UserError(
            f"base: expected a git revision, found {name!r} ({reason}); "
            "a shallow clone lacks it: `git fetch --unshallow`"
        )
    commit = found.stdout.decode().strip()

    @cache
    def read(path: str) -> bytes | None:
        shown = _git(root, "cat-file", "blob", f"{commit}:./{path}")
        return None if shown.returncode else shown.stdout

    return Revision(f"{name} ({commit[:7]})", read)


def _git(root: Path, *arguments: str) -> subprocess.CompletedProcess[bytes]:
    command = ["git", "-C", str(root), *arguments]
    return subprocess.run(command, capture_output=True, check=False)  # noqa: S603

"""What git says of a repository: names of commits, files, and why it says nothing."""

import subprocess
from pathlib import Path

from dvcproject.errors import ProjectError

WHOLE = (
    "this clone is shallow: bring the history (`git fetch --unshallow origin "
    "'+refs/heads/*:refs/remotes/origin/*'`; in CI, a fetch depth of 0)"
)


def resolve(root: Path, name: str) -> str:
    """Return the commit that a name stands for. Raises ProjectError where git knows none."""
    found = git(root, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}")
    if not found.returncode:
        return found.stdout.decode().strip()
    inside = git(root, "rev-parse", "--git-dir")
    if inside.returncode:
        raise ProjectError(f"base: a review compares with what git holds: {reason(inside)}")
    advice = f"; {WHOLE}" if is_shallow(root) else ""
    raise ProjectError(
        f"base: expected a git revision, found {name!r} (none that git knows){advice}"
    )


def is_shallow(root: Path) -> bool:
    """Tell whether the history was cut off where it was cloned."""
    return git(root, "rev-parse", "--is-shallow-repository").stdout.strip() == b"true"


def listed(root: Path, *arguments: str) -> list[str]:
    """Return the paths that a git command lists, NUL after each; none where it fails."""
    try:
        found = git(root, *arguments)
    except ProjectError:
        return []
    return [path for path in found.stdout.decode(errors="replace").split("\0") if path]


def git(root: Path, *arguments: str) -> subprocess.CompletedProcess[bytes]:
    """Run git. Raises ProjectError where it cannot be run at all."""
    command = ["git", "-C", str(root), *arguments]
    try:
        return subprocess.run(command, capture_output=True, check=False)  # noqa: S603
    except FileNotFoundError:
        raise ProjectError("git: not found; a review needs it") from None
    except (OSError, ValueError) as error:
        raise ProjectError(f"git {arguments[0]}: {error}") from None


def reason(failed: subprocess.CompletedProcess[bytes]) -> str:
    """Return what git said, in a line."""
    said = failed.stderr.decode(errors="replace")
    return " ".join(said.split()).removeprefix("fatal: ") or f"git ended with {failed.returncode}"

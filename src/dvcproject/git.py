"""What git says of a repository: names of commits, files, and why it says nothing."""

import os
import shlex
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
        raise ProjectError(
            f"base: a review compares with what git holds: {reason(inside)}; "
            "get the project with `git clone` and review it there"
        )
    advice = WHOLE if is_shallow(root) else _instead(root, name)
    raise ProjectError(
        f"base: expected a git revision, found {name!r} (none that git knows); {advice}"
    )


def _instead(root: Path, name: str) -> str:
    """Say what may be meant by a name that git does not know."""
    pattern = f"refs/remotes/*/{name}"
    found = git(root, "for-each-ref", "--format=%(refname:short)", pattern).stdout.decode().split()
    if found:
        return f"the remote has {found[0]!r}: give that as the base (with make, BASE={found[0]})"
    return (
        "`git branch --all` lists the branches that are here, `git fetch --all` brings the others"
    )


def is_shallow(root: Path) -> bool:
    """Tell whether the history was cut off where it was cloned."""
    return git(root, "rev-parse", "--is-shallow-repository").stdout.strip() == b"true"


def listed(root: Path, *arguments: str) -> list[str]:
    """Return the paths that a git command lists, NUL after each; none outside a work tree.

    Raises ProjectError where git fails in a work tree.
    """
    try:
        found = git(root, *arguments)
    except ProjectError:
        return []
    inside = git(root, "rev-parse", "--is-inside-work-tree") if found.returncode else None
    if inside and inside.stdout.strip() == b"true":
        raise ProjectError(
            f"workspace: git cannot list its files ({reason(found)}); repair the repository until "
            "`git status` works"
        )
    return [path for path in found.stdout.decode(errors="replace").split("\0") if path]


def ask(root: Path, where: str, *arguments: str) -> bytes:
    """Return what git prints about a commit. Raises ProjectError, with what helps, where git fails.

    It fails where the repository lacks an object: in a partial clone whose remote is unreachable,
    say. That is never the same as a file that the commit does not have.
    """
    found = git(root, *arguments)
    if found.returncode:
        raise ProjectError(f"{where} ({reason(found)}); {remedy(root)}")
    return found.stdout


def content(root: Path, where: str, object_name: str) -> bytes:
    """Return the content of a file, by the name of its object. Raises ProjectError as `ask`."""
    return ask(root, f"{where}: git does not have its content", "cat-file", "blob", object_name)


def is_whole(root: Path) -> bool:
    """Tell whether a repository has all commits, folders and files of HEAD's history."""
    objects = git(root, "rev-list", "--objects", "--missing=print", "HEAD").stdout
    return not is_shallow(root) and b"\n?" not in objects


def remedy(root: Path) -> str:
    """Say which command brings the objects that a repository lacks."""
    names = git(root, "config", "--name-only", "--get-regexp", r"^remote\..*\.promisor$")
    if found := names.stdout.decode(errors="replace").split("\n")[0]:
        remote = shlex.quote(found.removeprefix("remote.").removesuffix(".promisor"))
        return (
            f"this is a partial clone: once its remote can be reached, run "
            f"`git fetch --refetch --no-filter {remote}`, which brings all that is missing"
        )
    if is_shallow(root):
        return WHOLE
    return (
        "the repository is damaged: `git fsck` lists what is missing, "
        "`git fetch --refetch` brings what its remote has"
    )


def git(root: Path, *arguments: str) -> subprocess.CompletedProcess[bytes]:
    """Run git. Raises ProjectError where it cannot be run at all."""
    command = ["git", "-C", str(root), *arguments]
    try:
        return subprocess.run(command, capture_output=True, check=False)  # noqa: S603
    except FileNotFoundError:
        raise ProjectError("git: not found; a review needs it") from None
    except (OSError, ValueError) as error:
        raise ProjectError(f"git {arguments[0]}: {error}") from None


def environment_elsewhere() -> dict[str, str]:
    """Return the environment for a program that works in another repository than the caller's.

    In its hooks git sets GIT_DIR, GIT_INDEX_FILE and others, which every git below would follow.
    """
    names = git(Path.cwd(), "rev-parse", "--local-env-vars").stdout.decode().split()
    return {name: value for name, value in os.environ.items() if name not in names}


def reason(failed: subprocess.CompletedProcess[bytes]) -> str:
    """Return what git said, in a line."""
    said = failed.stderr.decode(errors="replace")
    return " ".join(said.split()).removeprefix("fatal: ") or f"git ended with {failed.returncode}"

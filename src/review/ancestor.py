"""What a change is compared with: where its branch left the base, or the tip if asked for."""

from pathlib import Path

from dvcproject.git import WHOLE, ask, git, is_shallow, reason, resolve
from dvcproject.revision import Revision, committed
from review.errors import UserError

HISTORY = "base: git cannot list the commits since the branch left it"


def base(root: Path, name: str, *, tip: bool) -> tuple[Revision, str]:
    """Return the revision to compare HEAD with, and what to say of it where that is not plain.

    Raises UserError where there is no one commit at which the branch left `name`.
    """
    commit = resolve(root, name)
    plain = committed(root, commit, f"{name} ({commit[:7]})")
    held = git(root, "merge-base", "--is-ancestor", commit, "HEAD")
    if held.returncode == 0:
        return plain, ""  # all that the base has, HEAD has too
    if held.returncode > 1:
        raise UserError(f"base: no merge base of HEAD and {name!r}: {reason(held)}")
    if tip:
        return plain, f"Compared with the tip of {name}, {commit[:7]}, which HEAD does not hold."
    found = _merge_base(root, name, commit)
    ahead = ask(root, HISTORY, "rev-list", "--count", f"{found}..{commit}").decode().strip()
    note = (
        f"Compared with {found[:7]}, where this branch left {name}. The tip of {name}, "
        f"{commit[:7]}, is {ahead} commit{'' if ahead == '1' else 's'} further: "
        "`--tip` compares with that."
    )
    return committed(root, found, f"merge base with {name} ({found[:7]})"), note


def _merge_base(root: Path, name: str, commit: str) -> str:
    done = git(root, "merge-base", "--all", "HEAD", commit)
    if done.returncode > 1:
        raise UserError(f"base: no merge base of HEAD and {name!r}: {reason(done)}")
    found = done.stdout.decode().split()
    if _is_cut_off(root, commit):
        raise UserError(f"base: where HEAD left {name!r} cannot be seen: {WHOLE}, or give --tip")
    if not found:
        raise UserError(
            f"base: HEAD and {name!r} ({commit[:7]}) have no common ancestor; --tip compares with "
            "that commit"
        )
    if len(found) > 1:
        names = ", ".join(sha[:7] for sha in sorted(found))
        raise UserError(
            f"base: HEAD and {name!r} have {len(found)} merge bases ({names}), from merges that "
            f"crossed; merge {name!r} into the branch, name one of them, or give --tip"
        )
    return found[0]


def _is_cut_off(root: Path, commit: str) -> bool:
    """Tell whether a shallow clone hides parents of what only one of the two sides has."""
    if not is_shallow(root):
        return False
    path = git(root, "rev-parse", "--git-path", "shallow").stdout.decode().strip()
    ends = set((root / path).read_text(encoding="utf-8").split())
    between = ask(root, HISTORY, "rev-list", f"HEAD...{commit}").decode().split()
    return not ends.isdisjoint(between)

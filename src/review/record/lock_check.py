"""Compares what dvc.lock records of code, params and metrics with the files that git holds.

Needs neither data nor a cache. On a fresh checkout `dvc status` reports everything as deleted, and
`dvc repro --dry --allow-missing` reports no failure.
"""

import hashlib
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Any

from dvcproject import document, folder
from dvcproject.revision import Revision
from review.errors import UserError
from review.markup import as_text
from review.record import claims, documents, pipeline
from review.record.documents import CONFLICT, flatten
from review.record.pipeline import Declared, Recorded
from review.record.recipe import value

MOST = 20  # differences that a message lists


def differences(revision: Revision) -> list[str]:
    """List where dvc.lock is not that of the revision's dvc.yaml, code, params and metrics.

    Deps are files, or folders; those that git does not hold, outs of another stage, are compared
    with what that stage recorded. Raises UserError where dvc.yaml or dvc.lock is missing or not
    readable.
    """
    declared, recorded = pipeline.declared(revision), pipeline.recorded(revision)
    kept = {path for stage in declared.values() for path, cached in stage.outs.items() if cached}
    made = {path: digest for stage in recorded.values() for path, digest in stage.outs.items()}
    found = []
    for name, stage in declared.items():
        if name not in recorded:
            found.append(f"{name}: not in dvc.lock")
            continue
        if not _is_same_command(stage.command, recorded[name].command):
            found.append(f"{name}: the command changed")
        found += [f"{name}: {line}" for line in _params(stage, recorded[name], revision)]
        found += [f"{name}: {line}" for line in _files(stage, recorded[name], revision, kept, made)]
    return found + claims.contradictions(revision)


def _is_same_command(now: list[str], then: list[str]) -> bool:
    """Tell whether DVC records the command `now` as `then`."""
    if not _differ_in_blanks(now, then):
        return now == then
    keys = ("stages", "stage", "cmd")
    text = document.as_dvc_writes("\n".join(now), *keys)
    return then in (text.splitlines(), document.as_dvc_writes(now, *keys))


def _differ_in_blanks(now: Any, then: Any) -> bool:
    return bool(now != then and str(now).split() == str(then).split())


def _params(stage: Declared, locked: Recorded, revision: Revision) -> Iterator[str]:
    for path in sorted(stage.params.keys() | locked.params.keys()):
        then, keys = locked.params.get(path, {}), stage.params.get(path)
        if keys is not None and revision.read(path) is None:
            yield f"{path}: missing"
            continue
        now = {} if keys is None else documents.params(revision, path)
        names = {*(keys or now), *then}
        was = flatten({name: then.get(name) for name in names})
        values = {name: value(now, str(name)) for name in names}
        is_ = flatten(values)
        if any(_differ_in_blanks(is_[key], was.get(key)) for key in is_):
            is_ = flatten(document.as_dvc_writes(values, "stages", "stage", "params", path))
        for key in sorted(was.keys() | is_.keys()):
            if was.get(key) != is_.get(key):
                before, after = (as_text(side.get(key)) for side in (was, is_))
                yield f"{key}: {before} in dvc.lock, {after} in {path}"


def _files(
    stage: Declared, locked: Recorded, revision: Revision, kept: set[str], made: dict[str, str]
) -> Iterator[str]:
    digests = locked.deps | locked.outs
    listed = {*stage.deps, *stage.outs}
    for path in sorted(listed ^ digests.keys()):
        yield f"{path}: declared in dvc.yaml or recorded in dvc.lock, not both"
    read = {*stage.metrics, *stage.plots}  # small, and what a review reads, wherever it lies
    for path in sorted(listed & digests.keys()):
        if path in made and made[path] != digests[path]:
            yield f"{path}: not the one that the stage before it made"
            continue
        elsewhere = _is_elsewhere(path, kept)
        if elsewhere and path not in read:
            continue
        is_folder = digests[path].endswith(".dir")
        now = _digest(revision, path, made, is_folder=is_folder)
        if now is None and not elsewhere and not _is_inside(revision, path):
            yield f"{path}: missing"
        elif now not in {None, folder.UNKNOWN, digests[path]}:
            is_text = not is_folder and digests[path] in _endings(revision.read(path) or b"")
            yield f"{path}: changed{', in its line endings alone' if is_text else ''}"


def _digest(revision: Revision, path: str, made: dict[str, str], *, is_folder: bool) -> str | None:
    """Return the digest of what lies at a path, or of what a `.dvc` file says of it."""
    if not is_folder:
        return revision.md5(path) or folder.tracked_digest(revision, path)
    return folder.tracked_digest(revision, path) or folder.digest_at(revision, path, made)


def _endings(content: bytes) -> set[str]:
    """Return the digests of a text with either kind of line endings: Windows has its own."""
    unix = content.replace(b"\r\n", b"\n")
    forms = (unix, unix.replace(b"\n", b"\r\n"))
    return {hashlib.md5(form, usedforsecurity=False).hexdigest() for form in forms}


def _is_inside(revision: Revision, path: str) -> bool:
    """Tell whether a path is inside a folder of `dvc add`, which says nothing of its files."""
    parents = (str(parent) for parent in PurePosixPath(path).parents)
    return any(revision.has(f"{parent}.dvc") for parent in parents if parent != ".")


def _is_elsewhere(path: str, kept: set[str]) -> bool:
    """Tell whether DVC alone holds a path: an address, an out that it keeps, or a part of one."""
    parents = {str(parent) for parent in PurePosixPath(path).parents}
    return "://" in path or path.startswith("/") or path in kept or not parents.isdisjoint(kept)


def require(revision: Revision) -> None:
    """Raise UserError, naming all that differs, where the revision's dvc.lock is not true."""
    if revision.conflicts:
        raise UserError(f"{revision.name}: {_list(list(revision.conflicts))}: {CONFLICT}")
    if found := differences(revision):
        frozen = [name for name, stage in pipeline.declared(revision).items() if stage.frozen]
        advice = f" (`dvc unfreeze {' '.join(frozen)}` first: frozen)" if frozen else ""
        raise UserError(
            f"{revision.name}: dvc.lock is not that of these files ({_list(found, '; ')}); "
            f"run `dvc repro`{advice} and commit all that it changed, which `git status` lists"
        )


def _list(found: list[str], sign: str = ", ") -> str:
    more = [f"and {len(found) - MOST} more"] if len(found) > MOST else []
    return sign.join([*found[:MOST], *more])

"""Compares every output with what dvc.lock and the .dvc files record.

It reads every byte, in the workspace and in the cache: DVC trusts a read-only object of its cache
(treeverse/dvc#5978). Files that a .dvc file tracks may be missing; those that exist are compared.
"""

import os
from collections.abc import Iterator
from pathlib import Path

from dvcproject import content
from dvcproject import folder as folders
from dvcproject.cache import is_stored, members, stored
from dvcproject.content import Content, Read
from dvcproject.lock import LOCK, Output

NOTHING = "nothing"


def mistakes(
    expected: list[Output], root: Path, cache: Path, *, allow_missing: bool = False
) -> Iterator[str]:
    """Yield one line per difference; `cache` is DVC's cache folder."""
    read = content.once()  # what is linked to the cache, or in it for two outputs, is large
    for output in expected:
        optional = allow_missing or output.tracked
        if optional and not os.path.lexists(root / output.path):
            yield from _check_objects(output, cache, read)
        elif output.is_folder:
            yield from _check_folder(output, root, cache, read)
        else:
            yield from _check_file(output, root, cache, read)


def _check_objects(output: Output, cache: Path, read: Read) -> Iterator[str]:
    """Look at what the cache has of something that is not in the workspace: whatever it has."""
    object_ = stored(output.content, cache)
    good = is_stored(output.content, cache, read)
    if os.path.lexists(object_) and not good:
        yield _object_mistake(output, object_, restorable=False)
    for member in members(output, cache) if good and output.is_folder else ():
        yield from _check_objects(member, cache, read)


def _check_folder(output: Output, root: Path, cache: Path, read: Read) -> Iterator[str]:
    """Compare a folder member by member, as its object in the cache lists them."""
    folder = root / output.path
    here = folders.listing(folder, root, read) if folder.is_dir() else []
    right = folder.is_dir() and folders.digest(here) == output.content.md5
    good = is_stored(output.content, cache, read)
    if not good and output.cached:
        yield _object_mistake(output, stored(output.content, cache), restorable=right)
    if not folder.is_dir() or not (good or right):
        found = f"MD5 {folders.digest(here)}" if folder.is_dir() else _describe(folder)
        yield _workspace_mistake(output, found, restorable=good and output.cached)
        return
    expected = members(output, cache) if good else [_member(output, entry) for entry in here]
    for member in expected:
        yield from _check_file(member, root, cache, read)
    known = {member.path for member in expected}
    for path in sorted(str(path.relative_to(root)) for path in folders.members(folder, root)):
        if path not in known:
            yield _stray(output, path)


def _member(folder: Output, entry: dict[str, str]) -> Output:
    path = f"{folder.path}/{entry['relpath']}"
    return folder._replace(path=path, content=Content(entry["md5"], None))


def _check_file(output: Output, root: Path, cache: Path, read: Read) -> Iterator[str]:
    object_ = stored(output.content, cache)
    right = content.agrees(root / output.path, output.content, read)
    good = is_stored(output.content, cache, read)
    if not good and (output.cached or object_.exists()):  # the run cache may keep the others too
        yield _object_mistake(output, object_, restorable=right)
    if not right:
        found = _describe(root / output.path)
        yield _workspace_mistake(output, found, restorable=good and output.cached)


def _object_mistake(output: Output, path: Path, *, restorable: bool) -> str:
    fix = f"`dvc commit --force {output.stage}`"
    if not restorable and output.tracked:
        fix = f"`dvc fetch {output.stage}` where the remote has it whole: no stage makes it again"
    elif not restorable:
        fix = f"`dvc fetch {output.stage}`, or without a remote `dvc repro {output.stage}`"
    advice = f"delete it and run {fix}" if path.exists() else f"run {fix}"
    return (
        f"{path}: the cache's copy of {output.path}: expected {output.content}, "
        f"found {_describe(path)}; {advice}"
    )


def _workspace_mistake(output: Output, found: str, *, restorable: bool) -> str:
    fix = f"dvc checkout {output.path}" if restorable else f"dvc repro --force {output.stage}"
    advice = f"run `{fix}`" if found == NOTHING else f"delete it and run `{fix}`"
    if output.tracked:
        advice = f"run `dvc {'checkout' if restorable else 'pull'} --force {output.path}`"
        advice += "" if found == NOTHING else f"; {_meant(output)}"
    return f"{output.path}: expected {output.content}, found {found}; {advice}"


def _stray(folder: Output, path: str) -> str:
    if folder.tracked:
        return f"{path}: {folder.stage} knows no such file; delete it; {_meant(folder)}"
    return f"{path}: {LOCK} knows no such file; delete it"


def _meant(output: Output) -> str:
    """Say how to keep a change: somebody's own data is there to be changed."""
    return f"if it is meant to be so, `dvc commit --force {output.stage}`"


def _describe(path: Path) -> str:
    if path.is_dir():
        return "a folder"
    if path.is_file():
        return str(content.content(path))
    return "a broken link or a device" if os.path.lexists(path) else NOTHING

"""Is every output what dvc.lock says? `python -m sealed.verify`, in the folder that holds dvc.lock.

Every byte is read again, in the workspace and in the cache: DVC itself takes an object of its
cache that is read-only to be good (treeverse/dvc#5978). Exit status: 0; 1 where something differs;
2 where dvc.lock cannot be read.
"""

import os
import sys
from collections.abc import Iterator
from pathlib import Path

from sealed import content
from sealed.content import Content
from sealed.errors import StageError
from sealed.lock import LOCK, Output, cache_folder, is_stored, members, outputs, stored

NOTHING = "nothing"


def mistakes(expected: list[Output], root: Path, cache: Path) -> Iterator[str]:
    """Yield a line for whatever is not as expected; `cache` is DVC's cache folder."""
    for output in expected:
        if output.is_folder:
            yield from _check_folder(output, root, cache)
        else:
            yield from _check_file(output, root, cache)


def _check_folder(output: Output, root: Path, cache: Path) -> Iterator[str]:
    """Compare a folder member by member, as its object in the cache lists them."""
    folder = root / output.path
    here = content.listing(folder, root) if folder.is_dir() else []
    right = folder.is_dir() and content.digest(here) == output.content.md5
    good = is_stored(output.content, cache)
    if not good and output.cached:
        yield _object_mistake(output, stored(output.content, cache), restorable=right)
    if not folder.is_dir() or not (good or right):
        found = f"MD5 {content.digest(here)}" if folder.is_dir() else _describe(folder)
        yield _workspace_mistake(output, found, restorable=good and output.cached)
        return
    expected = members(output, cache) if good else [_member(output, entry) for entry in here]
    for member in expected:
        yield from _check_file(member, root, cache)
    known = {member.path for member in expected}
    for path in sorted(str(path.relative_to(root)) for path in content.members(folder, root)):
        if path not in known:
            yield f"{path}: {LOCK} knows no such file; delete it"


def _member(folder: Output, entry: dict[str, str]) -> Output:
    path = f"{folder.path}/{entry['relpath']}"
    return folder._replace(path=path, content=Content(entry["md5"], None))


def _check_file(output: Output, root: Path, cache: Path) -> Iterator[str]:
    object_ = stored(output.content, cache)
    right = content.agrees(root / output.path, output.content)
    good = is_stored(output.content, cache)
    if not good and (output.cached or object_.exists()):  # the run cache may keep the others too
        yield _object_mistake(output, object_, restorable=right)
    if not right:
        found = _describe(root / output.path)
        yield _workspace_mistake(output, found, restorable=good and output.cached)


def _object_mistake(output: Output, path: Path, *, restorable: bool) -> str:
    fix = f"`dvc commit --force {output.stage}`"
    if not restorable:
        fix = f"`dvc fetch {output.stage}`, or without a remote `dvc repro {output.stage}`"
    advice = f"delete it and run {fix}" if path.exists() else f"run {fix}"
    return (
        f"{path}: the cache's copy of {output.path}: expected {output.content}, "
        f"found {_describe(path)}; {advice}"
    )


def _workspace_mistake(output: Output, found: str, *, restorable: bool) -> str:
    fix = f"dvc checkout {output.path}" if restorable else f"dvc repro --force {output.stage}"
    advice = f"run `{fix}`" if found == NOTHING else f"delete it and run `{fix}`"
    return f"{output.path}: expected {output.content}, found {found}; {advice}"


def _describe(path: Path) -> str:
    if path.is_dir():
        return "a folder"
    if path.is_file():
        return str(content.content(path))
    return "a broken link or a device" if os.path.lexists(path) else NOTHING


def main() -> int:
    """Verify the project in the working directory."""
    try:
        checked = outputs(Path.cwd())
        found = list(mistakes(checked, Path.cwd(), cache_folder(Path.cwd())))
    except StageError as reason:
        print(f"verify: {reason}", file=sys.stderr)
        return reason.status
    except OSError as error:
        print(f"verify: {error}", file=sys.stderr)
        return 2
    for line in found:
        print(f"verify: {line}", file=sys.stderr)
    if not found:
        size = sum(output.content.size or 0 for output in checked) / 1e6
        print(f"verify: {len(checked)} outputs, {size:.1f} MB, are what {LOCK} says")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())

"""Is every output what dvc.lock says? `python -m sealed.verify`, in the folder that holds dvc.lock.

Every byte is read again, in the workspace and in the cache: DVC itself takes an object of its
cache that is read-only to be good (treeverse/dvc#5978). Exit status: 0; 1 where something differs;
2 where dvc.lock cannot be read.
"""

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from sealed.errors import StageError
from sealed.room import ignored

LOCK = "dvc.lock"
NOTHING = "nothing"


class Content(NamedTuple):
    """The bytes of a file, as DVC names them."""

    md5: str
    size: int | None  # bytes; None: a member of a folder, whose size DVC does not keep

    def __str__(self) -> str:
        """Say it in a few words."""
        return f"MD5 {self.md5}" + ("" if self.size is None else f", {self.size} bytes")


class Output(NamedTuple):
    """One output of a stage, a file or, where the MD5 ends in `.dir`, a folder."""

    stage: str
    path: str
    content: Content
    cached: bool


def outputs(root: Path) -> list[Output]:
    """Read all outputs from dvc.lock and dvc.yaml in `root`. Raises StageError."""
    declared, locked = _stages(root / "dvc.yaml"), _stages(root / LOCK)
    missing = [name for name, stage in declared.items() if name not in locked and "cmd" in stage]
    if missing:
        raise StageError(f"{LOCK}: expected stage {missing[0]}, found none; run `dvc repro`")
    return [_output(name, out, declared[name]) for name in declared for out in _outs(locked, name)]


def mistakes(expected: list[Output], root: Path, cache: Path) -> Iterator[str]:
    """Yield a line for whatever is not as expected; `cache` is DVC's cache folder."""
    for output in expected:
        if output.content.md5.endswith(".dir"):
            yield from _check_folder(output, root, cache)
        else:
            yield from _check_file(output, root, cache)


def _check_folder(output: Output, root: Path, cache: Path) -> Iterator[str]:
    """Compare a folder member by member, as its object in the cache lists them."""
    here = _listing(root / output.path, root)
    object_ = _object(output, cache)
    good = _agrees(object_, Content(output.content.md5.removesuffix(".dir"), None))
    if not good and output.cached:
        yield _object_mistake(output, object_, restorable=_digest(here) == output.content.md5)
    if not good and _digest(here) != output.content.md5:
        yield _workspace_mistake(output, f"MD5 {_digest(here)}", restorable=False)
        return
    members = json.loads(object_.read_bytes()) if good else here
    for member in members:
        content = Content(member["md5"], None)
        path = f"{output.path}/{member['relpath']}"
        yield from _check_file(output._replace(path=path, content=content), root, cache)
    for extra in sorted({m["relpath"] for m in here} - {m["relpath"] for m in members}):
        yield f"{output.path}/{extra}: {LOCK} knows no such file; delete it"


def _check_file(output: Output, root: Path, cache: Path) -> Iterator[str]:
    object_ = _object(output, cache)
    right = _agrees(root / output.path, output.content)
    good = _agrees(object_, output.content)
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


def _object(output: Output, cache: Path) -> Path:
    return cache / "files" / "md5" / output.content.md5[:2] / output.content.md5[2:]


def _agrees(path: Path, content: Content) -> bool:
    if not path.is_file():
        return False
    found = _content(path)
    return found.md5 == content.md5 and content.size in {None, found.size}


def _describe(path: Path) -> str:
    if path.is_dir():
        return "a folder"
    return str(_content(path)) if path.exists() else NOTHING


def _content(path: Path) -> Content:
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False))
        return Content(digest.hexdigest(), file.tell())


def _listing(folder: Path, root: Path) -> list[dict[str, str]]:
    """List the files of a folder as DVC does, what .dvcignore names left out."""
    found, ignore = [], ignored(root)
    for where, folders, names in os.walk(folder):
        hidden = ignore(where, folders + names)
        folders[:] = [name for name in folders if name not in hidden]
        found += [Path(where, name) for name in names if name not in hidden]
    entries = [
        {"md5": _content(path).md5, "relpath": path.relative_to(folder).as_posix()}
        for path in found
    ]
    return sorted(entries, key=lambda entry: entry["relpath"])


def _digest(listing: list[dict[str, str]]) -> str:
    text = json.dumps(listing, sort_keys=True).encode()
    return hashlib.md5(text, usedforsecurity=False).hexdigest() + ".dir"


def _stages(path: Path) -> dict[str, Any]:
    try:
        return dict(yaml.load(path.read_text(encoding="utf-8"), yaml.CSafeLoader)["stages"])
    except (OSError, UnicodeDecodeError, yaml.YAMLError, TypeError, KeyError, ValueError) as error:
        reason = " ".join(str(error).split())
        raise StageError(
            f"{path.name}: expected a mapping `stages`, found {reason}; run `dvc repro`"
        ) from None


def _outs(locked: dict[str, Any], name: str) -> list[dict[str, Any]]:
    return locked[name].get("outs") or [] if name in locked else []


def _output(name: str, out: dict[str, Any], declared: dict[str, Any]) -> Output:
    if out.get("hash") != "md5":
        raise StageError(
            f"{LOCK}: {out['path']}: expected `hash: md5`, found {out.get('hash', 'none')}; "
            "run `dvc commit` with DVC 3"
        )
    uncached = {
        path
        for kind in ("outs", "metrics", "plots")
        for entry in declared.get(kind) or []
        if isinstance(entry, dict)
        for path, options in entry.items()
        if (options or {}).get("cache") is False
    }
    content = Content(out["md5"], out["size"])
    return Output(name, out["path"], content, cached=out["path"] not in uncached)


def _cache(root: Path) -> Path:
    """Ask DVC for its cache folder, which its settings may put anywhere."""
    command = [sys.executable, "-m", "dvc", "cache", "dir"]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode:
        raise StageError(f"`dvc cache dir` failed: {done.stderr.strip()}")
    return Path(done.stdout.strip())


def main() -> int:
    """Verify the project in the working directory."""
    try:
        checked = outputs(Path.cwd())
        found = list(mistakes(checked, Path.cwd(), _cache(Path.cwd())))
    except StageError as reason:
        print(f"verify: {reason}", file=sys.stderr)
        return reason.status
    for line in found:
        print(f"verify: {line}", file=sys.stderr)
    if not found:
        size = sum(output.content.size or 0 for output in checked) / 1e6
        print(f"verify: {len(checked)} outputs, {size:.1f} MB, are what {LOCK} says")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())

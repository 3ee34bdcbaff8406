"""What dvc.lock and .dvc files say of each out, and where DVC keeps its bytes."""

import os
import posixpath
import re
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

from dvcproject.address import Address
from dvcproject.content import Content
from dvcproject.declared import resolution
from dvcproject.errors import ProjectError
from dvcproject.paths import inside, is_url

LOCK = "dvc.lock"
MD5 = re.compile(r"[0-9a-f]{32}")


class Output(NamedTuple):
    """What a stage made or a .dvc file tracks: a file or, with an MD5 `....dir`, a folder."""

    stage: str  # or the .dvc file; DVC's commands take both
    path: str
    content: Content
    cached: bool  # DVC keeps it; what is not may be in its cache all the same
    executable: bool = False
    tracked: bool = False  # by a .dvc file: no stage makes it again, and it need not be here

    @property
    def is_folder(self) -> bool:
        """Tell whether it is a folder."""
        return self.content.md5.endswith(".dir")


def outputs(root: Path) -> list[Output]:
    """Read all outputs from each dvc.lock and .dvc file of the project. Raises ProjectError."""
    locks: dict[str, dict[str, Any]] = {}
    found: list[Output] = []
    for declared in resolution.every(root):
        if not declared["name"]:
            found += _tracked(declared, root)
            continue
        path = _beside(declared["file"])
        if path not in locks:
            locks[path] = locked(path, root)
        found += _outputs(declared, path, locks[path])
    return found


def outputs_of(address: Address) -> list[Output]:
    """Read the outputs that dvc.lock names for one stage; none without it. Raises ProjectError."""
    path = _beside(address.file)
    if not (address.root / path).exists():
        return []
    entry = locked(path, address.root).get(address.name) or {}
    return list(_locked_outs(path, address.name, address.wdir, entry))


def locked(path: str, root: Path) -> dict[str, Any]:
    """Read the stages of a dvc.lock. Raises ProjectError where it has none."""
    from dvcproject import document  # noqa: PLC0415  # a stage that succeeds often needs no YAML

    try:
        found = document.load(root / path)
    except FileNotFoundError:
        raise ProjectError(
            f"{path}: no such file: nothing has been run yet; run `dvc repro`"
        ) from None
    except (OSError, ValueError) as error:
        reason = str(error)
    else:
        if isinstance(found, dict) and isinstance(found.get("stages"), dict):
            return dict(found["stages"])
        reason = "another document"
    raise ProjectError(f"{path}: expected a mapping `stages`, found {reason}; run `dvc repro`")


def _beside(file: str) -> str:
    return str(PurePosixPath(file).with_name(LOCK))


def _outputs(declared: dict[str, Any], lock: str, stages: dict[str, Any]) -> Iterator[Output]:
    name, outs = declared["name"], [out for out in declared["outs"] if not is_url(out["path"])]
    if name not in stages:
        raise ProjectError(f"{lock}: expected stage {name}, found none; run `dvc repro`")
    address = str(Address(Path(), declared["file"], name, declared["wdir"]))
    found = {out.path: out for out in _locked_outs(lock, name, declared["wdir"], stages[name])}
    for out in outs:
        path = out["path"]
        if path not in found:
            raise ProjectError(f"{lock}: {name}: expected {path}, found none; run `dvc repro`")
        found[path] = found[path]._replace(stage=address, cached=out["cache"])
    yield from found.values()


def _tracked(declared: dict[str, Any], root: Path) -> Iterator[Output]:
    """Yield what a .dvc file tracks, less what has no MD5: not downloaded, or kept by versions.

    What DVC 2 tracked is hashed otherwise; while it is not here nobody need care.
    """
    from dvcproject import document  # noqa: PLC0415

    file = declared["file"]
    try:
        entry = dict(document.load(root / file) or {})
    except (OSError, ValueError, TypeError) as error:
        raise ProjectError(f"{file}: expected what `dvc add` writes, found {error}") from None
    here = root / declared["wdir"]
    entry["outs"] = [
        out
        for out in entry.get("outs") or []
        if "md5" in out and ("hash" in out or os.path.lexists(here / out["path"]))
    ]
    cached = {out["path"] for out in declared["outs"] if out["cache"]}
    for out in _locked_outs(file, file, declared["wdir"], entry, f"dvc commit --force {file}"):
        yield out._replace(cached=out.path in cached, tracked=True)


def _locked_outs(lock: str, name: str, wdir: str, entry: Any, fix: str = "") -> Iterator[Output]:
    fix, commit = fix or "dvc repro", fix or "dvc commit"
    outs = (entry.get("outs") or []) if isinstance(entry, dict) else entry
    if not isinstance(outs, list):
        raise ProjectError(f"{lock}: {name}: expected a list `outs`, found {outs!r:.80}")
    for out in outs:
        if not isinstance(out, dict) or not isinstance(out.get("path"), str):
            raise ProjectError(f"{lock}: {name}.outs: expected `path: ...`, found {out!r:.80}")
        path, md5, size = out["path"], out.get("md5"), out.get("size")
        if out.get("hash") != "md5":
            raise ProjectError(
                f"{lock}: {path}: expected `hash: md5`, found {out.get('hash', 'none')}; "
                f"run `{commit}` with DVC 3"
            )
        if not isinstance(md5, str) or not MD5.fullmatch(md5.removesuffix(".dir")):
            raise ProjectError(f"{lock}: {path}: expected an MD5, found {md5!r:.80}; run `{fix}`")
        if type(size) is not int:
            raise ProjectError(f"{lock}: {path}: expected a size, found {size!r:.80}; run `{fix}`")
        if is_url(path):
            continue  # it lies elsewhere
        path = inside(lock, name, "outs", posixpath.normpath(posixpath.join(wdir, path)))
        yield Output(name, path, Content(md5, size), cached=False, executable="isexec" in out)

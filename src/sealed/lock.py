"""What dvc.lock says of the outs of each stage, and where DVC keeps their bytes."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from sealed.content import Content, agrees
from sealed.errors import StageError
from sealed.stage import PIPELINE, declared_outs, inside, stages

LOCK = "dvc.lock"
MD5 = re.compile(r"[0-9a-f]{32}")


class Output(NamedTuple):
    """One output of a stage, a file or, where the MD5 ends in `.dir`, a folder."""

    stage: str
    path: str
    content: Content
    cached: bool  # DVC keeps it; what is not may be in its cache all the same
    executable: bool = False

    @property
    def is_folder(self) -> bool:
        """Tell whether it is a folder."""
        return self.content.md5.endswith(".dir")


def outputs(root: Path) -> list[Output]:
    """Read all outputs from dvc.lock and dvc.yaml in `root`. Raises StageError."""
    declared, locked = stages(root / PIPELINE), stages(root / LOCK)
    found = []
    for name, entry in declared.items():
        if isinstance(entry, dict) and entry.keys() & {"foreach", "matrix"}:
            made = [other for other in locked if str(other).startswith(f"{name}@")]
            found += [out for other in made for out in _locked_outs(other, locked[other])]
        else:
            found += _outputs(name, entry, locked)
    return found


def outputs_of(name: str, root: Path) -> list[Output]:
    """Read the outputs that dvc.lock names for one stage; none without it. Raises StageError."""
    if not (root / LOCK).exists():
        return []
    return list(_locked_outs(name, stages(root / LOCK).get(name) or {}))


def _outputs(name: str, entry: Any, locked: dict[str, Any]) -> Iterator[Output]:
    if not isinstance(entry, dict):
        raise StageError(f"{PIPELINE}: {name}: expected a stage, found {entry!r:.80}")
    if "wdir" in entry:
        raise StageError(f"{PIPELINE}: {name}: `wdir` is not supported; write paths without it")
    if name not in locked:
        raise StageError(f"{LOCK}: expected stage {name}, found none; run `dvc repro`")
    found = {out.path: out for out in _locked_outs(name, locked[name])}
    for path, options in declared_outs(name, entry):
        if "${" in path:
            continue  # DVC alone knows what it stands for
        if path not in found:
            raise StageError(f"{LOCK}: {name}: expected {path}, found none; run `dvc repro`")
        found[path] = found[path]._replace(cached=options.get("cache") is not False)
    yield from found.values()


def _locked_outs(name: str, entry: Any) -> Iterator[Output]:
    outs = (entry.get("outs") or []) if isinstance(entry, dict) else entry
    if not isinstance(outs, list):
        raise StageError(f"{LOCK}: {name}: expected a list `outs`, found {outs!r:.80}")
    for out in outs:
        if not isinstance(out, dict) or not isinstance(out.get("path"), str):
            raise StageError(f"{LOCK}: {name}.outs: expected `path: ...`, found {out!r:.80}")
        path, md5, size = out["path"], out.get("md5"), out.get("size")
        if out.get("hash") != "md5":
            raise StageError(
                f"{LOCK}: {path}: expected `hash: md5`, found {out.get('hash', 'none')}; "
                "run `dvc commit` with DVC 3"
            )
        if not isinstance(md5, str) or not MD5.fullmatch(md5.removesuffix(".dir")):
            raise StageError(f"{LOCK}: {path}: expected an MD5, found {md5!r:.80}; run `dvc repro`")
        if type(size) is not int:
            raise StageError(
                f"{LOCK}: {path}: expected a size, found {size!r:.80}; run `dvc repro`"
            )
        path = inside(LOCK, name, "outs", path)
        yield Output(name, path, Content(md5, size), cached=False, executable="isexec" in out)


def stored(content: Content, cache: Path) -> Path:
    """Return where `cache` keeps these bytes, if it has them."""
    return cache / "files/md5" / content.md5[:2] / content.md5[2:]


def is_stored(content: Content, cache: Path) -> bool:
    """Tell whether `cache` keeps these bytes, unchanged; of a folder, its list of files."""
    plain = content.md5.removesuffix(".dir")
    size = content.size if plain == content.md5 else None
    return agrees(stored(content, cache), Content(plain, size))


def members(folder: Output, cache: Path) -> list[Output]:
    """Return the files of a folder, as its list in `cache` has them. Raises StageError, OSError."""
    path = stored(folder.content, cache)
    try:
        entries = [(entry["relpath"], entry["md5"]) for entry in json.loads(path.read_bytes())]
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise StageError(f"{path}: expected a list of files, found {error!r:.80}") from None
    found = []
    for name, md5 in entries:
        if not isinstance(name, str) or not isinstance(md5, str) or not MD5.fullmatch(md5):
            raise StageError(f"{path}: expected a path and an MD5, found {(name, md5)!r:.80}")
        place = f"{folder.path}/{inside(str(path), folder.path, 'files', name)}"
        found.append(folder._replace(path=place, content=Content(md5, None)))
    return found


def cache_folder(root: Path) -> Path:
    """Ask DVC for its cache folder, which its settings may put anywhere; this takes no lock."""
    command = [sys.executable, "-m", "dvc", "cache", "dir"]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode:
        raise StageError(f"`dvc cache dir` failed: {' '.join(done.stderr.split())}")
    return Path(done.stdout.strip())

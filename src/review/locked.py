"""Is dvc.lock true? Its record of code, params and metrics against the files that git holds.

`python -m review.locked` needs neither data nor a cache, so that it runs on a fresh checkout, where
`dvc status` calls everything deleted and `dvc repro --dry --allow-missing` reports no failure.
"""

import posixpath
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

from review import document, pipeline, record
from review.command import run
from review.errors import UserError
from review.pipeline import Declared, Recorded
from review.quoting import printable
from review.revision import Revision, workspace

MOST = 20  # differences that are told


def differences(revision: Revision) -> list[str]:
    """List where dvc.lock is not that of the revision's dvc.yaml, code, params and metrics.

    Deps are files; those that git does not hold, outs of another stage, are compared with what that
    stage recorded. Raises UserError where dvc.yaml or dvc.lock is missing or not readable.
    """
    declared, recorded = pipeline.declared(revision), pipeline.recorded(revision)
    kept = {path for stage in declared.values() for path, cached in stage.outs.items() if cached}
    made = {path: digest for stage in recorded.values() for path, digest in stage.outs.items()}
    found = []
    for name, stage in declared.items():
        if name not in recorded:
            found.append(f"{name}: not in dvc.lock")
            continue
        if stage.command != recorded[name].command:
            found.append(f"{name}: the command changed")
        found += [f"{name}: {line}" for line in _params(stage, recorded[name], revision)]
        found += [f"{name}: {line}" for line in _files(stage, recorded[name], revision, kept, made)]
    return found + record.contradictions(revision)


def _params(stage: Declared, locked: Recorded, revision: Revision) -> Iterator[str]:
    for path in sorted(stage.params.keys() | locked.params.keys()):
        then, keys = locked.params.get(path, {}), stage.params.get(path)
        if keys is not None and revision.read(path) is None:
            yield f"{path}: missing"
            continue
        now = {} if keys is None else pipeline.params(revision, path)
        names = {*(keys or now), *then}
        was = pipeline.flatten({name: then.get(name) for name in names})
        is_ = pipeline.flatten({name: _value(now, str(name)) for name in names})
        for key in sorted(was.keys() | is_.keys()):
            if was.get(key) != is_.get(key):
                before, after = (printable(values.get(key)) for values in (was, is_))
                yield f"{key}: {before} in dvc.lock, {after} in {path}"


def _value(document: Any, key: str) -> Any:
    """Return what a dotted key names in params; None where there is no such key."""
    for part in key.split("."):
        if isinstance(document, list) and part.isdecimal() and int(part) < len(document):
            document = document[int(part)]
        else:
            document = document.get(part) if isinstance(document, dict) else None
    return document


def _files(
    stage: Declared, locked: Recorded, revision: Revision, kept: set[str], made: dict[str, str]
) -> Iterator[str]:
    digests = locked.deps | locked.outs
    listed = {*stage.deps, *stage.outs}
    for path in sorted(listed ^ digests.keys()):
        yield f"{path}: declared in dvc.yaml or recorded in dvc.lock, not both"
    for path in sorted(listed & digests.keys()):
        if path in made and made[path] != digests[path]:
            yield f"{path}: not the one that the stage before it made"
        elif not _is_elsewhere(path, kept):
            now = revision.md5(path) or _tracked(revision, path)
            if now is None:
                is_folder = digests[path].endswith(".dir")
                yield f"{path}: {'a folder; declare its files instead' if is_folder else 'missing'}"
            elif now != digests[path]:
                yield f"{path}: changed"


def _is_elsewhere(path: str, kept: set[str]) -> bool:
    """Tell whether DVC alone holds a path: an address, an out that it keeps, or a part of one."""
    parents = {str(parent) for parent in PurePosixPath(path).parents}
    return "://" in path or path in kept or not parents.isdisjoint(kept)


def _tracked(revision: Revision, path: str) -> str | None:
    """Return the digest in a `.dvc` file beside a path (`dvc add`); None where there is none."""
    content = revision.read(f"{path}.dvc")
    if content is None:
        return None
    try:
        [out] = document.parse(content)["outs"]
        return str(out["md5"])
    except (ValueError, TypeError, LookupError):
        where = f"{revision.name}: {posixpath.basename(path)}.dvc"
        raise UserError(f"{where}: expected one out with its md5") from None


def require(revision: Revision) -> None:
    """Raise UserError, naming all that differs, where the revision's dvc.lock is not true."""
    if revision.conflicts:
        raise UserError(f"{revision.name}: {_list(list(revision.conflicts))}: {pipeline.CONFLICT}")
    if found := differences(revision):
        frozen = [name for name, stage in pipeline.declared(revision).items() if stage.frozen]
        advice = f" (`dvc unfreeze {' '.join(frozen)}` first: frozen)" if frozen else ""
        raise UserError(
            f"{revision.name}: dvc.lock is not that of these files ({_list(found, '; ')}); "
            f"run `dvc repro`{advice} and commit params.yaml, dvc.lock and metrics/ together"
        )


def _list(found: list[str], sign: str = ", ") -> str:
    more = [f"and {len(found) - MOST} more"] if len(found) > MOST else []
    return sign.join([*found[:MOST], *more])


def main() -> None:
    """Check the workspace."""
    require(workspace(Path.cwd()))
    print("dvc.lock is that of the code, the params and the metrics here")


if __name__ == "__main__":
    run(main)

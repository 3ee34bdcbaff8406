"""Is dvc.lock true? Its record of code, params and metrics against the files that git holds.

`python -m mnist.locked` needs neither data nor a cache, so that it runs on a fresh checkout, where
`dvc status` calls everything deleted and `dvc repro --dry --allow-missing` reports no failure.
"""

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from mnist.errors import UserError, run
from mnist.revision import Revision, workspace

Stages = dict[str, dict[str, Any]]


def differences(revision: Revision) -> list[str]:
    """List where dvc.lock is not that of the revision's dvc.yaml, code, params and metrics.

    Deps are files; those that git does not hold, outs of another stage, are compared with what that
    stage recorded. Raises UserError where dvc.yaml or dvc.lock is missing or not readable.
    """
    declared, recorded = stages(revision, "dvc.yaml"), stages(revision, "dvc.lock")
    cached = {
        path
        for stage in declared.values()
        for path, options in _outs(stage)
        if options.get("cache", True)
    }
    made = {out["path"]: out["md5"] for stage in recorded.values() for out in stage.get("outs", [])}
    found = [f"{name}: not in dvc.lock" for name in declared if name not in recorded]
    for name in declared.keys() & recorded.keys():
        stage, record = declared[name], recorded[name]
        if stage["cmd"] != record["cmd"]:
            found.append(f"{name}: the command changed")
        found += [f"{name}: {line}" for line in _params(stage, record, revision)]
        found += [f"{name}: {line}" for line in _files(stage, record, revision, cached, made)]
    return sorted(found, key=lambda line: list(declared).index(line.partition(":")[0]))


def stages(revision: Revision, path: str) -> Stages:
    """Return the stages of a dvc.yaml or dvc.lock. Raises UserError where it has none."""
    found = _mapping(revision, path).get("stages")
    if not isinstance(found, dict):
        raise UserError(f"{revision.name}: {path}: expected a mapping `stages`, found {found!r}")
    return found


def params(revision: Revision) -> dict[str, Any]:
    """Return params.yaml, unchecked: another revision may have other keys than the code here."""
    return _mapping(revision, "params.yaml")


def _mapping(revision: Revision, path: str) -> dict[str, Any]:
    try:
        return dict(yaml.load(revision.require(path), yaml.CSafeLoader))
    except (yaml.YAMLError, TypeError, ValueError) as error:
        reason = " ".join(str(error).split())
        raise UserError(f"{revision.name}: {path}: expected plain YAML, found {reason}") from None


def _outs(stage: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for kind in ("outs", "metrics", "plots"):
        for out in stage.get(kind, []):
            yield (out, {}) if isinstance(out, str) else next(iter(out.items()))


def _params(stage: dict[str, Any], record: dict[str, Any], revision: Revision) -> Iterator[str]:
    keys = stage.get("params", [])
    document = params(revision) if keys else {}
    locked = record.get("params", {}).get("params.yaml", {})
    for key in sorted({*keys, *locked}):
        now: Any = document
        for part in key.split("."):
            now = now.get(part) if isinstance(now, dict) else None
        before = flatten({key: locked.get(key)})
        after = flatten({key: now})
        for path in sorted(before.keys() | after.keys()):
            if before.get(path) != after.get(path):
                yield f"{path}: {before.get(path)} in dvc.lock, {after.get(path)} in params.yaml"


def flatten(nested: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return nested params as one level: {"train": {"seed": 1}} -> {"train.seed": 1}."""
    flat: dict[str, Any] = {}
    for key, value in nested.items():
        if isinstance(value, dict) and value:
            flat |= flatten(value, f"{prefix}{key}.")
        else:
            flat[f"{prefix}{key}"] = value
    return flat


def _files(
    stage: dict[str, Any],
    record: dict[str, Any],
    revision: Revision,
    cached: set[str],
    made: dict[str, str],
) -> Iterator[str]:
    locked = {
        file["path"]: file["md5"] for file in [*record.get("deps", []), *record.get("outs", [])]
    }
    listed = {*stage.get("deps", []), *(path for path, _ in _outs(stage))}
    for path in sorted(listed ^ locked.keys()):
        yield f"{path}: declared in dvc.yaml or recorded in dvc.lock, not both"
    for path in sorted(listed & locked.keys()):
        if path in made and made[path] != locked[path]:
            yield f"{path}: not the one that the stage before it made"
        elif path not in cached:
            content = revision.read(path)
            if content is None:
                yield f"{path}: missing"
            elif hashlib.md5(content, usedforsecurity=False).hexdigest() != locked[path]:
                yield f"{path}: changed"


def require(revision: Revision) -> None:
    """Raise UserError, naming all that differs, where the revision's dvc.lock is not true."""
    if found := differences(revision):
        raise UserError(
            f"{revision.name}: dvc.lock is not that of these files ({'; '.join(found)}); "
            "run `dvc repro` and commit params.yaml, dvc.lock and metrics/ together"
        )


def main() -> None:
    """Check the workspace."""
    require(workspace(Path.cwd()))
    print("dvc.lock is that of the code, the params and the metrics here")


if __name__ == "__main__":
    run(main)

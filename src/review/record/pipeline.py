"""What dvc.yaml declares of each stage and dvc.lock records of it, in DVC's own reading."""

import posixpath
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Any, NamedTuple

from dvcproject.ignore import ignored
from dvcproject.revision import Revision
from review.record import template
from review.record.documents import PARAMS, expect, yaml_mapping

PIPELINE = "dvc.yaml"
DIGESTS = ("md5", "etag", "checksum")  # of a file in dvc.lock, by where it lies
KINDS = ("outs", "metrics", "plots")


class Declared(NamedTuple):
    """A stage of dvc.yaml; paths are relative to the project's folder."""

    command: list[str]
    deps: list[str]
    params: dict[str, list[str]]  # file -> keys; none of them: the whole file
    outs: dict[str, bool]  # path -> whether DVC keeps it in its cache
    metrics: list[str]
    plots: dict[str, dict[str, Any]]  # path -> how it is drawn
    records: list[str]  # files that it writes and DVC does not hash: in its `meta`
    frozen: bool


class Recorded(NamedTuple):
    """A stage of dvc.lock; paths are relative to the project's folder."""

    command: list[str]
    deps: dict[str, str]  # path -> digest
    params: dict[str, dict[str, Any]]  # file -> key -> value
    outs: dict[str, str]  # path -> digest


class Top(NamedTuple):
    """What a dvc.yaml declares outside its stages; paths are relative to its folder."""

    folder: str
    plots: Any
    metrics: list[str]
    params: list[str]
    models: list[str]  # artifacts whose type is model


def declared(revision: Revision) -> dict[str, Declared]:
    """Return the stages of every dvc.yaml, templates written out; another folder's with its path.

    Raises UserError with the place.
    """
    found = {}
    for path in _pipelines(revision):
        folder = posixpath.dirname(path)
        for name, stage in _bodies(revision, path)["stages"].items():
            where = f"{revision.name}: {path}: {name}"
            found[_address(path, name)] = _declared(stage, folder, where)
    return found


def recorded(revision: Revision) -> dict[str, Recorded]:
    """Return the stages of dvc.lock that dvc.yaml still has. Raises UserError with the place."""
    found = {}
    for path in _pipelines(revision):
        bodies = _bodies(revision, path)["stages"]
        if not bodies and path != PIPELINE:
            continue
        folder = posixpath.dirname(path)
        lock = join(folder, "dvc.lock")
        where = f"{revision.name}: {lock}"
        for name, stage in _stages(yaml_mapping(revision, lock), where):
            if name in bodies:
                there = _folder(bodies[name], folder)
                found[_address(path, name)] = _recorded(stage, there, f"{where}: {name}")
    return found


def tops(revision: Revision) -> list[Top]:
    """Return what each dvc.yaml declares outside its stages. Raises UserError with the place."""
    found = []
    for path in _pipelines(revision):
        body, where = _bodies(revision, path), f"{revision.name}: {path}"
        metrics, params = (
            _texts(body.get(kind) or [], f"{where}: {kind}") for kind in ("metrics", "params")
        )
        artifacts = expect(dict, body.get("artifacts") or {}, f"{where}: artifacts", "a mapping")
        models = [
            str(entry.get("path"))
            for entry in artifacts.values()
            if isinstance(entry, dict) and entry.get("type") == "model"
        ]
        found.append(Top(posixpath.dirname(path), body.get("plots") or [], metrics, params, models))
    return found


def _address(path: str, name: str) -> str:
    """Return the name of a stage as DVC writes it: `train`, `sub/dvc.yaml:train`."""
    return name if path == PIPELINE else f"{path}:{name}"


def _pipelines(revision: Revision) -> list[str]:
    is_ignored = ignored(revision.read)
    found = [path for path in revision.pipelines if not is_ignored(path)]
    return [path for path in found if revision.open(path)] or [PIPELINE]


def _bodies(revision: Revision, path: str) -> dict[str, Any]:
    """Return a dvc.yaml, its stages as a mapping, none where it has other sections alone."""
    found = yaml_mapping(revision, path)
    if "stages" in found or not TOP & found.keys():
        _stages(found, f"{revision.name}: {path}")
    if template.has_any(found):
        found = template.resolve(revision, path, found)
    return {"stages": {}, **found}


TOP = {"plots", "metrics", "params", "artifacts", "datasets", "vars"}


def _stages(found: dict[str, Any], where: str) -> list[tuple[str, dict[str, Any]]]:
    stages = expect(dict, found.get("stages"), where, "a mapping `stages`")
    for name, stage in stages.items():
        expect(str, name, f"{where}: stages", "names that are texts")
        expect(dict, stage, f"{where}: {name}", "a mapping")
    return list(stages.items())


def _declared(stage: dict[str, Any], folder: str, where: str) -> Declared:
    folder = _folder(stage, folder)
    deps = _texts(_entries(stage, "deps", where), f"{where}.deps")
    kinds = {kind: list(_outs(stage, kind, folder, where)) for kind in KINDS}
    return Declared(
        command=_command(stage, where),
        deps=[join(folder, path) for path in deps],
        params=_keys(stage, folder, where),
        outs={path: cached for outs in kinds.values() for path, cached, _ in outs},
        metrics=[path for path, _, _ in kinds["metrics"]],
        plots={path: options for path, _, options in kinds["plots"]},
        records=[join(folder, path) for path in _records(stage)],
        frozen=stage.get("frozen") is True,
    )


def _records(stage: dict[str, Any]) -> list[str]:
    """Return `records` of `meta`, or of `meta.sealed`, where the launcher of sealed stages has it.

    `meta` is free for anybody's use, so that it may be anything.
    """
    meta = stage.get("meta")
    places = [meta, meta.get("sealed")] if isinstance(meta, dict) else []
    found = [place.get("records") for place in places if isinstance(place, dict)]
    lists = [entry for entry in found if isinstance(entry, list)]
    return [path for entry in lists for path in entry if isinstance(path, str)]


def _outs(
    stage: dict[str, Any], kind: str, folder: str, where: str
) -> Iterator[tuple[str, bool, dict[str, Any]]]:
    """Yield path, whether it is cached, and its other options."""
    place = f"{where}.{kind}"
    for entry in _entries(stage, kind, where):
        path, found = (entry, {}) if isinstance(entry, str) else _pair(entry, place)
        options = found if isinstance(found, dict) else {}
        cached = expect(bool, options.get("cache", True), f"{place}: {path}: cache", "a bool")
        yield join(folder, path), cached, options


def _pair(entry: Any, where: str) -> tuple[str, Any]:
    what = "a path, or a path with its options"
    path, options = next(iter(expect(dict, entry, where, what).items()), (None, None))
    return expect(str, path, where, what), options


def _keys(stage: dict[str, Any], folder: str, where: str) -> dict[str, list[str]]:
    """Return file -> keys of a stage's params; `other.yaml:` alone is the whole file."""
    found: dict[str, list[str]] = {}
    for entry in _entries(stage, "params", where):
        named = {PARAMS: [entry]} if isinstance(entry, str) else entry
        for path, keys in expect(dict, named, f"{where}.params", "a key or a file").items():
            there = f"{where}.params: {path}"
            name = join(folder, expect(str, path, there, "the name of a file"))
            found.setdefault(name, []).extend(_texts([] if keys is None else keys, there))
    return found


def _recorded(stage: dict[str, Any], folder: str, where: str) -> Recorded:
    params = expect(dict, stage.get("params", {}), f"{where}.params", "a mapping")
    return Recorded(
        command=_command(stage, where),
        deps=_digests(stage, "deps", folder, where),
        params={
            join(folder, str(path)): dict(expect(dict, values, f"{where}.params", "a mapping"))
            for path, values in params.items()
        },
        outs=_digests(stage, "outs", folder, where),
    )


def _digests(stage: dict[str, Any], kind: str, folder: str, where: str) -> dict[str, str]:
    found = {}
    for entry in _entries(stage, kind, where):
        fields = expect(dict, entry, f"{where}.{kind}", "a path with its digest")
        path = expect(str, fields.get("path"), f"{where}.{kind}", "a path")
        digests = (fields[key] for key in DIGESTS if isinstance(fields.get(key), str))
        digest = expect(str, next(digests, None), f"{where}.{kind}: {path}", "an md5")
        found[join(folder, path)] = digest
    return found


def _command(stage: dict[str, Any], where: str) -> list[str]:
    found = stage.get("cmd")
    return [found] if isinstance(found, str) else _texts(found, f"{where}.cmd")


def _entries(stage: dict[str, Any], kind: str, where: str) -> list[Any]:
    return list(expect(list, stage.get(kind, []), f"{where}.{kind}", "a list"))


def _texts(found: Any, where: str) -> list[str]:
    return [expect(str, text, where, "texts") for text in expect(list, found, where, "a list")]


def _folder(stage: dict[str, Any], folder: str) -> str:
    """Return the folder that a stage's paths are relative to, itself relative to the project's."""
    found = stage.get("wdir", "")
    return posixpath.join(folder, found) if isinstance(found, str) else folder


def join(folder: str, path: str) -> str:
    """Return a path of a stage, relative to the project's folder; an address as it is."""
    return path if "://" in path else posixpath.normpath(posixpath.join(folder, path))


def holds(place: str, path: str) -> bool:
    """Tell whether a path is a place, or below it."""
    return path == place or path.startswith(f"{place}/")


def is_added(revision: Revision, path: str) -> bool:
    """Tell whether DVC brings a path: an address, of `dvc add`, or inside a folder of that."""
    folders = [str(parent) for parent in PurePosixPath(path).parents if str(parent) not in "./"]
    return "://" in path or any(
        revision.open(f"{name}.dvc") is not None for name in (path, *folders)
    )

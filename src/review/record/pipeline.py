"""What dvc.yaml declares of each stage and dvc.lock records of it, as DVC reads them."""

from pathlib import PurePosixPath
from typing import Any, NamedTuple

from dvcproject.address import PIPELINE
from dvcproject.paths import is_url, join
from dvcproject.revision import Revision
from dvcproject.stages import File, Stage
from review.record.documents import expect, yaml_mapping

DIGESTS = ("md5", "etag", "checksum")  # of a file in dvc.lock, by where it lies


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
    """Return the stages of every dvc.yaml; another folder's with its path.

    Raises ProjectError with the place.
    """
    stages = (stage for file in _files(revision) for stage in file.stages)
    return {stage.address: _declared(stage) for stage in stages}


def recorded(revision: Revision) -> dict[str, Recorded]:
    """Return the stages of dvc.lock that dvc.yaml still has. Raises UserError with the place."""
    found = {}
    for file in _files(revision):
        if not file.stages and file.path != PIPELINE:
            continue
        lock = join(file.folder, "dvc.lock")
        where, known = f"{revision.name}: {lock}", {stage.name: stage for stage in file.stages}
        for name, entry in _stages(yaml_mapping(revision, lock), where):
            if stage := known.get(name):
                found[stage.address] = _recorded(entry, stage.wdir, f"{where}: {name}")
    return found


def tops(revision: Revision) -> list[Top]:
    """Return what each dvc.yaml declares outside its stages. Raises ProjectError with the place."""
    return [_top(file) for file in _files(revision)]


def _top(file: File) -> Top:
    entries = (entry for entry in file.artifacts.values() if isinstance(entry, dict))
    models = [str(entry.get("path")) for entry in entries if entry.get("type") == "model"]
    return Top(file.folder, file.plots, list(file.metrics), list(file.params), models)


def _files(revision: Revision) -> tuple[File, ...]:
    """Return what each dvc.yaml declares; one that is no mapping is named before DVC reads it."""
    yaml_mapping(revision, PIPELINE)
    return revision.declared()


def _stages(found: dict[str, Any], where: str) -> list[tuple[str, dict[str, Any]]]:
    stages = expect(dict, found.get("stages"), where, "a mapping `stages`")
    for name, stage in stages.items():
        expect(str, name, f"{where}: stages", "names that are texts")
        expect(dict, stage, f"{where}: {name}", "a mapping")
    return list(stages.items())


def _declared(stage: Stage) -> Declared:
    plots = {out.path: out.plot for out in stage.outs if out.plot is not False}
    return Declared(
        command=list(stage.commands),
        deps=list(stage.deps),
        params=stage.params,
        outs={out.path: out.cached for out in stage.outs},
        metrics=[out.path for out in stage.outs if out.metric],
        plots={path: plot if isinstance(plot, dict) else {} for path, plot in plots.items()},
        records=[join(stage.wdir, path) for path in _records(stage.meta)],
        frozen=stage.frozen,
    )


def _records(meta: Any) -> list[str]:
    """Return `records` of `meta`, or of `meta.sealed`, where the launcher of sealed stages has it.

    `meta` is free for anybody's use, so that it may be anything.
    """
    places = [meta, meta.get("sealed")] if isinstance(meta, dict) else []
    found = [place.get("records") for place in places if isinstance(place, dict)]
    lists = [entry for entry in found if isinstance(entry, list)]
    return [path for entry in lists for path in entry if isinstance(path, str)]


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


def is_added(revision: Revision, path: str) -> bool:
    """Tell whether DVC brings a path: an address, of `dvc add`, or inside a folder of that."""
    folders = [str(parent) for parent in PurePosixPath(path).parents if str(parent) not in "./"]
    return is_url(path) or any(revision.has(f"{name}.dvc") for name in (path, *folders))

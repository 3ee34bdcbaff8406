"""What dvc.yaml declares of each stage and dvc.lock records of it, in DVC's own reading."""

import posixpath
from collections.abc import Iterator
from typing import Any, NamedTuple

from review import document, template
from review.errors import UserError
from review.quoting import printable
from review.revision import Revision

PARAMS = "params.yaml"
DIGESTS = ("md5", "etag", "checksum")  # of a file in dvc.lock, by where it lies
KINDS = ("outs", "metrics", "plots")
MARKS = (b"<<<<<<< ", b">>>>>>> ")  # what a merge writes around two versions


class Declared(NamedTuple):
    """A stage of dvc.yaml; paths are relative to the project's folder."""

    command: list[str]
    deps: list[str]
    params: dict[str, list[str]]  # file -> keys; none of them: the whole file
    outs: dict[str, bool]  # path -> whether DVC keeps it in its cache
    frozen: bool


class Recorded(NamedTuple):
    """A stage of dvc.lock; paths are relative to the project's folder."""

    command: list[str]
    deps: dict[str, str]  # path -> digest
    params: dict[str, dict[str, Any]]  # file -> key -> value
    outs: dict[str, str]  # path -> digest


def declared(revision: Revision) -> dict[str, Declared]:
    """Return the stages of dvc.yaml, templates written out. Raises UserError with the place."""
    return {
        name: _declared(stage, f"{revision.name}: dvc.yaml: {name}")
        for name, stage in _bodies(revision).items()
    }


def recorded(revision: Revision) -> dict[str, Recorded]:
    """Return the stages of dvc.lock that dvc.yaml still has. Raises UserError with the place."""
    bodies = _bodies(revision)
    return {
        name: _recorded(stage, _folder(bodies[name]), f"{revision.name}: dvc.lock: {name}")
        for name, stage in _stages(_mapping(revision, "dvc.lock"), f"{revision.name}: dvc.lock")
        if name in bodies
    }


def params(revision: Revision, path: str = PARAMS) -> dict[str, Any]:
    """Return a file of params, unchecked: another revision may have other keys."""
    if path.endswith((".json", ".toml", ".py")):
        return template.load(revision, path)
    return _mapping(revision, path)


def flatten(nested: dict[Any, Any], prefix: str = "") -> dict[str, Any]:
    """Return nested params as one level: {"train": {"seed": 1}} -> {"train.seed": 1}."""
    flat: dict[str, Any] = {}
    for key, value in nested.items():
        if isinstance(value, dict) and value:
            flat |= flatten(value, f"{prefix}{key}.")
        else:
            flat[f"{prefix}{key}"] = value
    return flat


def _mapping(revision: Revision, path: str) -> dict[str, Any]:
    content = revision.require(path)
    where = f"{revision.name}: {path}"
    try:
        found = document.parse(content)
    except ValueError as error:
        if all(any(line.startswith(mark) for line in content.splitlines()) for mark in MARKS):
            raise UserError(f"{where}: {CONFLICT}") from None
        raise UserError(f"{where}: expected plain YAML, found {error}") from None
    return dict(_expect(dict, found, where, "a mapping"))


CONFLICT = (
    "a merge left two versions of it; resolve params and code, keep either side of dvc.lock and "
    "metrics/, run `dvc repro`, then `git add` (docs/review.md, Merging)"
)


def _bodies(revision: Revision) -> dict[str, dict[str, Any]]:
    where = f"{revision.name}: dvc.yaml"
    found = _mapping(revision, "dvc.yaml")
    stages = dict(_stages(found, where))
    return template.resolve(revision, found) if template.has_any(found) else stages


def _stages(found: dict[str, Any], where: str) -> list[tuple[str, dict[str, Any]]]:
    stages = _expect(dict, found.get("stages"), where, "a mapping `stages`")
    for name, stage in stages.items():
        _expect(str, name, f"{where}: stages", "names that are texts")
        _expect(dict, stage, f"{where}: {name}", "a mapping")
    return list(stages.items())


def _declared(stage: dict[str, Any], where: str) -> Declared:
    folder = _folder(stage)
    deps = _texts(_entries(stage, "deps", where), f"{where}.deps")
    return Declared(
        command=_command(stage, where),
        deps=[_join(folder, path) for path in deps],
        params=_keys(stage, folder, where),
        outs={path: cached for kind in KINDS for path, cached in _outs(stage, kind, where)},
        frozen=stage.get("frozen") is True,
    )


def _outs(stage: dict[str, Any], kind: str, where: str) -> Iterator[tuple[str, bool]]:
    place = f"{where}.{kind}"
    for entry in _entries(stage, kind, where):
        path, options = (entry, {}) if isinstance(entry, str) else _pair(entry, place)
        cached = options.get("cache", True) if isinstance(options, dict) else True
        yield (
            _join(_folder(stage), path),
            _expect(bool, cached, f"{place}: {path}: cache", "a bool"),
        )


def _pair(entry: Any, where: str) -> tuple[str, Any]:
    what = "a path, or a path with its options"
    path, options = next(iter(_expect(dict, entry, where, what).items()), (None, None))
    return _expect(str, path, where, what), options


def _keys(stage: dict[str, Any], folder: str, where: str) -> dict[str, list[str]]:
    """Return file -> keys of a stage's params; `other.yaml:` alone is the whole file."""
    found: dict[str, list[str]] = {}
    for entry in _entries(stage, "params", where):
        named = {PARAMS: [entry]} if isinstance(entry, str) else entry
        for path, keys in _expect(dict, named, f"{where}.params", "a key or a file").items():
            there = f"{where}.params: {path}"
            name = _join(folder, _expect(str, path, there, "the name of a file"))
            found.setdefault(name, []).extend(_texts([] if keys is None else keys, there))
    return found


def _recorded(stage: dict[str, Any], folder: str, where: str) -> Recorded:
    params = _expect(dict, stage.get("params", {}), f"{where}.params", "a mapping")
    return Recorded(
        command=_command(stage, where),
        deps=_digests(stage, "deps", folder, where),
        params={
            _join(folder, str(path)): dict(_expect(dict, values, f"{where}.params", "a mapping"))
            for path, values in params.items()
        },
        outs=_digests(stage, "outs", folder, where),
    )


def _digests(stage: dict[str, Any], kind: str, folder: str, where: str) -> dict[str, str]:
    found = {}
    for entry in _entries(stage, kind, where):
        fields = _expect(dict, entry, f"{where}.{kind}", "a path with its digest")
        path = _expect(str, fields.get("path"), f"{where}.{kind}", "a path")
        digests = (fields[key] for key in DIGESTS if isinstance(fields.get(key), str))
        digest = _expect(str, next(digests, None), f"{where}.{kind}: {path}", "an md5")
        found[_join(folder, path)] = digest
    return found


def _command(stage: dict[str, Any], where: str) -> list[str]:
    found = stage.get("cmd")
    return [found] if isinstance(found, str) else _texts(found, f"{where}.cmd")


def _entries(stage: dict[str, Any], kind: str, where: str) -> list[Any]:
    return list(_expect(list, stage.get(kind, []), f"{where}.{kind}", "a list"))


def _texts(found: Any, where: str) -> list[str]:
    return [_expect(str, text, where, "texts") for text in _expect(list, found, where, "a list")]


def _folder(stage: dict[str, Any]) -> str:
    found = stage.get("wdir", "")
    return found if isinstance(found, str) else ""


def _join(folder: str, path: str) -> str:
    """Return a path of a stage, relative to the project's folder; an address as it is."""
    return path if "://" in path else posixpath.normpath(posixpath.join(folder, path))


def _expect(kind: type, found: Any, where: str, what: str) -> Any:
    if not isinstance(found, kind):
        raise UserError(f"{where}: expected {what}, found {printable(repr(found), 60)}")
    return found

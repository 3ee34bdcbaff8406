"""What dvc.yaml declares for one stage; what is not understood is refused by name."""

import re
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from sealed import document
from sealed.errors import StageError

PIPELINE = "dvc.yaml"
PARAMS = "params.yaml"
UNDERSTOOD = {"cmd", "deps", "params", "outs", "metrics", "plots", "meta"}
PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy")
NETWORK_VARIABLES = (*PROXIES, "REQUESTS_CA_BUNDLE", "SSL_CERT_FILE")
META = {"network", "environment", "records", "checkpoints", "gpu", "image", "python"}
IRRELEVANT = {"desc", "frozen", "always_changed"}  # to what happens once DVC runs the stage


@dataclass(frozen=True)
class Stage:
    """One stage; every path is relative to the project and lies inside it."""

    name: str
    deps: tuple[str, ...]
    params: tuple[str, ...]  # dotted keys of params.yaml
    outs: tuple[str, ...]  # outs, metrics and plots
    records: tuple[str, ...]  # written like an out, but unknown to DVC: it may differ each run
    network: bool
    environment: tuple[str, ...]  # names of variables that the stage sees where they are set
    checkpoints: bool = False  # a folder that outlives a run that was killed, until one succeeds
    gpu: bool = False  # may ask for one; it runs without where there is none
    image: str = ""  # what it runs in: an image's name, or a dep, a folder with a Dockerfile
    python: str = ""  # a dep, the lock of an environment of its own

    @property
    def script(self) -> str:
        """The script that the stage runs."""
        return f"stages/{self.name}.py"

    @property
    def written(self) -> tuple[str, ...]:
        """All that the stage must write."""
        return self.outs + self.records


def read(name: str, root: Path) -> Stage:
    """Read stage `name` of the dvc.yaml in `root`. Raises StageError."""
    found = stages(root / PIPELINE)
    if name not in found:
        raise StageError(
            f"dvc.yaml: expected one of the stages {', '.join(map(str, found))}, found {name!r}"
        )
    entry = found[name]
    if not isinstance(entry, dict):
        raise StageError(f"dvc.yaml: {name}: expected a stage, found {entry!r:.80}")
    _refuse_what_is_not_understood(name, entry)
    meta = entry.get("meta") or {}
    network = meta.get("network", False) is True
    stage = Stage(
        name=name,
        deps=_paths(name, "deps", entry.get("deps")),
        params=_texts(name, "params", entry.get("params")),
        outs=_outs(name, entry),
        records=_paths(name, "meta.records", meta.get("records")),
        network=network,
        gpu=meta.get("gpu", False) is True,
        image=_text(name, "image", meta),
        python=_text(name, "python", meta),
        checkpoints=meta.get("checkpoints", False) is True,
        environment=_texts(name, "meta.environment", meta.get("environment"))
        + NETWORK_VARIABLES * network,
    )
    if not any(PurePosixPath(stage.script).is_relative_to(dep) for dep in stage.deps):
        raise StageError(
            f"{stage.script} is not declared; add it to the deps of {name} in dvc.yaml"
        )
    return stage


def stages(path: Path) -> dict[str, Any]:
    """Read the stages of a dvc.yaml or dvc.lock. Raises StageError where it has none."""
    try:
        found = document.load(path)
    except (OSError, ValueError) as error:
        reason = str(error)
    else:
        if isinstance(found, dict) and isinstance(found.get("stages"), dict):
            return dict(found["stages"])
        reason = "another document"
    advice = "" if path.name == PIPELINE else "; run `dvc repro`"
    raise StageError(f"{path.name}: expected a mapping `stages`, found {reason}{advice}")


def _refuse_what_is_not_understood(name: str, entry: dict[str, Any]) -> None:
    if not re.fullmatch(r"[\w-]+", name):
        raise StageError(f"dvc.yaml: {name!r:.80}: expected a name of letters, digits, - and _")
    for key in entry:
        if key not in UNDERSTOOD | IRRELEVANT:
            raise StageError(
                f"dvc.yaml: {name}: `{key}` is not supported; write the stage without it"
            )
    command = entry.get("cmd")
    if not isinstance(command, str) or "\n" in command.strip():
        raise StageError(
            f"dvc.yaml: {name}.cmd: expected one command, found {command!r:.80}; what others would "
            "read and write is not sealed: give each a stage of its own"
        )
    templates = [text for text in _all_texts(entry) if "${" in text]
    if templates:
        raise StageError(
            f"dvc.yaml: {name}: the template {templates[0]!r} is not supported; "
            "write what it stands for"
        )
    meta = entry.get("meta") or {}
    if not isinstance(meta, dict) or not meta.keys() <= META:
        found = ", ".join(map(str, meta.keys() - META)) if isinstance(meta, dict) else repr(meta)
        raise StageError(
            f"dvc.yaml: {name}.meta: expected network, environment, records, checkpoints, gpu, "
            f"image or python, found {found}"
        )


def _all_texts(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [text for item in value.items() for part in item for text in _all_texts(part)]
    if isinstance(value, list):
        return [text for item in value for text in _all_texts(item)]
    return [value] if isinstance(value, str) else []


def _texts(name: str, kind: str, entries: Any) -> tuple[str, ...]:
    for entry in _list(name, kind, entries):
        if isinstance(entry, dict):
            raise StageError(
                f"dvc.yaml: {name}.{kind}: {', '.join(map(str, entry))}: "
                f"only plain names are supported here (parameters are those of {PARAMS})"
            )
        if not isinstance(entry, str):
            raise StageError(f"dvc.yaml: {name}.{kind}: expected a text, found {entry!r:.80}")
    return tuple(entries or ())


def _text(name: str, key: str, meta: dict[str, Any]) -> str:
    found = meta.get(key, "")
    if not isinstance(found, str):
        raise StageError(f"dvc.yaml: {name}.meta.{key}: expected a text, found {found!r:.80}")
    return found


def _list(name: str, kind: str, entries: Any) -> list[Any]:
    if not isinstance(entries, list | None):
        raise StageError(f"dvc.yaml: {name}.{kind}: expected a list, found {entries!r:.80}")
    return entries or []


def _paths(name: str, kind: str, entries: Any) -> tuple[str, ...]:
    return tuple(inside(PIPELINE, name, kind, path) for path in _texts(name, kind, entries))


def _outs(name: str, entry: dict[str, Any]) -> tuple[str, ...]:
    found = declared_outs(name, entry)
    for path, options in found:
        if options.get("persist"):
            raise StageError(
                f"dvc.yaml: {name}: {path}: `persist` is not supported: what a stage finds "
                "of its last run is an input that nobody declared"
            )
    return tuple(path for path, _ in found)


def declared_outs(name: str, entry: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    """Return the outs, metrics and plots of a stage with their options. Raises StageError."""
    found = []
    for kind in ("outs", "metrics", "plots"):
        for out in _list(name, kind, entry.get(kind)):
            for path, options in out.items() if isinstance(out, dict) else [(out, None)]:
                _texts(name, kind, [path])
                if not isinstance(options, dict | None):
                    raise StageError(
                        f"dvc.yaml: {name}.{kind}: {path}: expected options, found {options!r:.80}"
                    )
                found.append((inside(PIPELINE, name, kind, path), options or {}))
    return found


def inside(file: str, name: str, kind: str, path: str) -> str:
    """Return a path of `file` in its plain form. Raises StageError where it leads out."""
    pure = PurePosixPath(path)
    leaves = pure.is_absolute() or ".." in pure.parts or "://" in path or not pure.parts
    if leaves or re.search(r"[\x00-\x1f\x7f\ud800-\udfff]", path):
        raise StageError(
            f"{file}: {name}.{kind}: expected a path inside the project, found {path!r:.80}"
        )
    return str(pure)

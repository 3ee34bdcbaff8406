"""What dvc.yaml declares for one stage; what is not understood is refused by name."""

from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import yaml

from sealed.errors import StageError

PIPELINE = Path("dvc.yaml")
PARAMS = "params.yaml"
UNDERSTOOD = {"cmd", "deps", "params", "outs", "metrics", "plots", "meta"}
PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy")
NETWORK_VARIABLES = (*PROXIES, "REQUESTS_CA_BUNDLE", "SSL_CERT_FILE")
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
    stages = _load(root / PIPELINE)
    if name not in stages:
        raise StageError(
            f"dvc.yaml: expected one of the stages {', '.join(stages)}, found {name!r}"
        )
    entry = stages[name]
    if not isinstance(entry, dict):
        raise StageError(f"dvc.yaml: {name}: expected a stage, found {entry!r}")
    _refuse_what_is_not_understood(name, entry)
    meta = entry.get("meta") or {}
    network = meta.get("network", False) is True
    stage = Stage(
        name=name,
        deps=_paths(name, "deps", entry.get("deps")),
        params=_texts(name, "params", entry.get("params")),
        outs=tuple(
            path for kind in ("outs", "metrics", "plots") for path in _outs(name, kind, entry)
        ),
        records=_paths(name, "meta.records", meta.get("records")),
        network=network,
        gpu=meta.get("gpu", False) is True,
        checkpoints=meta.get("checkpoints", False) is True,
        environment=_texts(name, "meta.environment", meta.get("environment"))
        + NETWORK_VARIABLES * network,
    )
    if not any(PurePosixPath(stage.script).is_relative_to(dep) for dep in stage.deps):
        raise StageError(
            f"{stage.script} is not declared; add it to the deps of {name} in dvc.yaml"
        )
    return stage


def _load(path: Path) -> dict[str, Any]:
    try:
        document = yaml.load(path.read_text(encoding="utf-8"), yaml.CSafeLoader)
        return dict(document["stages"])
    except (OSError, UnicodeDecodeError, yaml.YAMLError, TypeError, KeyError, ValueError) as error:
        reason = " ".join(str(error).split())
        raise StageError(f"dvc.yaml: expected a mapping `stages`, found {reason}") from None


def _refuse_what_is_not_understood(name: str, entry: dict[str, Any]) -> None:
    for key in entry:
        if key not in UNDERSTOOD | IRRELEVANT:
            raise StageError(
                f"dvc.yaml: {name}: `{key}` is not supported; write the stage without it"
            )
    templates = [text for text in _all_texts(entry) if "${" in text]
    if templates:
        raise StageError(
            f"dvc.yaml: {name}: the template {templates[0]!r} is not supported; "
            "write what it stands for"
        )
    known = {"network", "environment", "records", "checkpoints", "gpu"}
    unknown = set(entry.get("meta") or {}) - known
    if unknown:
        raise StageError(
            f"dvc.yaml: {name}.meta: expected network, environment, records, checkpoints or gpu, "
            f"found {', '.join(sorted(unknown))}"
        )


def _all_texts(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [text for item in value.items() for part in item for text in _all_texts(part)]
    if isinstance(value, list):
        return [text for item in value for text in _all_texts(item)]
    return [value] if isinstance(value, str) else []


def _texts(name: str, kind: str, entries: list[Any] | None) -> tuple[str, ...]:
    for entry in entries or []:
        if isinstance(entry, dict):
            raise StageError(
                f"dvc.yaml: {name}.{kind}: {', '.join(map(str, entry))}: "
                f"only plain names are supported here (parameters are those of {PARAMS})"
            )
        if not isinstance(entry, str):
            raise StageError(f"dvc.yaml: {name}.{kind}: expected a text, found {entry!r}")
    return tuple(entries or ())


def _paths(name: str, kind: str, entries: list[Any] | None) -> tuple[str, ...]:
    return tuple(_inside(name, kind, path) for path in _texts(name, kind, entries))


def _outs(name: str, kind: str, entry: dict[str, Any]) -> list[str]:
    found = []
    for out in entry.get(kind) or []:
        path, options = next(iter(out.items())) if isinstance(out, dict) else (out, None)
        if (options or {}).get("persist"):
            raise StageError(
                f"dvc.yaml: {name}.{kind}: {path}: `persist` is not supported: what a stage finds "
                "of its last run is an input that nobody declared"
            )
        found.append(_inside(name, kind, *_texts(name, kind, [path])))
    return found


def _inside(name: str, kind: str, path: str) -> str:
    pure = PurePosixPath(path)
    if pure.is_absolute() or ".." in pure.parts or "://" in path or not pure.parts:
        raise StageError(
            f"dvc.yaml: {name}.{kind}: expected a path inside the project, found {path!r}"
        )
    return str(pure)

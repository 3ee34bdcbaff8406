"""One stage: what it declares as DVC resolves it, and what its `meta: {sealed: ...}` adds."""

import re
from collections.abc import Mapping
from pathlib import PurePosixPath
from types import MappingProxyType
from typing import Any, NamedTuple

from dvcproject.address import PIPELINE, Address
from dvcproject.declared import resolution
from dvcproject.paths import inside, is_url, leaves, require_printable
from sealed import settings
from sealed.errors import StageError
from sealed.settings import NETWORK_VARIABLES, NONE, Settings

PARAMS = "params.yaml"
OWN = re.compile(r"(?:\./)?stages/run ([\w-]+)")  # a command that is this launcher


class Stage(NamedTuple):
    """One stage; its paths are relative to the project, which is DVC's root."""

    file: str  # the dvc.yaml that declares it
    name: str  # in that file: `train`, `each@1`
    commands: tuple[str, ...]  # for a shell, one after the other
    wdir: str = "."
    deps: tuple[str, ...] = ()
    params: Mapping[str, tuple[str, ...]] = MappingProxyType({})  # file -> keys; (): whole
    outs: tuple[str, ...] = ()  # outs, metrics and plots
    cached: tuple[str, ...] = ()  # of these, what DVC keeps in its cache
    persistent: tuple[str, ...] = ()  # of these, what DVC leaves there: the stage finds its last
    outside: tuple[str, ...] = ()  # deps elsewhere on this machine: `/...` or `../...`
    remote: tuple[str, ...] = ()  # deps and outs that are URLs
    settings: Settings = NONE
    misplaced: tuple[str, ...] = ()  # our settings that stand in `meta` itself, without effect
    sealed: bool = True
    peered: bool = False  # others run it at the same time, and they talk over the network

    @property
    def address(self) -> str:
        """Its name among all stages of the project, as DVC writes it in the root."""
        return self.name if self.file == PIPELINE else f"{self.file}:{self.name}"

    @property
    def slug(self) -> str:
        """Its address as the name of a file."""
        return slug(self.address)

    @property
    def script(self) -> str:
        """The script that `stages/run NAME` stands for; nothing where it has another command."""
        own = OWN.fullmatch(self.commands[0].strip()) if len(self.commands) == 1 else None
        return f"stages/{own[1]}.py" if own else ""

    @property
    def what(self) -> str:
        """What runs, in a few words."""
        return self.script or self.address

    @property
    def written(self) -> tuple[str, ...]:
        """All that the stage must write."""
        return self.outs + self.settings.records

    @property
    def network(self) -> bool:
        """Whether it may use the network: where it says so, or declares what lies there."""
        return self.settings.network or bool(self.remote)

    @property
    def environment(self) -> tuple[str, ...]:
        """Names of variables that it sees where they are set."""
        own = self.settings
        names = own.environment + own.resources + own.peers
        return names + NETWORK_VARIABLES * self.network

    @property
    def gpu(self) -> bool:
        """Whether it may ask for a GPU; it runs without where there is none."""
        return self.settings.gpu

    @property
    def image(self) -> str:
        """What it runs in: an image's name, or a dep, a folder with a Dockerfile."""
        return self.settings.image

    @property
    def python(self) -> str:
        """A dep, the lock of an environment of its own."""
        return self.settings.python

    @property
    def checkpoints(self) -> bool:
        """Whether a folder of it outlives a run that was killed, until one succeeds."""
        return self.settings.checkpoints


def read(address: Address) -> Stage:
    """Read a stage of a project. Raises StageError."""
    stage = of(resolution.one(address.root, address.file, address.name))
    _require_sealable(stage)
    return stage


def among_peers(stage: Stage, environ: Mapping[str, str]) -> Stage:
    """Return the stage as it is where its variables say that it is one of several, or not.

    A number of peers that is 1 says that it is not: Slurm's of a step, SLURM_STEP_NUM_TASKS, is
    there for each `srun`.
    """
    told = {environ.get(name, "") for name in stage.settings.peers}
    return stage._replace(peered=bool(told - {"", "1"}))


def turn(stage: Stage, words: str | None, done: int) -> str:
    """Return the command to run after `done` of a stage's: `words`, or its only one without.

    Raises StageError where that is another one.
    """
    if words is None and len(stage.commands) == 1:
        return stage.commands[0]
    if words is None:
        raise StageError(
            f"{stage.file}: {stage.name}.cmd: expected one command, found {len(stage.commands)}; "
            f"`sealed repro {stage.address}` runs them in one sandbox"
        )
    if words != stage.commands[done]:
        raise StageError(
            f"{stage.file}: {stage.name}.cmd: expected {stage.commands[done]!r:.80}, found "
            f"{words!r:.80}: it was edited, or another run is between two commands; run it again"
        )
    return words


def of(found: dict[str, Any]) -> Stage:
    """Return a stage of what `declared` says of it. Raises StageError."""
    name, file, wdir = found["name"], found["file"], found["wdir"]
    where = f"{file}: {name}"
    read = settings.read(where, found["meta"])
    records = [_record(path, file, name, wdir) for path in read.records]
    outs = {out["path"]: out for out in found["outs"]}
    local = [path for path in outs if not is_url(path)]
    sealed = not isinstance(found["meta"], dict) or found["meta"].get("sealed") is not False
    deps = [path for path in found["deps"] if not is_url(path)]
    for path in [*local, *deps, *found["params"]]:
        require_printable(path, where)
    return Stage(
        file=file,
        name=name,
        commands=tuple(found["commands"]),
        wdir=wdir,
        deps=tuple(path for path in deps if not leaves(path)),
        params={path: tuple(keys) for path, keys in found["params"].items()},
        outs=tuple(local),
        cached=tuple(path for path in local if outs[path]["cache"]),
        persistent=tuple(path for path in local if outs[path]["persist"]),
        outside=tuple(path for path in deps if leaves(path)),
        remote=tuple(path for path in [*found["deps"], *outs] if is_url(path)),
        misplaced=settings.misplaced(found["meta"]) if sealed else (),
        sealed=sealed,
        settings=read._replace(records=tuple(records)),
    )


def _require_sealable(stage: Stage) -> None:
    for path in stage.outs if stage.sealed else ():
        if leaves(path):
            raise StageError(
                f"{stage.file}: {stage.name}: {path}: an out outside the project cannot be "
                "published whole; declare one inside, or `meta: {sealed: false}` to run the stage "
                "unsealed"
            )
    script = PurePosixPath(stage.script)
    if stage.script and not any(script.is_relative_to(dep) for dep in stage.deps):
        raise StageError(
            f"{stage.script} is not declared; add it to the deps of {stage.name} in {stage.file}"
        )


def _record(path: str, file: str, name: str, wdir: str) -> str:
    """Return a record's path in the project; like an out's it is written from the stage's wdir."""
    return str(PurePosixPath(wdir) / inside(file, name, "meta.sealed.records", path))


def slug(address: str) -> str:
    """Return the address of a stage as the name of a file."""
    return re.sub(r"[^\w.@-]", "-", address)

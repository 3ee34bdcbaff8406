"""A folder that outlives a stage that was killed: what it keeps there, the next run finds.

Its name is a digest of the stage's commands and of all that it sees, so that no run finds the
checkpoints of another one. What `meta: {sealed: {resources: [...]}}` names is left out: it changes
where and how the stage runs, not what it computes. The folder lives until dvc.lock names the outs
that were made from it: DVC takes them into its cache after the stage has ended, and where that
fails (a full disk) the next run goes on from here. In dvc.yaml:
`meta: {sealed: {checkpoints: true}}`.
"""

import hashlib
import json
import shutil
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path

from dvcproject import content, folder, lock
from dvcproject.address import Address
from dvcproject.errors import ProjectError
from sealed.sandbox.sandbox import Sandbox
from sealed.stage import Stage

VARIABLE = "STAGE_CHECKPOINTS"  # the stage finds the folder's path here
PUBLISHED = ".published"  # beside a folder: the MD5 of each out that was made from it

NOT_A_NOTE = (ValueError, TypeError, LookupError, AttributeError, RecursionError)


def opened(
    stage: Stage, sandbox: Sandbox, image: str, root: Path, environ: Mapping[str, str]
) -> Path | None:
    """Return the folder of this stage for these inputs in this image, made if it is not there."""
    if not stage.checkpoints:
        return None
    digest = hashlib.sha256(json.dumps([image, *_recipe(stage, environ)]).encode())
    for path, place in sorted(_seen(sandbox)):
        with place.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
        digest.update(f"\0{path}\0{found}".encode())
    place = _all(root) / stage.slug / digest.hexdigest()[:16]
    place.mkdir(parents=True, exist_ok=True)
    return place.absolute()


def _recipe(stage: Stage, environ: Mapping[str, str]) -> tuple[object, ...]:
    """Return what decides the results of a stage beside its files: commands, wdir, variables."""
    variables = {name: environ.get(name, "") for name in stage.settings.environment}
    return stage.commands, stage.wdir, sorted(variables.items())


def _seen(sandbox: Sandbox) -> Iterator[tuple[str, Path]]:
    """Yield each file that the stage sees, by its name, and where it lies."""
    bound = sandbox.inputs.bound
    yield from ((path, sandbox.path / path) for path in sandbox.given.keys() - bound.keys())
    for name, place in bound.items():
        inside = [path for path in sandbox.inputs.files if path.startswith(f"{name}/")]
        yield from ((path, place / path[len(name) + 1 :]) for path in inside)
        if not inside:
            yield name, place


def note(stage: Stage, sandbox: Sandbox) -> None:
    """Note which outs are about to be published."""
    if sandbox.kept is None:
        return
    outs = {out: _md5(sandbox.path / out, sandbox.path) for out in stage.outs}
    note = {"stage": [stage.file, stage.name, stage.wdir], "outs": outs}
    with suppress(OSError):  # a full disk; the folder then lives until a run of other inputs
        sandbox.kept.with_suffix(PUBLISHED).write_text(json.dumps(note), encoding="utf-8")


def discard_others(sandbox: Sandbox) -> None:
    """Remove the folders of other inputs, once the stage has succeeded with these."""
    if sandbox.kept is None:
        return
    for path in sandbox.kept.parent.iterdir():
        if path.stem != sandbox.kept.stem:
            _remove(path)


def sweep(root: Path) -> None:
    """Remove the folders, of all stages, whose outs dvc.lock names by now."""
    for note in _all(root).glob(f"*/*{PUBLISHED}"):
        with suppress(ProjectError, OSError, *NOT_A_NOTE):  # what cannot be told lives on
            noted = json.loads(note.read_bytes())
            outs = lock.outputs_of(Address(root, *noted["stage"]))
            named = {out.path: out.content.md5 for out in outs}
            if all(named.get(path) == md5 for path, md5 in noted["outs"].items()):
                _remove(note.with_suffix(""))
                _remove(note)


def _md5(path: Path, root: Path) -> str:
    if path.is_dir():
        return folder.digest(folder.listing(path, root))
    return content.content(path).md5


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def _all(root: Path) -> Path:
    return root / ".dvc/tmp/checkpoints"

"""Where a training stands, on disk: kill it at any moment, and it goes on bit for bit.

In the folder that is given, each checkpoint is a folder `step-00000100` with `state.npz`,
`curve.json` and, written last, `manifest.json` with the SHA-256 of the two. It appears by one
rename; the last two are kept, so that one which was damaged leaves the one before.
"""

import hashlib
import json
import os
import shutil
import sys
import zipfile
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mnist import document
from mnist.errors import UserError

VARIABLE = "STAGE_CHECKPOINTS"
KEPT = 2
STATE, CURVE, MANIFEST = "state.npz", "curve.json", "manifest.json"


class Checkpoint(NamedTuple):
    """All that the steps to come depend on; randomness derives from the seed and the step."""

    step: int  # steps done
    arrays: list[NDArray[Any]]  # each variable, in one order
    curve: list[list[float]]  # the rows of the learning curve so far


def folder() -> Path | None:
    """Return the folder that whoever started the stage gives for its checkpoints, if any."""
    given = os.environ.get(VARIABLE)
    return Path(given) if given else None


def save(checkpoint: Checkpoint, where: Path) -> None:
    """Publish one checkpoint in `where`, an existing folder, and drop all but the last two.

    Raises UserError when the disk is full; the run goes on from the last one that was written.
    """
    try:
        _save(checkpoint, where)
    except OSError as error:
        raise UserError(
            f"checkpoint of step {checkpoint.step}: {error.strerror or error}; free some space "
            "and run it again, it goes on from the checkpoint before"
        ) from None


def _save(checkpoint: Checkpoint, where: Path) -> None:
    fresh = where / f".fresh-{checkpoint.step:08}"
    shutil.rmtree(fresh, ignore_errors=True)  # of a run that was killed here
    fresh.mkdir()
    np.savez(fresh / STATE, *checkpoint.arrays)
    (fresh / CURVE).write_text(json.dumps(checkpoint.curve), encoding="utf-8")
    manifest = {name: _digest(fresh / name) for name in (STATE, CURVE)}
    (fresh / MANIFEST).write_text(json.dumps(manifest), encoding="utf-8")
    published = where / f"step-{checkpoint.step:08}"
    shutil.rmtree(published, ignore_errors=True)  # damaged, or it would have been resumed
    fresh.rename(published)
    for old in _all(where)[KEPT:]:
        shutil.rmtree(old)


def load(where: Path) -> Checkpoint | None:
    """Return the last checkpoint in `where` that is whole; warn of those that are not."""
    for path in _all(where):
        try:
            return _load(path)
        except (OSError, ValueError, KeyError, TypeError, zipfile.BadZipFile) as error:
            warning = f"checkpoint {path.name} is passed over: {document.reason(error)}"
            print(f"warning: {warning}", file=sys.stderr)
    return None


def _load(path: Path) -> Checkpoint:
    """Load what agrees with its manifest: digests first, nothing is parsed before, no pickles."""
    manifest = json.loads((path / MANIFEST).read_text(encoding="utf-8"))
    for name in (STATE, CURVE):
        if _digest(path / name) != manifest[name]:
            raise ValueError(f"expected the SHA-256 of {name} that {MANIFEST} gives, found another")
    with np.load(path / STATE, allow_pickle=False) as arrays:
        state = [arrays[f"arr_{i}"] for i in range(len(arrays.files))]  # as numpy names them
    curve = json.loads((path / CURVE).read_text(encoding="utf-8"))
    return Checkpoint(int(path.name.removeprefix("step-")), state, curve)


def _all(where: Path) -> list[Path]:
    """List the checkpoints, the last first."""
    return sorted(where.glob("step-*"), reverse=True)


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()

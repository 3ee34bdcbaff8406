"""Checkpoints of a training, from which it resumes bit for bit after a kill at any moment.

Each is a folder `step-00000100` with `state.npz`, `curve.json` and, written last, `manifest.json`
with the SHA-256 of the two. It appears by one rename. The last two are kept, as one may be damaged.
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
    """Everything that later steps depend on; randomness derives from the seed and the step."""

    step: int  # steps done
    arrays: list[NDArray[Any]]  # the variables, in a fixed order
    curve: list[list[float]]  # the rows of the learning curve so far


def folder() -> Path | None:
    """Return the folder for checkpoints that the launcher of the stage provides, if any."""
    path = os.environ.get(VARIABLE)
    return Path(path) if path else None


def save(checkpoint: Checkpoint, folder: Path) -> None:
    """Write one checkpoint into an existing folder, and delete all but the last two.

    Raises UserError if the disk is full; the next run resumes from the last complete checkpoint.
    """
    try:
        _save(checkpoint, folder)
    except OSError as error:
        raise UserError(
            f"checkpoint of step {checkpoint.step}: {error.strerror or error}; free some space "
            "and run it again, it goes on from the checkpoint before"
        ) from None


def _save(checkpoint: Checkpoint, folder: Path) -> None:
    fresh = folder / f".fresh-{checkpoint.step:08}"
    shutil.rmtree(fresh, ignore_errors=True)  # of a run that was killed here
    fresh.mkdir()
    np.savez(fresh / STATE, *checkpoint.arrays)
    (fresh / CURVE).write_text(json.dumps(checkpoint.curve), encoding="utf-8")
    manifest = {name: _digest(fresh / name) for name in (STATE, CURVE)}
    (fresh / MANIFEST).write_text(json.dumps(manifest), encoding="utf-8")
    published = folder / f"step-{checkpoint.step:08}"
    shutil.rmtree(published, ignore_errors=True)  # damaged, or it would have been resumed
    fresh.rename(published)
    for old in _all(folder)[KEPT:]:
        shutil.rmtree(old)


def load(folder: Path) -> Checkpoint | None:
    """Return the last complete checkpoint in a folder; print a warning for damaged ones."""
    for path in _all(folder):
        try:
            return _load(path)
        except (OSError, ValueError, KeyError, TypeError, zipfile.BadZipFile) as error:
            warning = f"checkpoint {path.name} is passed over: {document.reason(error)}"
            print(f"warning: {warning}", file=sys.stderr)
    return None


def _load(path: Path) -> Checkpoint:
    """Load a checkpoint; nothing is parsed before its digest is checked, and no pickles."""
    manifest = json.loads((path / MANIFEST).read_text(encoding="utf-8"))
    for name in (STATE, CURVE):
        if _digest(path / name) != manifest[name]:
            raise ValueError(f"expected the SHA-256 of {name} that {MANIFEST} gives, found another")
    with np.load(path / STATE, allow_pickle=False) as arrays:
        state = [arrays[f"arr_{i}"] for i in range(len(arrays.files))]  # as numpy names them
    curve = json.loads((path / CURVE).read_text(encoding="utf-8"))
    return Checkpoint(int(path.name.removeprefix("step-")), state, curve)


def _all(folder: Path) -> list[Path]:
    """List the checkpoints, the last first."""
    return sorted(folder.glob("step-*"), reverse=True)


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()

"""Does a clean copy train the same bytes? `python -m review.retrain`, in the project's folder.

Puts what HEAD holds of it into a temporary folder, runs the whole pipeline there without any cache,
and compares every output with dvc.lock. Exit status: 0 where all are equal, or differ only where
nobody promises that they do not; 1 where they differ; 2 where the run itself failed.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from review import pipeline, provenance, readings
from review.command import run
from review.errors import UserError
from review.readings import Table
from review.record import COLUMNS, PREDICTIONS
from review.revision import workspace

ENVIRONMENT = "metrics/environment.json"
TRAINED = {"train", "evaluate"}  # the stages whose bytes depend on the platform
SETTINGS = (
    "[core]\n    analytics = false\n    no_scm = true\n[cache]\n    dir = cache\n    type = copy\n"
)


class Snapshot(NamedTuple):
    """What a project holds after a run."""

    outputs: dict[tuple[str, str], str]  # (stage, path) -> MD5
    platform: dict[str, Any]  # empty where the record is not of this model
    predictions: Table
    portable: bool


def main() -> None:
    """Verify what HEAD holds of the working directory."""
    root = Path.cwd()
    if edited := _git(root, "status", "--porcelain", "-z", "--no-renames", ".").decode(
        errors="replace"
    ):
        prefix = _git(root, "rev-parse", "--show-prefix").decode(errors="replace").strip("\n")
        names = ", ".join(entry[3:].removeprefix(prefix) for entry in edited.split("\0")[:-1])
        print(f"verify: HEAD is verified, without what is not committed: {names}", file=sys.stderr)
    with tempfile.TemporaryDirectory(prefix="verify-") as folder:
        copy = Path(folder) / "copy"
        take(root, copy)
        before = snapshot(copy)
        reproduce(copy, root / ".venv")
        after = snapshot(copy)
    print("verify: " + judge(before, after))


def take(root: Path, copy: Path) -> None:
    """Write what HEAD holds of the folder `root` to a new folder `copy`.

    No clone: that would be of the whole repository, of which the project may be one folder.
    """
    archive = _git(root, "archive", "--format=tar", "HEAD")
    copy.mkdir()
    command = ["tar", "--extract", "--file=-"]
    subprocess.run(command, cwd=copy, input=archive, check=True)  # noqa: S603


def reproduce(copy: Path, environment: Path) -> None:
    """Run every stage in a copy, from nothing. Raises UserError when one fails."""
    (copy / ".venv").symlink_to(environment)
    (copy / ".dvc/config.local").write_text(SETTINGS, encoding="utf-8")
    site = copy / ".dvc/tmp/site-cache"
    site.mkdir(mode=0o700, parents=True)
    command = [sys.executable, "-m", "dvc", "repro", "--force", "--no-run-cache"]
    variables = os.environ | {"DVC_SITE_CACHE_DIR": str(site)}
    if subprocess.run(command, cwd=copy, env=variables, check=False).returncode:  # noqa: S603
        raise UserError("verify: the pipeline failed in a clean copy; its own message is above")


def snapshot(root: Path) -> Snapshot:
    """Read what dvc.lock and metrics/ say. Raises UserError for what is missing or malformed."""
    copy = workspace(root)._replace(name="HEAD")
    for path in (ENVIRONMENT, PREDICTIONS):
        copy.require(path)
    stages = pipeline.recorded(copy)
    outputs = {(n, path): md5 for n, stage in stages.items() for path, md5 in stage.outs.items()}
    digests = {path: md5 for (_, path), md5 in outputs.items()}
    record = readings.mapping(copy, ENVIRONMENT)
    return Snapshot(
        outputs,
        provenance.platform(record, digests.get),
        readings.table(copy, PREDICTIONS, COLUMNS[PREDICTIONS]) or {},
        # whatever is not said to be of this machine is held to the promise
        pipeline.flatten(pipeline.params(copy)).get("train.reproducible") != "machine",
    )


def judge(before: Snapshot, after: Snapshot) -> str:
    """Say whether two runs gave the same bytes; if not, why that may be.

    Raises DifferentBytesError where the same bytes are promised.
    """
    keys = sorted(before.outputs.keys() | after.outputs.keys())
    differ = [key for key in keys if before.outputs.get(key) != after.outputs.get(key)]
    if not differ:
        return f"{len(keys)} outputs of a clean copy are the same bytes, on {_say(after.platform)}"
    names = ", ".join(path for _, path in differ)
    known = before.platform and after.platform
    why = reasons(before.platform, after.platform, portable=before.portable) if known else []
    broken = [path for stage, path in differ if stage not in TRAINED or not why]
    if broken:
        raise DifferentBytesError(
            f"verify: expected the bytes that dvc.lock names, found others: {', '.join(broken)}; "
            f"{'' if known else f'what HEAD was made on is {provenance.UNKNOWN}; '}"
            f"on {_say(after.platform)}; {distance(before.predictions, after.predictions)}"
        )
    return (
        f"{names} differ, where the same bytes are not promised: {'; '.join(why)}; "
        f"{distance(before.predictions, after.predictions)}"
    )


class DifferentBytesError(Exception):
    """Bytes that are promised to be the same are not."""


def reasons(before: dict[str, Any], after: dict[str, Any], *, portable: bool) -> list[str]:
    """List why the same bytes are not promised between two platforms."""
    keys = ["packages"] if portable else ["packages", "processor", "flags", "cores"]
    found = [
        f"{key} {_short(before.get(key))} then, {_short(after[key])} now"
        for key in keys
        if before.get(key) != after[key]
    ]
    if before.get("gpus") or after["gpus"]:
        found.append(f"GPUs {_short(before.get('gpus'))} then, {_short(after['gpus'])} now")
    if portable and "avx2" not in after["flags"]:
        found.append("no AVX2 now")
    return found


def distance(before: Table, after: Table) -> str:
    """Say how far two tables of predictions, row by row of the same images, are apart."""
    images = min(len(before["predicted"]), len(after["predicted"]))
    then, now = ({name: column[:images] for name, column in t.items()} for t in (before, after))
    changed = np.count_nonzero(then["predicted"] != now["predicted"])
    gap = np.abs(then["probability"] - now["probability"]).max()
    return (
        f"{changed} of {images} images are read as another digit, "
        f"the probability differs by {gap:.6f} at most"
    )


def _short(value: Any) -> str:
    if isinstance(value, dict):
        return " ".join(f"{name} {version}" for name, version in value.items())
    return " ".join(map(str, value)) or "none" if isinstance(value, list) else str(value)


def _say(platform: dict[str, Any]) -> str:
    if not platform:
        return "a platform that is " + provenance.UNKNOWN
    return f"{platform['processor']}, Python {platform['python']}, {_short(platform['packages'])}"


def _git(root: Path, *arguments: str) -> bytes:
    try:
        command = ["git", *arguments]
        return subprocess.run(command, cwd=root, capture_output=True, check=True).stdout  # noqa: S603
    except FileNotFoundError:
        reason = "there is no such program"
    except subprocess.CalledProcessError as failed:
        reason = " ".join(failed.stderr.decode(errors="replace").split())
    raise UserError(
        f"verify: RETRAIN=1 runs what git holds of {root}: git {arguments[0]} failed ({reason})"
    )


if __name__ == "__main__":
    try:
        run(main)
    except DifferentBytesError as found:
        print(found, file=sys.stderr)
        sys.exit(1)

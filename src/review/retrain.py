"""Runs a clean copy of what HEAD holds, and compares every output with dvc.lock."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from dvcproject.git import ask, environment_elsewhere
from dvcproject.revision import workspace
from review.errors import UserError
from review.record import pipeline, predictions, provenance, readings, recipe, sources
from review.record.pipeline import Declared
from review.record.predictions import Predictions

SETTINGS = (
    "[core]\n    analytics = false\n    no_scm = true\n[cache]\n    dir = cache\n    type = copy\n"
)


class Snapshot(NamedTuple):
    """What a project holds after a run."""

    outputs: dict[tuple[str, str], str]  # (stage, path) -> MD5
    platform: dict[str, Any]  # empty where the record is not of this model
    records: tuple[str, ...]  # where it would lie
    trained: frozenset[str]  # the stages whose bytes depend on the platform
    predictions: Predictions | None
    portable: bool


class Promise(NamedTuple):
    """Where the same bytes are promised."""

    unless: str = ""  # KEY=VALUE of a param: not on another processor
    flag: str = ""  # what a processor must have


def edited(root: Path) -> list[str]:
    """Return the files of a project that differ from HEAD."""
    status = _git(root, "status", "--porcelain", "-z", "--no-renames", ".").decode(errors="replace")
    if not status:
        return []
    prefix = _git(root, "rev-parse", "--show-prefix").decode(errors="replace").strip("\n")
    return [entry[3:].removeprefix(prefix) for entry in status.split("\0")[:-1]]


def check(root: Path, promise: Promise) -> str:
    """Run what HEAD holds of a project in a clean copy; report how its outputs compare.

    Raises UserError where that fails, DifferentBytesError where the same bytes are promised.
    """
    with tempfile.TemporaryDirectory(prefix="verify-") as folder:
        copy = Path(folder) / "copy"
        take(root, copy)
        before = snapshot(copy, promise)
        reproduce(copy, root / ".venv")
        after = snapshot(copy, promise)
    return judge(before, after, promise)


def take(root: Path, copy: Path) -> None:
    """Write what HEAD holds of the folder `root` to a new folder `copy`, with our settings for DVC.

    No clone: that would be of the whole repository, of which the project may be one folder.
    """
    commit = _git(root, "rev-parse", "--verify", "HEAD^{commit}").decode().strip()
    where = f"verify: RETRAIN=1 runs what git holds of {root}: git archive failed"
    archive = ask(root, where, "archive", "--format=tar", commit)
    copy.mkdir()
    command = ["tar", "--extract", "--file=-"]
    subprocess.run(command, cwd=copy, input=archive, check=True)  # noqa: S603
    # before DVC is asked anything: the copy is no git repository
    (copy / ".dvc/config.local").write_text(SETTINGS, encoding="utf-8")


def reproduce(copy: Path, environment: Path) -> None:
    """Run every stage in a copy, from nothing. Raises UserError when one fails."""
    if environment.exists():
        (copy / ".venv").symlink_to(environment)
    site = copy / ".dvc/tmp/site-cache"
    site.mkdir(mode=0o700, parents=True)
    command = [sys.executable, "-m", "dvc", "repro", "--force", "--no-run-cache"]
    variables = environment_elsewhere() | {"DVC_SITE_CACHE_DIR": str(site)}
    if subprocess.run(command, cwd=copy, env=variables, check=False).returncode:  # noqa: S603
        failed = "verify: the pipeline failed in a clean copy; its own message is above"
        raise UserError(failed + _no_programs(copy))


def _no_programs(folder: Path) -> str:
    """Say that no program may run in a folder, where that is so; TMPDIR decided where it lies."""
    if not os.statvfs(folder).f_flag & os.ST_NOEXEC:
        return ""
    return (
        f". The copy is in {tempfile.gettempdir()}, where no program may run (mounted noexec): if "
        "that is the reason, run `export TMPDIR=/var/tmp`, or name another folder, and try again"
    )


def snapshot(root: Path, promise: Promise = Promise()) -> Snapshot:  # noqa: B008  # a constant
    """Read what dvc.lock and the small files say. Raises UserError for what is malformed."""
    copy = workspace(root, "HEAD")
    found, stages = sources.find(copy), pipeline.recorded(copy)
    outputs = {(n, path): md5 for n, stage in stages.items() for path, md5 in stage.outs.items()}
    digests = {path: md5 for (_, path), md5 in outputs.items()}
    records = {path: readings.mapping(copy, path) or {} for path in found.records}
    tables = [table for table in found.predictions if copy.read(table.path) is not None]
    key, _, value = promise.unless.partition("=")
    return Snapshot(
        outputs,
        provenance.of(records, digests.get),
        found.records,
        _trained(pipeline.declared(copy)),
        predictions.read(copy, tables[0]) if tables else None,
        # whatever is not said to be of this machine is held to the promise
        not key or str(recipe.read(copy).get(key)) != value,
    )


def _trained(stages: dict[str, Declared]) -> frozenset[str]:
    """Return the stages that record what they ran on, and those that depend on their outputs."""
    found = {name for name, stage in stages.items() if stage.records}
    while True:
        made = {path for name in found for path in stages[name].outs}
        more = {name for name, stage in stages.items() if not made.isdisjoint(stage.deps)}
        if more <= found:
            return frozenset(found)
        found |= more


def judge(before: Snapshot, after: Snapshot, promise: Promise) -> str:
    """Say whether two runs gave the same bytes; if not, why that may be.

    Raises DifferentBytesError where the same bytes are promised.
    """
    keys = sorted(before.outputs.keys() | after.outputs.keys())
    differ = [key for key in keys if before.outputs.get(key) != after.outputs.get(key)]
    if not differ:
        return f"{len(keys)} outputs of a clean copy are the same bytes, on {_say(after)}"
    names = ", ".join(path for _, path in differ)
    known = before.platform and after.platform
    why = reasons(before, after.platform, promise.flag) if known else []
    unknown = "" if known else f"what HEAD was made on is {provenance.unknown(after.records)}; "
    broken = [path for stage, path in differ if stage not in after.trained or not why]
    if broken:
        raise DifferentBytesError(
            f"verify: expected the bytes that dvc.lock names, found others: {', '.join(broken)}; "
            f"{unknown}on {_say(after)}; {distance(before.predictions, after.predictions)}"
        )
    return (
        f"{names} differ, where the same bytes are not promised: {'; '.join(why)}; "
        f"{distance(before.predictions, after.predictions)}"
    )


class DifferentBytesError(Exception):
    """Bytes that are promised to be the same are not."""


def reasons(before: Snapshot, now: dict[str, Any], flag: str) -> list[str]:
    """List why the same bytes are not promised between two platforms."""
    then, machine = before.platform, ["processor", "flags", "cores"]
    found = [
        f"{key} {_short(then.get(key))} then, {_short(now.get(key))} now"
        for key in ["packages", *([] if before.portable else machine)]
        if then.get(key) != now.get(key)
    ]
    if then.get("gpus") or now.get("gpus"):
        found.append(f"GPUs {_short(then.get('gpus'))} then, {_short(now.get('gpus'))} now")
    if before.portable and flag and flag not in now.get("flags", []):
        found.append(f"no {flag.upper()} now")
    return found


def distance(before: Predictions | None, after: Predictions | None) -> str:
    """Say how far two tables of predictions, row by row of the same test set, are apart."""
    if before is None or after is None:
        return "there are no predictions to compare"
    rows = min(before.rows, after.rows)
    pairs = zip(before.predicted[:rows], after.predicted[:rows], strict=True)
    changed = sum(before.classes[was] != after.classes[now] for was, now in pairs)
    text = f"{changed} of {rows} rows are read as another class"
    if before.probability is None or after.probability is None:
        return text
    gap = np.abs(before.probability[:rows] - after.probability[:rows]).max()
    return f"{text}, the probability differs by {gap:.6f} at most"


def _short(value: Any) -> str:
    if isinstance(value, dict):
        return " ".join(f"{name} {version}" for name, version in value.items())
    return " ".join(map(str, value)) or "none" if isinstance(value, list) else str(value)


def _say(found: Snapshot) -> str:
    if not found.platform:
        return "a platform that is " + provenance.unknown(found.records or ["record"])
    said = {key: _short(value) for key, value in found.platform.items()}
    python = f"Python {said['python']}" if "python" in said else ""
    return ", ".join(filter(None, [said.get("processor"), python, said.get("packages")]))


def _git(root: Path, *arguments: str) -> bytes:
    try:
        command = ["git", *arguments]
        return subprocess.run(command, cwd=root, capture_output=True, check=True).stdout  # noqa: S603
    except FileNotFoundError:
        reason = "there is no such program"
    except subprocess.CalledProcessError as failed:
        reason = " ".join(failed.stderr.decode(errors="replace").split())
    raise UserError(
        f"verify: RETRAIN=1 runs what git holds of {root}: git {arguments[0]} failed ({reason}); "
        "it needs a clone of the project, with a commit"
    )

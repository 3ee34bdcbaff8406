"""Does a clean clone train the same bytes? `python -m mnist.verify`, in the project's folder.

Clones HEAD into a temporary folder, runs the whole pipeline there without any cache, and compares
every output with dvc.lock. Exit status: 0 where all are equal, or differ only where nobody promises
that they do not; 1 where they differ; 2 where the run itself failed.
"""

import csv
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from mnist import provenance
from mnist.errors import UserError, run

ENVIRONMENT = Path("metrics/environment.json")
PREDICTIONS = Path("metrics/predictions.csv")
TRAINED = {"train", "evaluate"}  # the stages whose bytes depend on the platform
SETTINGS = "[core]\n    analytics = false\n[cache]\n    dir = cache\n    type = copy\n"


class Snapshot(NamedTuple):
    """What a project holds after a run."""

    outputs: dict[tuple[str, str], str]  # (stage, path) -> MD5
    platform: dict[str, Any]  # empty where the record is not of this model
    predictions: list[dict[str, str]]
    portable: bool


def main() -> None:
    """Verify HEAD of the repository in the working directory."""
    root = Path.cwd()
    if edited := _git(root, "status", "--porcelain"):
        names = ", ".join(line[3:] for line in edited.splitlines())
        print(f"verify: HEAD is verified, without what is not committed: {names}", file=sys.stderr)
    with tempfile.TemporaryDirectory(prefix="verify-") as folder:
        clone = Path(folder) / "clone"
        _git(root, "clone", "--quiet", "--no-hardlinks", str(root), str(clone))
        before = snapshot(clone)
        reproduce(clone, root / ".venv")
        after = snapshot(clone)
    print("verify: " + judge(before, after))


def reproduce(clone: Path, environment: Path) -> None:
    """Run every stage in a clone, from nothing. Raises UserError when one fails."""
    (clone / ".venv").symlink_to(environment)
    (clone / ".dvc/config.local").write_text(SETTINGS, encoding="utf-8")
    site = clone / ".dvc/tmp/site-cache"
    site.mkdir(mode=0o700, parents=True)
    command = [sys.executable, "-m", "dvc", "repro", "--force", "--no-run-cache"]
    variables = os.environ | {"DVC_SITE_CACHE_DIR": str(site)}
    if subprocess.run(command, cwd=clone, env=variables, check=False).returncode:  # noqa: S603
        raise UserError("verify: the pipeline failed in a clean clone; its own message is above")


def snapshot(root: Path) -> Snapshot:
    """Read what dvc.lock and metrics/ say. Raises UserError where a file is missing."""
    try:
        stages = yaml.safe_load((root / "dvc.lock").read_text(encoding="utf-8"))["stages"]
        params = yaml.safe_load((root / "params.yaml").read_text(encoding="utf-8"))
        with (root / PREDICTIONS).open(encoding="utf-8", newline="") as file:
            predictions = list(csv.DictReader(file))
        outputs = {
            (n, out["path"]): out["md5"] for n, stage in stages.items() for out in stage["outs"]
        }
        digests = {path: md5 for (_, path), md5 in outputs.items()}
        record = json.loads((root / ENVIRONMENT).read_text(encoding="utf-8"))
        return Snapshot(
            outputs,
            provenance.platform(record, digests.get),
            predictions,
            params["train"]["reproducible"] == "portable",
        )
    except FileNotFoundError as error:
        name = Path(error.filename).relative_to(root)
        raise UserError(f"{name}: HEAD has no such file; run `dvc repro` and commit it") from None


def judge(before: Snapshot, after: Snapshot) -> str:
    """Say whether two runs gave the same bytes; if not, why that may be.

    Raises DifferentBytesError where the same bytes are promised.
    """
    keys = sorted(before.outputs.keys() | after.outputs.keys())
    differ = [key for key in keys if before.outputs.get(key) != after.outputs.get(key)]
    if not differ:
        return f"{len(keys)} outputs of a clean clone are the same bytes, on {_say(after.platform)}"
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


def distance(before: list[dict[str, str]], after: list[dict[str, str]]) -> str:
    """Say how far two tables of predictions, row by row of the same images, are apart."""
    pairs = list(zip(before, after, strict=False))
    changed = sum(a["predicted"] != b["predicted"] for a, b in pairs)
    gaps = [abs(float(a["probability"]) - float(b["probability"])) for a, b in pairs]
    return (
        f"{changed} of {len(pairs)} images are read as another digit, "
        f"the probability differs by {max(gaps, default=0):.6f} at most"
    )


def _short(value: Any) -> str:
    if isinstance(value, dict):
        return " ".join(f"{name} {version}" for name, version in value.items())
    return " ".join(value) or "none" if isinstance(value, list) else str(value)


def _say(platform: dict[str, Any]) -> str:
    if not platform:
        return "a platform that is " + provenance.UNKNOWN
    return f"{platform['processor']}, Python {platform['python']}, {_short(platform['packages'])}"


def _git(root: Path, *arguments: str) -> str:
    done = subprocess.run(  # noqa: S603
        ["git", *arguments],  # noqa: S607
        cwd=root,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise UserError(f"verify: git {arguments[0]} failed: {done.stderr.strip()}")
    return done.stdout


if __name__ == "__main__":
    try:
        run(main)
    except DifferentBytesError as found:
        print(found, file=sys.stderr)
        sys.exit(1)

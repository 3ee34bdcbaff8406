"""What a stage costs, and what DVC costs when there is nothing to do."""

import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from steps import ROOT

STAGES = ("fetch", "preprocess", "train", "evaluate")
# every stage of ours depends on a params section; so do these
EMPTY = "stages:\n" + "".join(
    f"  {name}: {{cmd: touch {name}.out, deps: [{before}], outs: [{name}.out]}}\n"
    for name, before in zip(
        STAGES, ("start", *(f"{name}.out" for name in STAGES[:-1])), strict=True
    )
)


def cost_of_stages() -> dict[str, Any]:
    """Run the stages one by one in a clean clone; return time, CPU time and memory of each."""
    with tempfile.TemporaryDirectory() as folder:
        clone(Path(folder))
        costs = {}
        for name in STAGES:
            code = (
                "import resource, subprocess, sys;"
                "done = subprocess.run(['stages/run', sys.argv[1]], capture_output=True);"
                "used = resource.getrusage(resource.RUSAGE_CHILDREN);"
                "print(done.returncode, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024)"
            )
            command = [sys.executable, "-c", code, name]
            start = time.perf_counter()
            output = subprocess.run(command, cwd=folder, check=True, capture_output=True).stdout
            seconds = time.perf_counter() - start
            status, cpu, memory = map(float, output.split())
            if status:
                raise RuntimeError(f"stage {name} failed")
            costs[name] = {
                "seconds": round(seconds, 2),
                "cpu_seconds": round(cpu, 2),
                "peak_mb": round(memory),
            }
    return costs


def nothing_to_do(rounds: int) -> dict[str, Any]:
    """Time `dvc repro` with nothing to do, ours and an empty pipeline's, by turns."""
    with tempfile.TemporaryDirectory() as ours, tempfile.TemporaryDirectory() as empty:
        clone(Path(ours))
        _shorten(Path(ours) / "params.yaml")
        _make_empty(Path(empty))
        seconds: dict[str, list[float]] = {ours: [], empty: []}
        _repro(ours)
        for _ in range(rounds):
            for folder in (ours, empty):
                start = time.perf_counter()
                _repro(folder)
                seconds[folder].append(time.perf_counter() - start)
    mine, its = statistics.median(seconds[ours]), statistics.median(seconds[empty])
    return {
        "ours": round(mine, 3),
        "empty": round(its, 3),
        "ratio": round(mine / its, 3),
        "rounds": rounds,
    }


def clone(folder: Path) -> None:
    """Clone the project, what is committed, into an empty folder; share its .venv."""
    _run(ROOT, "git", "clone", "-q", str(ROOT), str(folder))
    (folder / ".venv").symlink_to(ROOT / ".venv")


def _shorten(params: Path) -> None:
    """Train for a moment: what there is to skip costs the same."""
    text = re.sub(r"\n  steps: \d+", "\n  steps: 100", params.read_text(encoding="utf-8"))
    params.write_text(text, encoding="utf-8")


def _make_empty(folder: Path) -> None:
    (folder / "dvc.yaml").write_text(EMPTY, encoding="utf-8")
    (folder / "start").touch()
    _run(folder, "git", "init", "-q")
    _run(folder, str(ROOT / ".venv/bin/dvc"), "init", "-q")
    _repro(str(folder))


def _repro(folder: str) -> None:
    _run(Path(folder), str(ROOT / ".venv/bin/dvc"), "repro", "-q")


def _run(folder: Path, *command: str) -> None:
    site = {"DVC_SITE_CACHE_DIR": str(folder / ".dvc/tmp/site"), "DVC_NO_ANALYTICS": "1"}
    env = os.environ | site | {"STAGE_ENGINE": "host"}
    subprocess.run(command, cwd=folder, env=env, check=True, capture_output=True)

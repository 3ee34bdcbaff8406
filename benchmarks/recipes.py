"""Recipes over seeds, their train stage whole, by turns with the tutorial's program whole.

recipes.py NAME:SEEDS ... needs DATASET_MIRROR where the public mirrors are out of reach.
"""

import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import report
from pipeline import clone
from steps import HERE, ROOT, Peer

TURNS = 100  # of 100 steps: the whole of the tutorial's program


def run(name: str, seeds: int) -> dict[str, Any]:
    """Train and evaluate with `train.seed` 1, 2, ...; between two seeds the tutorial goes on."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        clone(folder)
        recipe = (ROOT / f"recipes/{name}.yaml").read_text(encoding="utf-8")
        _configure(folder, recipe, seed=1)
        for stage in ("fetch", "preprocess"):
            _stage(folder, stage)
        start = time.perf_counter()
        with Peer("tutorial.py", str(folder / "data/prepared/train.npz"), "relu") as tutorial:
            program = time.perf_counter() - start  # its start, and a turn that is not counted twice
            turns = TURNS - 1
            found = []
            for seed in range(1, seeds + 1):
                _configure(folder, recipe, seed=seed)
                found.append(_train_and_evaluate(folder))
                share = turns // (seeds + 1 - seed)
                program += sum(tutorial.turn() for _ in range(share))
                turns -= share
                print(f"{name}, seed {seed}: {found[-1]}", file=sys.stderr, flush=True)
    return _summarize(found, program)


def _train_and_evaluate(folder: Path) -> dict[str, float]:
    start = time.perf_counter()
    _stage(folder, "train")
    seconds = time.perf_counter() - start
    _stage(folder, "evaluate")
    evaluation = json.loads((folder / "metrics/evaluation.json").read_text(encoding="utf-8"))
    summary = json.loads((folder / "metrics/train.json").read_text(encoding="utf-8"))
    return {
        "seconds": round(seconds, 2),
        "test_accuracy": evaluation["accuracy"],
        "validation_accuracy": summary["validation_accuracy"],
    }


def _summarize(found: list[dict[str, float]], program: float) -> dict[str, Any]:
    accuracies = [one["test_accuracy"] for one in found]
    seconds = statistics.median(one["seconds"] for one in found)
    return {
        "n": len(found),
        "mean": round(statistics.mean(accuracies), 5),
        "sd": round(statistics.stdev(accuracies), 5),
        "least": min(accuracies),
        "most": max(accuracies),
        "train_seconds": seconds,
        "tutorial_seconds": round(program, 1),
        "share_of_tutorial": round(seconds / program, 4),
        "seeds": found,
    }


def _configure(folder: Path, recipe: str, *, seed: int) -> None:
    train = recipe.index("\ntrain:")
    text = recipe[:train] + re.sub(r"\n  seed: \d+", f"\n  seed: {seed}", recipe[train:])
    text = re.sub(r"minimum_accuracy: \S+", "minimum_accuracy: 0", text)
    (folder / "params.yaml").write_text(text, encoding="utf-8")


def _stage(folder: Path, name: str) -> None:
    env = os.environ | {"STAGE_ENGINE": "host"}
    subprocess.run(["stages/run", name], cwd=folder, env=env, check=True, capture_output=True)


def main() -> None:
    """Measure the recipes named; the rest of results.json stays."""
    path = HERE / "results.json"
    for argument in sys.argv[1:]:
        name, _, seeds = argument.partition(":")
        found = run(name, int(seeds))
        results = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
        results.setdefault("recipes", {})[name] = found
        path.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    report.main()


if __name__ == "__main__":
    main()

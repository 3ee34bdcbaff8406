"""Recipes over seeds, by turns with 3,000 of the tutorial's 10,000 steps, in one run.

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

TURNS, WHOLE = 30, 100  # turns of 100 steps: those run, and those of the tutorial's program


def run(recipes: dict[str, int], folders: dict[str, Path]) -> dict[str, Any]:
    """Train and evaluate each recipe with `train.seed` 1, 2, ... in clones of the project.

    After each training the tutorial's program goes on for its share of turns.
    """
    for name, folder in folders.items():
        prepare(folder, name)
    jobs = [(name, seed) for name, seeds in recipes.items() for seed in range(1, seeds + 1)]
    jobs.sort(key=lambda job: job[1])
    found: dict[str, list[dict[str, float]]] = {name: [] for name in recipes}
    data = folders[jobs[0][0]] / "data/prepared"
    start = time.perf_counter()
    with Peer("tutorial.py", str(data), "relu") as tutorial:
        begin, program, turns = time.perf_counter() - start, 0.0, TURNS
        for done, (name, seed) in enumerate(jobs):
            _configure(folders[name], name, seed=seed)
            found[name].append(_train_and_evaluate(folders[name]))
            print(f"{name}, seed {seed}: {found[name][-1]}", file=sys.stderr, flush=True)
            share = turns // (len(jobs) - done)
            program += sum(tutorial.turn() for _ in range(share))
            turns -= share
    whole = begin + program * WHOLE / TURNS
    return {name: _summarize(found[name], whole) for name in recipes}


def prepare(folder: Path, name: str) -> None:
    """Clone the project and prepare the data of a recipe."""
    clone(folder)
    _configure(folder, name, seed=1)
    for stage in ("fetch", "preprocess"):
        _stage(folder, stage)


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


def _configure(folder: Path, name: str, *, seed: int) -> None:
    recipe = (ROOT / f"recipes/{name}.yaml").read_text(encoding="utf-8")
    train = recipe.index("\ntrain:")
    text = recipe[:train] + re.sub(r"\n  seed: \d+", f"\n  seed: {seed}", recipe[train:])
    (folder / "params.yaml").write_text(text, encoding="utf-8")


def _stage(folder: Path, name: str) -> None:
    env = os.environ | {"STAGE_ENGINE": "host"}
    subprocess.run(["stages/run", name], cwd=folder, env=env, check=True, capture_output=True)


def wanted(words: list[str]) -> dict[str, int]:
    """Return recipe -> number of seeds, of words like `fast:10`; exit with what is expected."""
    known = sorted(path.stem for path in (ROOT / "recipes").glob("*.yaml"))
    for word in words:
        name, _, count = word.partition(":")
        if name not in known or not count.isdecimal() or int(count) < 2:
            sys.exit(
                f"RECIPES: expected NAME:SEEDS ..., with 2 seeds or more, found {word}; "
                f"recipes: {', '.join(known)}"
            )
    return {name: int(count) for name, _, count in (word.partition(":") for word in words)}


def main() -> None:
    """Measure the recipes named; the rest of results.json stays."""
    seeds = wanted(sys.argv[1:])
    with tempfile.TemporaryDirectory() as temporary:
        found = run(seeds, {name: Path(temporary) / name for name in seeds})
    path = HERE / "results.json"
    results = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    results.setdefault("recipes", {}).update(found)
    path.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    report.main()


if __name__ == "__main__":
    main()

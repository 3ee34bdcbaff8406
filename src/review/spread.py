"""How far the seed alone moves the accuracy: real DVC experiments, one a seed.

`python -m review.spread --seeds 5` trains the recipe of params.yaml with the seeds 1 to 5, which
`dvc exp show` then lists, and writes metrics/spread.json.
"""

import argparse
import hashlib
import json
import os
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any

from review import pipeline, record
from review.command import run, write
from review.errors import UserError
from review.readings import Range
from review.revision import workspace

EVALUATION = record.EVALUATION
DECIMALS = 6
MOST_SEEDS = 1000
APART = (".train.seed", ".gate")  # what differs between the seeds; what judges, and moves nothing


def digest(params: dict[str, Any]) -> str:
    """Return a digest of what a spread belongs to: all params but the training's seed, the gate."""
    text = json.dumps(_nested(params), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def _nested(value: Any, path: str = "") -> Any:
    """Return params as JSON can hold them, without what moves no accuracy, or the seed."""
    if isinstance(value, dict):
        members = ((str(key), member) for key, member in value.items())
        return {
            key: _nested(member, f"{path}.{key}")
            for key, member in members
            if f"{path}.{key}" not in APART
        }
    if isinstance(value, list):
        return [_nested(member) for member in value]
    return value if value is None or isinstance(value, bool | int | float) else str(value)


def summarize(accuracies: dict[int, float], params: dict[str, Any]) -> dict[str, Any]:
    """Summarise the accuracy of each seed, two at least; `sd` is that of the sample (n - 1)."""
    values = list(accuracies.values())
    return {
        "accuracy_of_seed": {str(seed): accuracies[seed] for seed in sorted(accuracies)},
        "mean": round(statistics.mean(values), DECIMALS),
        "sd": round(statistics.stdev(values), DECIMALS),
        "n": len(values),
        "params_digest": digest(params),
    }


def run_experiments(seeds: range, name: str) -> dict[int, float]:
    """Queue one DVC experiment a seed, run them in turn, return the accuracy of each.

    Raises UserError, naming the seeds, where an experiment gave none.
    """
    names = {seed: f"{name}-{seed}" for seed in seeds}
    if not str(here := Path.cwd()).isascii():  # DVC writes it as ASCII, and its queue never ends
        raise UserError(
            f"spread: DVC's queue needs a path of ASCII characters, found {here}; move the project"
        )
    listed = _dvc("exp", "list", "--name-only", capture=True).split()
    if former := [name for name in names.values() if name in listed]:
        _dvc("exp", "remove", *former)  # `run --force` would do that, and run what did not change
    for seed in seeds:
        _dvc("exp", "run", "--queue", "--name", names[seed], "-S", f"train.seed={seed}")
    _dvc("exp", "run", "--run-all", "--jobs", "1")
    found = accuracies(json.loads(_dvc("exp", "show", "--json", capture=True)), name)
    missing = [names[seed] for seed in seeds if seed not in found]
    if missing:
        raise UserError(
            f"spread: no accuracy of {', '.join(missing)}; `dvc queue logs {missing[0]}` says why"
        )
    return {seed: found[seed] for seed in seeds}


def accuracies(table: list[dict[str, Any]], name: str) -> dict[int, float]:
    """Return seed -> accuracy of the experiments `name`-SEED in `dvc exp show --json`."""
    found = {}
    for experiment in (entry for commit in table for entry in commit.get("experiments") or []):
        prefix, _, seed = (experiment.get("name") or "").rpartition("-")
        # one that failed has metrics too: those of the commit that it started from
        if prefix == name and (experiment["executor"] or {}).get("state") == "success":
            metrics = experiment["revs"][0]["data"]["metrics"]
            accuracy: Any = (metrics.get(EVALUATION, {}).get("data") or {}).get("accuracy")
            if Range(0, 1).holds(accuracy):  # a missing one, or NaN, is none
                found[int(seed)] = float(accuracy)
    return found


def _dvc(*arguments: str, capture: bool = False) -> str:
    programs = Path(sys.executable).parent
    path = f"{programs}{os.pathsep}{os.environ.get('PATH', os.defpath)}"  # DVC's queue starts `dvc`
    done = subprocess.run(  # noqa: S603
        [str(programs / "dvc"), *arguments],
        env=os.environ | {"PATH": path},
        stdout=subprocess.PIPE if capture else None,
        text=True,
        check=False,
    )
    if done.returncode:
        raise UserError(f"spread: `dvc {' '.join(arguments)}` ended with {done.returncode}")
    return done.stdout or ""


def main() -> None:
    """Train the recipe with several seeds, write what they gave."""
    parser = argparse.ArgumentParser(prog="python -m review.spread", description=__doc__)
    parser.add_argument("--seeds", type=int, default=5, help="how many, two at least")
    seeds = parser.parse_args().seeds
    if not 2 <= seeds <= MOST_SEEDS:
        raise UserError(f"spread: --seeds: expected 2 to {MOST_SEEDS}, found {seeds}")
    params = pipeline.params(workspace(Path.cwd()))
    name = f"spread-{digest(params)[:8]}"
    summary = summarize(run_experiments(range(1, seeds + 1), name), params)
    write(json.dumps(summary, indent=2) + "\n", Path(record.SPREAD))
    spread = f"accuracy {summary['mean']:.4f} ± {summary['sd']:.4f}"
    print(f"{spread} (sd of {seeds} seeds); see {record.SPREAD}")


if __name__ == "__main__":
    run(main)

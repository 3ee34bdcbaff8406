"""How far the seed alone moves a metric: real DVC experiments, one a seed.

`python -m review spread --param train.seed --metric accuracy --seeds 5` trains the recipe here with
the seeds 1 to 5, which `dvc exp show` then lists, and writes what they gave to --output.
"""

import argparse
import json
import math
import shlex
import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from dvcproject.git import git, is_whole, reason, remedy
from dvcproject.revision import workspace
from review import experiments
from review.command import write
from review.errors import UserError
from review.quoting import printable
from review.record import SPREAD, recipe
from review.record.documents import flatten
from review.verdict.seeds import digest

DECIMALS = 6
MOST_SEEDS = 1000


def summarize(
    found: dict[int, float], recipe: dict[str, Any], param: str, metric: str
) -> dict[str, Any]:
    """Summarise the metric of each seed, two at least; `sd` is that of the sample (n - 1)."""
    values = list(found.values())
    return {
        "param": param,
        "metric": metric,
        "value_of_seed": {str(seed): found[seed] for seed in sorted(found)},
        "mean": round(statistics.mean(values), DECIMALS),
        "sd": round(statistics.stdev(values), DECIMALS),
        "n": len(values),
        "params_digest": digest(recipe, param),
    }


def run_experiments(
    seeds: range, name: str, param: str, metric: str, jobs: int = 1
) -> dict[int, float]:
    """Queue one DVC experiment a seed, run so many at once, return the metric of each.

    Raises UserError, naming the seeds, where an experiment gave none.
    """
    names = {seed: f"{name}-{seed}" for seed in seeds}
    _require_place(Path.cwd())
    experiments.run(name, {names[seed]: f"{param}={seed}" for seed in seeds}, jobs)
    found = values(experiments.show(), name, metric)
    missing = [names[seed] for seed in seeds if seed not in found]
    if missing:
        raise UserError(
            f"spread: no {metric} of {', '.join(missing)}; `dvc queue logs {missing[0]}` says why"
        )
    return {seed: found[seed] for seed in seeds}


def _require_place(here: Path) -> None:
    """Raise UserError where DVC cannot run experiments: at such a path, or without a commit."""
    if not str(here).isascii():  # DVC writes it as ASCII, and its queue never ends
        raise UserError(
            f"spread: DVC's queue needs a path of ASCII characters, found {here}; move the project"
        )
    commit = git(here, "rev-parse", "--verify", "HEAD^{commit}")
    if commit.returncode:
        raise UserError(
            f"spread: DVC runs experiments from a git commit, and {here} has none "
            f"({reason(commit)}); run it in a clone of the project, or make a commit: "
            "`git init && git add --all && git commit -m start`"
        )
    if not is_whole(here):  # DVC would train with every seed, and lose the results
        raise UserError(f"spread: DVC runs experiments in a whole clone only; {remedy(here)}")


def values(table: list[dict[str, Any]], name: str, metric: str) -> dict[int, float]:
    """Return seed -> metric of the experiments `name`-SEED in `dvc exp show --json`."""
    found = {}
    for experiment in (entry for commit in table for entry in commit.get("experiments") or []):
        prefix, _, seed = (experiment.get("name") or "").rpartition("-")
        # one that failed has metrics too: those of the commit that it started from
        if prefix == name and (experiment["executor"] or {}).get("state") == "success":
            value = _value(experiment["revs"][0]["data"]["metrics"], metric)
            if value is not None:
                found[int(seed)] = value
    return found


def _value(metrics: dict[str, Any], metric: str) -> float | None:
    """Return the metric `KEY`, or `FILE:KEY`; None where it is missing, or no number.

    Raises UserError where several files have it.
    """
    path, _, key = metric.rpartition(":")
    files = {name: flatten(entry.get("data") or {}) for name, entry in metrics.items()}
    found = {name: data[key] for name, data in files.items() if key in data and path in {"", name}}
    if len(found) > 1:
        names = ", ".join(sorted(found))
        raise UserError(f"spread: --metric {metric}: expected one file, found {names}; FILE:{key}")
    value: Any = next(iter(found.values()), None)
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if is_number and math.isfinite(value) else None


def _look_at_former(path: Path, seeds: int, params_digest: str, param: str, metric: str) -> None:
    """Say that a record of something else will be replaced.

    Raises UserError where the record is of the same, from more seeds: it would be lost.
    """
    try:
        former = json.loads(path.read_text(encoding="utf-8"))
        known = int(former["n"])
    except (OSError, ValueError, TypeError, LookupError):
        return
    now = {"params_digest": params_digest, "param": param, "metric": metric}
    if any(former.get(key) != value for key, value in now.items()):
        said = f"spread: {path}: the record of {known} seeds of other params, or of another metric,"
        print(f"{said} will be replaced", flush=True)
    elif known > seeds:
        raise UserError(
            f"spread: {path}: expected {known} seeds or more, as in the record there, found "
            f"{seeds}; ask for as many, name another file with --output, or run "
            f"`rm {shlex.quote(str(path))}`"
        )


def main(arguments: Sequence[str] | None = None) -> None:
    """Train the recipe with several seeds, write what they gave."""
    parser = argparse.ArgumentParser(prog="review spread", description=__doc__)
    parser.add_argument("--param", required=True, help="the seed: KEY, or FILE:KEY")
    parser.add_argument("--metric", required=True, help="KEY, or FILE:KEY")
    parser.add_argument("--seeds", type=int, default=5, help="how many, two at least")
    parser.add_argument("--jobs", type=int, default=1, help="how many at once")
    parser.add_argument("--output", type=Path, default=Path(SPREAD), help="a file for the result")
    options = parser.parse_args(arguments)
    seeds, param, metric = options.seeds, options.param, options.metric
    if not 2 <= seeds <= MOST_SEEDS:
        raise UserError(f"spread: --seeds: expected 2 to {MOST_SEEDS}, found {seeds}")
    if options.jobs < 1:
        raise UserError(f"spread: --jobs: expected 1 or more, found {options.jobs}")
    here, name = recipe.read(workspace(Path.cwd())), param.replace(":", ": ")
    if name not in here:
        raise UserError(f"spread: --param: expected a param that a stage declares, found {param}")
    _look_at_former(options.output, seeds, digest(here, name), name, metric)
    experiment = f"spread-{digest(here, name)[:8]}"
    found = run_experiments(range(1, seeds + 1), experiment, param, metric, options.jobs)
    summary = summarize(found, here, name, metric)
    options.output.parent.mkdir(parents=True, exist_ok=True)
    write(json.dumps(summary, indent=2) + "\n", options.output)
    spread = f"{metric} {summary['mean']:.4f} ± {summary['sd']:.4f}"
    print(printable(f"{spread} (sd of {seeds} seeds); see {options.output} and `dvc exp show`"))

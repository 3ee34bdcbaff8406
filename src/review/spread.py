"""How far the seed alone moves a metric: one DVC experiment per seed."""

import json
import math
import shlex
import statistics
from pathlib import Path
from typing import Any

from dvcproject.git import git, is_whole, reason, remedy
from review import experiments
from review.errors import UserError
from review.record.documents import flatten
from review.verdict.seeds import digest

DECIMALS = 6


def summarize(
    value_of_seed: dict[int, float], recipe: dict[str, Any], param: str, metric: str
) -> dict[str, Any]:
    """Summarise the metric of each seed, two at least; `sd` is that of the sample (n - 1)."""
    values = list(value_of_seed.values())
    return {
        "param": param,
        "metric": metric,
        "value_of_seed": {str(seed): value_of_seed[seed] for seed in sorted(value_of_seed)},
        "mean": round(statistics.mean(values), DECIMALS),
        "sd": round(statistics.stdev(values), DECIMALS),
        "n": len(values),
        "params_digest": digest(recipe, param),
    }


def run_experiments(
    seeds: range, name: str, param: str, metric: str, jobs: int = 1
) -> dict[int, float]:
    """Queue one DVC experiment per seed, run `jobs` at once, return the metric of each seed.

    The working directory must be the root of the project, as DVC asks for it.

    Raises UserError, naming the seeds, where an experiment has no such metric.
    """
    names = {seed: f"{name}-{seed}" for seed in seeds}
    _require_place(Path.cwd())
    experiments.run(name, {names[seed]: f"{param}={seed}" for seed in seeds}, jobs)
    value_of_seed = values(experiments.show(), name, metric)
    missing = [names[seed] for seed in seeds if seed not in value_of_seed]
    if missing:
        raise UserError(
            f"spread: no {metric} of {', '.join(missing)}; `dvc queue logs {missing[0]}` says why"
        )
    return {seed: value_of_seed[seed] for seed in seeds}


def _require_place(root: Path) -> None:
    """Raise UserError where DVC cannot run experiments: at such a path, or without a commit."""
    if not str(root).isascii():  # DVC writes it as ASCII, and its queue never ends
        raise UserError(
            f"spread: DVC's queue needs a path of ASCII characters, found {root}; move the project"
        )
    commit = git(root, "rev-parse", "--verify", "HEAD^{commit}")
    if commit.returncode:
        raise UserError(
            f"spread: DVC runs experiments from a git commit, and {root} has none "
            f"({reason(commit)}); run it in a clone of the project, or make a commit: "
            "`git init && git add --all && git commit -m start`"
        )
    if not is_whole(root):  # DVC would train with every seed, and lose the results
        raise UserError(f"spread: DVC runs experiments in a whole clone only; {remedy(root)}")


def values(table: list[dict[str, Any]], name: str, metric: str) -> dict[int, float]:
    """Return seed -> metric of the experiments `name`-SEED in `dvc exp show --json`."""
    value_of_seed = {}
    for experiment in (entry for commit in table for entry in commit.get("experiments") or []):
        prefix, _, seed = (experiment.get("name") or "").rpartition("-")
        # one that failed has metrics too: those of the commit that it started from
        if prefix == name and (experiment["executor"] or {}).get("state") == "success":
            value = _value(experiment["revs"][0]["data"]["metrics"], metric)
            if value is not None:
                value_of_seed[int(seed)] = value
    return value_of_seed


def _value(metrics: dict[str, Any], metric: str) -> float | None:
    """Return the metric `KEY`, or `FILE:KEY`; None where it is missing, or no number.

    Raises UserError where several files have it.
    """
    path, _, key = metric.rpartition(":")
    files = {name: flatten(entry.get("data") or {}) for name, entry in metrics.items()}
    of_file = {n: data[key] for n, data in files.items() if key in data and path in {"", n}}
    if len(of_file) > 1:
        names = ", ".join(sorted(of_file))
        raise UserError(f"spread: --metric {metric}: expected one file, found {names}; FILE:{key}")
    value: Any = next(iter(of_file.values()), None)
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if is_number and math.isfinite(value) else None


def require_replaceable(
    path: Path, seeds: int, params_digest: str, param: str, metric: str
) -> None:
    """Raise UserError where a file has the same spread from more seeds, which would be lost.

    Prints a message where the file has the spread of something else.
    """
    try:
        former = json.loads(path.read_text(encoding="utf-8"))
        known = int(former["n"])
    except (OSError, ValueError, TypeError, LookupError):
        return
    now = {"params_digest": params_digest, "param": param, "metric": metric}
    if any(former.get(key) != value for key, value in now.items()):
        record = f"the record of {known} seeds of other params, or of another metric,"
        print(f"spread: {path}: {record} will be replaced", flush=True)
    elif known > seeds:
        raise UserError(
            f"spread: {path}: expected {known} seeds or more, as in the record there, found "
            f"{seeds}; ask for as many, name another file with --output, or run "
            f"`rm {shlex.quote(str(path))}`"
        )

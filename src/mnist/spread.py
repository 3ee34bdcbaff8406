"""How far the seed alone moves the accuracy: real DVC experiments, one a seed.

`python -m mnist.spread --seeds 5` trains the recipe of params.yaml with the seeds 1 to 5, which
`dvc exp show` then lists, and writes metrics/spread.json.
"""

import hashlib
import json
import statistics
from pathlib import Path
from typing import Any

SPREAD = Path("metrics/spread.json")
EVALUATION = "metrics/evaluation.json"
DECIMALS = 6


def digest(params: dict[str, Any]) -> str:
    """Return a digest of what a spread belongs to: all params but the seed of the training."""
    train = {key: value for key, value in params.get("train", {}).items() if key != "seed"}
    text = json.dumps({**params, "train": train}, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


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

"""An export against the model that it was made from: classes, probabilities, won and lost."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import stats

Rows = NDArray[np.float32]  # [N, classes]


def compare(model: Rows, export: Rows, labels: NDArray[np.uint16]) -> dict[str, Any]:
    """Compare the probabilities of the same images.

    `p`: McNemar's test of images won and lost, exact; 1 where the two are right on the same ones.
    """
    ours, theirs = (rows.argmax(axis=1) == labels for rows in (model, export))
    won, lost = int((theirs & ~ours).sum()), int((ours & ~theirs).sum())
    p = stats.binomtest(won, won + lost).pvalue if won + lost else 1.0
    return {
        "images": len(labels),
        "other_classes": int((model.argmax(axis=1) != export.argmax(axis=1)).sum()),
        "farthest": float(f"{np.abs(model - export).max():.2g}"),
        "accuracy": round(float(theirs.mean()), 6),
        "accuracy_of_model": round(float(ours.mean()), 6),
        "won": won,
        "lost": lost,
        "p": round(float(p), 6),
    }

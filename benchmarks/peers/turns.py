"""The peers' side of an alternating run: wait for the turn, run CHUNK steps, say how long.

A line on stdin is a turn, a line on stdout its seconds; the line `test` is answered by the accuracy
on the test set so far; the end of stdin is the end.
"""

import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

CHUNK = 100  # steps a turn
BATCH = 50
TEST_BATCH = 500


def load(part: str = "train") -> tuple[Any, Any]:
    """Return images, 0 to 1, `[N, 28, 28, 1]`, and labels of a part of the folder in `argv[1]`."""
    with np.load(Path(sys.argv[1]) / f"{part}.npz") as data:
        return data["images"].astype(np.float32) / 255, data["labels"].astype(np.int32)


def accuracy(predict: Callable[[Any], Any]) -> float:
    """Return the accuracy on the test set; `predict`: images -> scores `[N, 10]`."""
    images, labels = load("test")
    starts = range(0, len(labels), TEST_BATCH)
    digits = [np.argmax(predict(images[i : i + TEST_BATCH]), axis=1) for i in starts]
    return float((np.concatenate(digits) == labels).mean())


def serve(run: Callable[[], object], test: Callable[[], float]) -> None:
    """Call `run`, CHUNK steps that are done when it returns, once before the first turn."""
    run()
    ready()
    while wait(test):
        start = time.perf_counter()
        run()
        report(time.perf_counter() - start)


def wait(test: Callable[[], float]) -> bool:
    """Wait for the turn, and test when asked to; False: it is over."""
    while (line := sys.stdin.readline()) == "test\n":
        print(test(), flush=True)
    return bool(line)


def ready() -> None:
    """Say that all is compiled and warm."""
    print("ready", flush=True)


def report(seconds: float) -> None:
    """Say how long a turn took."""
    print(seconds, flush=True)

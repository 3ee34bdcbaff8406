"""The peers' side of an alternating run: wait for the turn, run CHUNK steps, say how long.

A line on stdin is a turn; a line on stdout is its seconds; the end of stdin is the end.
"""

import sys
import time
from collections.abc import Callable

CHUNK = 100  # steps a turn
BATCH = 50


def serve(run: Callable[[], object]) -> None:
    """Call `run`, CHUNK steps that are done when it returns, once before the first turn."""
    run()
    ready()
    while sys.stdin.readline():
        start = time.perf_counter()
        run()
        report(time.perf_counter() - start)


def ready() -> None:
    """Say that all is compiled and warm."""
    print("ready", flush=True)


def report(seconds: float) -> None:
    """Say how long a turn took."""
    print(seconds, flush=True)

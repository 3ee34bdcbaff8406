"""How many random samples the tests take: with `TEST_SAMPLES=100 make test` 100 times as many.

`TEST_SEED=123` repeats a run that failed; the output of the failed test names its seed.
"""

import os
import random

TIMES = int(os.environ.get("TEST_SAMPLES", "1"))


def many(few: int, *, least: int = 0) -> int:
    """Return how many samples to take where `make test` takes a `few`."""
    return max(few * TIMES, least)


def seed() -> int:
    """Return a seed, another one in each run, and print it."""
    chosen = int(os.environ.get("TEST_SEED") or int.from_bytes(os.urandom(2)))
    print(f"TEST_SEED={chosen}")
    return chosen


def rng() -> random.Random:
    """Return what draws samples, from such a seed."""
    return random.Random(seed())

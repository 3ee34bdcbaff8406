"""How many random samples a test draws: TEST_SAMPLES=20 makes them twenty times as many."""

import os
import random


def count(quick: int) -> int:
    """Return how many to draw, where a quick run draws `quick`."""
    return round(quick * float(os.environ.get("TEST_SAMPLES", "1")))


def rng() -> random.Random:
    """Return what draws them, from the seed TEST_SEED; a test that fails shows the seed."""
    seed = int(os.environ.get("TEST_SEED", "1"))
    print(f"TEST_SEED={seed}")
    return random.Random(seed)

"""What sealing costs: one stage bare and in each engine, alternating; medians in seconds.

    .venv/bin/python benchmarks/launcher.py [ROUNDS]

Run it in a checkout whose `fetch` has run, best on all of MNIST: the stage is `preprocess`, which
has 55 MB copied into its sandbox and 55 MB moved out.
"""

import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

STAGE = "preprocess"
WAYS: dict[str, tuple[list[str], dict[str, str]]] = {
    "bare": ([sys.executable, f"stages/{STAGE}.py"], {"PYTHONPATH": "src"}),
    "host": (["stages/run", STAGE], {"STAGE_ENGINE": "host"}),
    "bwrap": (["stages/run", STAGE], {"STAGE_ENGINE": "bwrap"}),
    "docker": (["stages/run", STAGE], {"STAGE_ENGINE": "docker"}),
}


def seconds(way: str) -> float:
    """Run the stage once; return how long it took."""
    command, environ = WAYS[way]
    start = time.perf_counter()
    subprocess.run(command, env=os.environ | environ, check=True, capture_output=True)
    return time.perf_counter() - start


def main() -> None:
    """Print a row a way: median, range, and what is added to the bare run."""
    rounds = int(sys.argv[1]) if sys.argv[1:] else 10
    megabytes = sum(path.stat().st_size for path in Path("data/raw").iterdir()) / 1e6
    for way in WAYS:
        seconds(way)  # the first asks DVC, and keeps what it says
    taken: dict[str, list[float]] = {way: [] for way in WAYS}
    for _ in range(rounds):
        for way, times in taken.items():
            times.append(seconds(way))
    bare = statistics.median(taken["bare"])
    print(f"{STAGE}, {megabytes:.0f} MB of deps, n = {rounds}, load {os.getloadavg()[0]:.1f}")
    for way, times in taken.items():
        median = statistics.median(times)
        print(f"{way:8}{median:6.2f} s ({min(times):.2f} to {max(times):.2f}) +{median - bare:.2f}")


if __name__ == "__main__":
    main()

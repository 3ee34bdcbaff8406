"""The server against ten lines of Flask and Keras, in turns: `benchmarks/serving.py [ROUNDS]`.

Both read the same two pictures: a digit of 28 x 28 pixels, prepared already, and a drawing of 140 x
140 as the page sends it, which ours finds, cuts out and centres, and Flask's only shrinks. Prints
JSON; medians of the rounds, and ours in the unit of Flask's.
"""

import contextlib
import json
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from steps import HERE, OURS, ROOT, environment

FLASK = ROOT / ".venv-bench/flask"  # pip install --target, of benchmarks/flask.lock
CALLERS = 32
COUNTS = {"ours": 1500, "flask": 100}  # requests a turn
SIDES = {"prepared": 28, "drawing": 140}  # pixels


@contextlib.contextmanager
def server(name: str) -> Iterator[tuple[int, float]]:
    """Start one; yield its port and the seconds until its first answer."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    own = ["-m", "mnist.serving", f"--port={port}"]
    command = own if name == "ours" else [str(HERE / "peers/flask_keras.py"), str(port)]
    paths = f"{ROOT / 'src'}:{FLASK}"
    env = environment() | {"PYTHONPATH": paths, "TF_CPP_MIN_LOG_LEVEL": "3"}
    env["CUDA_VISIBLE_DEVICES"] = "-1"
    start = time.monotonic()
    process = subprocess.Popen(
        [OURS, "-P", *command],
        cwd=ROOT,
        env=env,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        while not _open(port):
            time.sleep(0.02)
        load(port, 1, 1, _picture(28))
        yield port, time.monotonic() - start
    finally:
        process.terminate()
        process.wait()


def _open(port: int) -> bool:
    with socket.socket() as line:
        return line.connect_ex(("127.0.0.1", port)) == 0


def _picture(side: int) -> Path:
    """Save a digit of the test set, dark on white, with paper around it; a large one as drawn."""
    with np.load(ROOT / "data/prepared/test.npz") as test:
        digit = Image.fromarray(255 - test["images"][3, ..., 0])
    path = Path(tempfile.gettempdir()) / f"digit-{side}.png"
    large = digit.resize((side, side), Image.Resampling.BICUBIC)
    # a pen's edges: with smooth ones it would be a prepared image that was scaled up
    picture = large.point(lambda value: 255 * (value > 128)) if side > digit.width else digit
    picture.save(path)
    return path


def load(port: int, callers: int, count: int, picture: Path) -> dict[str, Any]:
    """Ask, from a process of its own."""
    words = (OURS, HERE / "load.py", port, callers, count, picture)
    command = [str(word) for word in words]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return dict(json.loads(done.stdout))


def main() -> None:
    """Take turns."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 3
    found: dict[str, Any] = {"rounds": rounds, "callers": CALLERS}
    turns: dict[str, list[dict[str, Any]]] = {}
    with server("ours") as (ours, first), server("flask") as (flask, flask_first):
        found["seconds_to_first_answer"] = {"ours": first, "flask": flask_first}
        for _ in range(rounds):
            for kind, side in SIDES.items():
                for name, port in (("ours", ours), ("flask", flask)):
                    few = 3 if kind == "drawing" and name == "ours" else 1
                    turn = load(port, CALLERS, COUNTS[name] // few, _picture(side))
                    turns.setdefault(f"{name}, {kind}, {CALLERS} callers", []).append(turn)
                    turn = load(port, 1, 50, _picture(side))
                    turns.setdefault(f"{name}, {kind}, 1 caller", []).append(turn)
    for name, taken in turns.items():
        found[name] = {
            key: statistics.median(turn[key] for turn in taken)
            for key in ("per_second", "p50_ms", "p99_ms")
        }
        found[name]["statuses"] = sorted({status for turn in taken for status in turn["statuses"]})
    for kind in SIDES:
        ours_, flasks = (
            found[f"{name}, {kind}, {CALLERS} callers"]["per_second"] for name in ("ours", "flask")
        )
        found[f"ratio, {kind}"] = round(ours_ / flasks, 1)
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()

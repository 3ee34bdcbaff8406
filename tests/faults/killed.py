"""Train a tiny network, every feature on; `python killed.py FOLDER N SEED` kills it N times too.

TensorFlow is imported once; each training is a fork of that process, so that a kill costs no
start; it goes on under another number of threads. Prints one digest a training, of model, summary
and curve: whole, then after each kill, with the step that it was resumed at.
"""

import os
import random
import re
import signal
import sys
import time
from hashlib import sha256
from pathlib import Path

import test_training as tiny
from mnist import tables
from mnist.machine import processor
from mnist.network import model
from mnist.training import checkpoint, loop

PARAMS = tiny.FEW.model_copy(update=tiny.EVERYTHING | {"steps": 1000, "precision": "float32"})


def train(out: Path) -> None:
    """Write model, summary and curve below `out`, as the stage does."""
    network = model.build(tiny.SMALL, tiny.DIGITS, PARAMS.seed)
    examples = tiny.digits(64), tiny.digits(16)
    curve = loop.fit(network, *examples, PARAMS, tiny.DISTORTION)
    model.save(model.Trained(network, tiny.DIGITS, 1.0), out / "model.keras")
    tables.write_csv(loop.Point._fields, curve, out / "curve.csv")
    tables.write_json(loop.summarize(network, *examples, curve), out / "train.json")


def fork(out: Path, checkpoints: Path, log: Path, threads: int) -> int:
    """Start a training in a process of its own, on `threads` threads; return its number."""
    out.mkdir(exist_ok=True)
    checkpoints.mkdir(exist_ok=True)
    log.touch()
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            os.dup2(os.open(log, os.O_WRONLY | os.O_APPEND), 1)
            sys.stderr = sys.stdout
            os.environ[checkpoint.VARIABLE] = str(checkpoints)
            os.environ["TF_NUM_INTEROP_THREADS"] = str(threads)
            train(out)
            sys.stdout.flush()
            status = 0
        finally:
            os._exit(status)
    return pid


def finish(pid: int) -> None:
    """Wait for a training that must succeed."""
    if os.waitpid(pid, 0)[1] != 0:
        raise SystemExit("a training failed")


def kill_at(step: int, pid: int, log: Path, pause: float) -> None:
    """Kill a training `pause` seconds after it says that it has come to `step`."""
    while f"step {step}," not in log.read_text(encoding="utf-8"):
        if os.waitpid(pid, os.WNOHANG) != (0, 0):
            raise SystemExit("a training ended before its kill")
        time.sleep(0.001)
    time.sleep(pause)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)


def digest(out: Path) -> str:
    """Return the digest of all that a training wrote."""
    files = (out / "model.keras", out / "curve.csv", out / "train.json")
    return sha256(b"".join(path.read_bytes() for path in files)).hexdigest()


def main() -> None:
    """Train once whole, then kill and resume `N` times, each in a new folder."""
    root, times, seed = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    generator = random.Random(seed)
    finish(fork(root / "whole", root / "kept", root / "log", 1))
    print(digest(root / "whole"), flush=True)
    steps = generator.sample(range(100, 900, 100), 8)  # not so late that it ends before its kill
    for number in range(times):
        out, kept, log = (root / f"{kind}-{number}" for kind in ("out", "kept", "log"))
        before, after = generator.sample(range(1, 5), 2)
        pid = fork(out, kept, log, before)
        kill_at(steps[number % len(steps)], pid, log, generator.uniform(0, 0.08))
        finish(fork(out, kept, log, after))
        [step] = re.findall(r"resumed at step (\d+)", log.read_text(encoding="utf-8"))
        print(digest(out), step, flush=True)


if __name__ == "__main__":
    processor.prepare(reproducible=PARAMS.reproducible, device=PARAMS.device, shards=PARAMS.shards)
    main()

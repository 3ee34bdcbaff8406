"""Train a tiny network by workers; `python together.py FOLDER SEED WORD...`.

Every feature is on; TRAINING_STEPS is the number of steps. A word is a number of workers, `4`, or
a training that is killed and gone on with by another number, `4-2`. TensorFlow is imported once;
each worker is a fork of that process.
Prints one line per word: the digest of all that worker 0 writes, those of the weights that the
others hold, and for a kill the step that it was resumed at, if there was a checkpoint.
"""

import json
import os
import random
import re
import signal
import socket
import sys
import time
from hashlib import sha256
from pathlib import Path

import test_training as tiny
from mnist import tables
from mnist.errors import run
from mnist.machine import cluster, processor
from mnist.network import model
from mnist.training import checkpoint, loop, team

STEPS = int(os.environ.get("TRAINING_STEPS", "400"))
FEATURES = {"steps": STEPS, "batch_size": 21, "shards": 8, "precision": "float32"}
PARAMS = tiny.FEW.model_copy(update=tiny.EVERYTHING | FEATURES)


def train(out: Path) -> None:
    """Write model and curve below `out`, as the stage does; a worker that is not 0, its weights."""
    with team.joined(cluster.find(), PARAMS.shards) as workers:
        network = model.build(tiny.SMALL, tiny.DIGITS, PARAMS.seed)
        examples = tiny.digits(64), tiny.digits(16)
        curve = loop.fit(network, *examples, PARAMS, tiny.DISTORTION, team=workers)
    weights = b"".join(array.tobytes() for array in network.get_weights())
    (out / f"weights-{workers.rank}").write_text(sha256(weights).hexdigest(), encoding="utf-8")
    if workers.rank == 0:
        model.save(model.Trained(network, tiny.DIGITS, 1.0), out / "model.keras")
        tables.write_csv(loop.Point._fields, curve, out / "curve.csv")


def ports(count: int) -> list[int]:
    """Find free ports."""
    sockets = [socket.socket() for _ in range(count)]
    for one in sockets:
        one.bind(("127.0.0.1", 0))
    found = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return found


def config(addresses: list[str], rank: int) -> str:
    """Return TF_CONFIG for one of the workers."""
    task = {"type": "worker", "index": rank}
    return json.dumps({"cluster": {"worker": addresses}, "task": task})


def start(count: int, out: Path, log: Path) -> list[int]:
    """Start a training by so many workers; return their processes."""
    out.mkdir(parents=True, exist_ok=True)
    (out / "kept").mkdir(exist_ok=True)
    addresses = [f"127.0.0.1:{port}" for port in ports(count)]
    return [_fork(addresses, rank, out, log) for rank in range(count)]


def _fork(addresses: list[str], rank: int, out: Path, log: Path) -> int:
    Path(f"{log}-{rank}").touch()
    if (pid := os.fork()) == 0:
        status = 1
        try:
            descriptor = os.open(f"{log}-{rank}", os.O_WRONLY | os.O_APPEND)
            os.dup2(descriptor, 1)
            os.dup2(descriptor, 2)
            os.environ[cluster.TF_CONFIG] = config(addresses, rank)
            os.environ[cluster.SECONDS] = "600"  # eight of them on two cores
            os.environ[checkpoint.VARIABLE] = str(out / "kept")
            run(lambda: train(out))
            status = 0
        except SystemExit as ended:
            status = int(ended.code or 0)
        finally:
            sys.stdout.flush()
            os._exit(status)
    return pid


def end(pids: list[int]) -> list[int]:
    """Wait for the workers; return how each of them ended."""
    return [os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in pids]


def kill(pids: list[int], log: Path, chance: random.Random) -> None:
    """Kill some of the workers, or all, at any step; or all while they come together."""
    step = 100 * chance.randrange(-1, PARAMS.steps // 100 - 1)
    while step >= 0 and f"step {step}," not in Path(f"{log}-0").read_text(encoding="utf-8"):
        time.sleep(0.01)
    time.sleep(chance.uniform(0, 0.5))
    for pid in chance.sample(pids, chance.randint(1 if step >= 0 else len(pids), len(pids))):
        os.kill(pid, signal.SIGKILL)


def main() -> None:
    """Train as each word says, in a folder of its own."""
    root, chance = Path(sys.argv[1]), random.Random(int(sys.argv[2]))
    for number, word in enumerate(sys.argv[3:]):
        out, log = root / str(number), root / f"log-{number}"
        first, _, then = word.partition("-")
        pids = start(int(first), out, log)
        if then:
            time.sleep(0.5)
            kill(pids, log, chance)
            if 0 in end(pids) and (out / "curve.csv").exists():
                raise SystemExit(f"{word}: ended before its kill")
            pids = start(int(then), out, log)
        if any(found := end(pids)):
            raise SystemExit(f"{word}: ended with {found}; {log}")
        wrote = sha256(b"".join((out / name).read_bytes() for name in ("model.keras", "curve.csv")))
        weights = [path.read_text("utf-8") for path in sorted(out.glob("weights-*"))]
        resumed = re.findall(r"resumed at step (\d+)", Path(f"{log}-0").read_text("utf-8"))
        print(wrote.hexdigest(), *dict.fromkeys(weights), *resumed, flush=True)


if __name__ == "__main__":
    processor.prepare(reproducible="portable", device="cpu", shards=PARAMS.shards)
    main()

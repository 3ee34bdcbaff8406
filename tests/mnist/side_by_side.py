"""Train random small networks on several numbers of threads.

`python side_by_side.py N SEED THREADS...` trains N networks, each on every number of threads and
once bound to one core. TensorFlow is imported once; each training is a fork of that process. Prints
one line per network: its digests, of weights, losses and probabilities, and its number of shards.
"""

import os
import random
import sys
from collections.abc import Callable
from hashlib import sha256
from typing import Any

import test_training as tiny
from mnist.machine import processor
from mnist.network import model
from mnist.params.augment import AugmentParams
from mnist.params.model import ModelParams
from mnist.params.train import TrainParams
from mnist.training import loop, trainer

STEPS = 5


def network_of(chance: random.Random) -> ModelParams:
    """Draw a small network."""

    def width() -> int:
        return chance.randint(1, 40)

    changes = {
        "blocks": tuple((width(),) * chance.randint(1, 2) for _ in range(chance.randint(0, 2))),
        "kernel_size": chance.choice([1, 3, 5]),
        "batch_norm": chance.random() < 0.5,
        "dense": tuple(width() for _ in range(chance.randint(0, 2))),
        "dropout": chance.choice([0, 0.4]),
    }
    return tiny.SMALL.model_copy(update=changes)


def training_of(chance: random.Random) -> TrainParams:
    """Draw a batch, its shards and the features of a step."""
    shards = chance.choice([1, 2, 4, 8])
    changes: dict[str, Any] = {
        "shards": shards,
        "batch_size": chance.randint(shards, 60),
        "average": chance.choice([0, 0.9]),
        "weight_decay": chance.choice([0, 0.1]),
        "label_smoothing": chance.choice([0, 0.1]),
    }
    return tiny.FEW.model_copy(update=changes)


def train(shape: ModelParams, params: TrainParams, distortion: AugmentParams) -> bytes:
    """Return the digest of all that some steps leave behind."""
    network, examples = model.build(shape, tiny.DIGITS, params.seed), tiny.digits(64)
    built = trainer.build(network, examples, params, distortion)
    losses = built.run_steps(0, loop.order(64, 0, STEPS, params))
    probabilities = model.predictor(network)(tiny.digits(1100).images)
    arrays = [losses, probabilities, *(variable.numpy() for variable in built.variables)]
    return sha256(b"".join(array.tobytes() for array in arrays)).hexdigest().encode()


def forked(work: Callable[[], bytes], threads: int, cores: set[int]) -> str:
    """Do the work in a process of its own, on `threads` threads; return what it says."""
    reading, writing = os.pipe()
    if (pid := os.fork()) == 0:
        try:
            os.sched_setaffinity(0, cores)
            os.environ["TF_NUM_INTEROP_THREADS"] = str(threads)
            os.write(writing, work())
        finally:
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as pipe:
        said = pipe.read()
    os.waitpid(pid, 0)
    return said or "failed"


def main() -> None:
    """Draw networks; train each on every number of threads."""
    chance = random.Random(int(sys.argv[2]))
    cores = os.sched_getaffinity(0)
    places = [*((threads, cores) for threads in map(int, sys.argv[3:])), (2, {min(cores)})]
    for _ in range(int(sys.argv[1])):
        shape, params = network_of(chance), training_of(chance)
        distortion = chance.choice([tiny.DISTORTION, tiny.AS_THEY_ARE])

        def work(parts: Any = (shape, params, distortion)) -> bytes:
            return train(*parts)

        print(*(forked(work, *place) for place in places), params.shards, flush=True)


if __name__ == "__main__":
    processor.prepare(reproducible="portable", device="cpu")
    main()

"""What several workers cost: milliseconds and bytes of a step, by number and delay.

    PYTHONPATH=src .venv/bin/python benchmarks/workers.py RECIPE [COUNTS [DELAYS [STEPS]]]

Workers on this machine, in four shards, float32, random images; what they say goes through a relay
that holds each piece of it back for so many milliseconds (not every kernel has netem) and counts.
Prints a row a run: medians of 5 turns, ranges, and what a worker's processor did in a step: on a
machine that is busy, that is the figure to look at.
"""

import asyncio
import json
import multiprocessing
import os
import statistics
import sys
import time
from functools import partial
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

TURNS = 5
Sent = Any  # multiprocessing's shared number


async def _relay(pairs: dict[int, int], delay: float, sent: Sent) -> None:
    """Pass on what comes to each port, later; port -> port."""
    loop = asyncio.get_running_loop()

    async def pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        while piece := await source.read(1 << 16):
            sent.value += len(piece)
            loop.call_later(delay, sink.write, piece)
        loop.call_later(delay, sink.close)

    async def serve(target: int, there: Any, back: Any) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", target)
        await asyncio.gather(pump(there, writer), pump(reader, back))

    servers = [
        await asyncio.start_server(partial(serve, target), "127.0.0.1", port)
        for port, target in pairs.items()
    ]
    await asyncio.gather(*(server.serve_forever() for server in servers))


def relay(pairs: dict[int, int], delay: float, sent: Sent) -> None:
    """Run in a process of its own until it is ended."""
    asyncio.run(_relay(pairs, delay, sent))


def work(recipe: str, config: str, steps: int, sent: Sent, says: Any) -> None:
    """Be one worker; worker 0 says what its turns took."""
    os.environ["TF_CONFIG"] = config
    from mnist.machine import cluster, processor  # noqa: PLC0415
    from mnist.params.augment import AugmentParams  # noqa: PLC0415
    from mnist.params.model import ModelParams  # noqa: PLC0415
    from mnist.params.train import TrainParams  # noqa: PLC0415

    read = YAML(typ="safe").load(Path(f"recipes/{recipe}.yaml"))
    held = {"shards": 4, "precision": "float32", "reproducible": "portable", "device": "cpu"}
    params = TrainParams.model_validate_json(json.dumps(read["train"] | held))
    processor.prepare(reproducible="portable", device="cpu", shards=params.shards)
    import numpy as np  # noqa: PLC0415

    from mnist.arrays.dataset import Examples  # noqa: PLC0415
    from mnist.network import model  # noqa: PLC0415
    from mnist.task import Task  # noqa: PLC0415
    from mnist.training import loop, trainer, worker  # noqa: PLC0415

    draw = np.random.Generator(np.random.PCG64(0))
    task = Task((28, 28, 1), tuple("0123456789"), "ink")
    images = draw.integers(0, 256, (4000, *task.shape), np.uint8)
    examples = Examples(images, draw.integers(0, 10, 4000).astype(np.uint16), task)
    distortion = AugmentParams.model_validate_json(json.dumps(read["augment"]))
    design = ModelParams.model_validate_json(json.dumps(read["model"]))
    with worker.joined(cluster.find(), params.shards) as this:
        network = model.build(design, task, 1)
        built = trainer.build(network, examples, params, distortion, this)
        built.run_steps(0, loop.order(4000, 0, 2, params))
        before, busy, took = sent.value, time.process_time(), []
        for turn in range(TURNS):
            rows = loop.order(4000, turn * steps, steps, params)
            start = time.perf_counter()
            built.run_steps(turn * steps, rows)
            took.append(1000 * (time.perf_counter() - start) / steps)
        if this.rank == 0:
            done = TURNS * steps
            says.put(
                (took, 1000 * (time.process_time() - busy) / done, (sent.value - before) / done)
            )


def measure(recipe: str, count: int, delay: float, steps: int) -> str:
    """Return the row of one run."""
    spawn = multiprocessing.get_context("spawn")
    sent, says = spawn.Value("q", 0, lock=False), spawn.Queue()
    first = 30000 + os.getpid() % 500 * 50 % 2500
    own = [first + rank for rank in range(count)]
    through = {(i, j): first + 10 + 5 * i + j for i in range(count) for j in range(count)}
    pairs = {port: own[j] for (_, j), port in through.items()}
    processes = [spawn.Process(target=relay, args=(pairs, delay / 1000, sent))]
    for rank in range(count):
        seen = [own[j] if j == rank else through[rank, j] for j in range(count)]
        task = {"type": "worker", "index": rank}
        workers = {"worker": [f"127.0.0.1:{port}" for port in seen]}
        config = json.dumps({"cluster": workers, "task": task})
        processes.append(spawn.Process(target=work, args=(recipe, config, steps, sent, says)))
    for process in processes:
        process.start()
    took, busy, wire = says.get()
    for process in processes[1:]:
        process.join()
    processes[0].kill()
    return (
        f"{recipe}, {count} workers, {delay:g} ms: {statistics.median(took):.1f} ms a step "
        f"({min(took):.1f} to {max(took):.1f}); processor {busy:.1f} ms a worker; "
        f"{wire / 1e3:.0f} kB on the wire, all workers"
    )


def main() -> None:
    """Print a row a run."""
    given = [*sys.argv[1:], *["tutorial", "1,2,4", "0,1,10", "40"][len(sys.argv) - 1 :]]
    for delay in map(float, given[2].split(",")):
        for count in map(int, given[1].split(",")):
            print(measure(given[0], count, delay, int(given[3])), flush=True)


if __name__ == "__main__":
    main()

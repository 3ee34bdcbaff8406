"""Workers in trouble, one case after the other; `python trouble.py CASE...`.

TensorFlow is imported once; each worker is a fork of that process. The cases
run at the same time. Prints one line of JSON per case: its name, and for each worker its exit
status, the seconds that it took since the trouble, and its last line.
"""

import json
import os
import signal
import socket
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import tensorflow as tf

import together
from mnist.errors import run
from mnist.machine import cluster, processor
from mnist.training import team

SECONDS, FEW = "20", "5"  # that a worker waits for another; for one that does not come
NOBODY = {"absent", "taken", "stranger"}


def step(seen: dict[str, bytes]) -> None:
    """Compare what the workers see, then let them tell each other something, without end."""
    with team.joined(cluster.find(), 4) as workers:
        workers.require_same(seen)
        print("started", flush=True)
        while True:
            workers.gather(tf.ones(9))  # as a step does
            time.sleep(0.01)


def start(rank: int, addresses: list[str], log: Path, seen: dict[str, bytes], seconds: str) -> int:
    """Start a worker; return its process."""
    (log / str(rank)).touch()
    if (pid := os.fork()) == 0:
        status = 1
        try:
            descriptor = os.open(log / str(rank), os.O_WRONLY)
            os.dup2(descriptor, 1)
            os.dup2(descriptor, 2)
            os.environ[cluster.TF_CONFIG] = together.config(addresses, rank)
            os.environ[cluster.SECONDS] = seconds
            run(lambda: step(seen))
        except SystemExit as ended:
            status = int(ended.code or 0)
        finally:
            os._exit(status)
    return pid


def signalled(rank: int, number: signal.Signals) -> Callable[[list[int], Path], None]:
    """Return what sends a worker a signal, once it has begun."""

    def send(pids: list[int], log: Path) -> None:
        while "started" not in (log / str(rank)).read_text("utf-8"):
            if os.waitpid(pids[rank], os.WNOHANG)[0]:
                raise SystemExit((log / str(rank)).read_text("utf-8"))
            time.sleep(0.01)
        time.sleep(0.3)
        os.kill(pids[rank], number)

    return send


def nothing(pids: list[int], log: Path) -> None:
    """Do nothing."""


CASES: dict[str, tuple[int, Callable[[list[int], Path], None]]] = {
    "other": (2, nothing),  # workers that are started, and what befalls them
    "absent": (1, nothing),
    "taken": (2, nothing),
    "stranger": (1, nothing),
    "killed-0": (2, signalled(0, signal.SIGKILL)),
    "killed-1": (2, signalled(1, signal.SIGKILL)),
    "stopped-0": (2, signalled(0, signal.SIGSTOP)),
    "stopped-1": (2, signalled(1, signal.SIGSTOP)),
}


def play(case: str) -> list[Any]:
    """Play a case out."""
    count, befalls = CASES[case]
    seconds = FEW if case in NOBODY else SECONDS
    addresses = [f"127.0.0.1:{port}" for port in together.ports(2)]
    seen = [{"params": b"1", "data": b"1"}, {"params": b"1", "data": b"2"}]
    with tempfile.TemporaryDirectory() as folder, socket.socket() as other:
        if case in NOBODY - {"absent"}:
            host, port = addresses[1].split(":")
            other.bind((host, int(port)))
            other.listen()
        log = Path(folder)
        pids = [
            start(rank, addresses, log, seen[rank if case == "other" else 0], seconds)
            for rank in range(count)
        ]
        befalls(pids, log)
        begun = time.monotonic()
        ends = []
        for rank, pid in enumerate(pids):
            if case == f"stopped-{rank}":
                continue
            status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
            words = (log / str(rank)).read_text("utf-8", "replace").splitlines()
            ends.append([status, round(time.monotonic() - begun, 1), words[-1] if words else ""])
        if case.startswith("stopped"):
            stopped = pids[int(case[-1])]
            os.kill(stopped, signal.SIGKILL)
            os.waitpid(stopped, 0)
        return ends


if __name__ == "__main__":
    processor.prepare(reproducible="portable", device="cpu")
    for name in sys.argv[1:]:
        if os.fork() == 0:
            status = 1
            try:
                os.write(1, (json.dumps([name, play(name)]) + "\n").encode())
                status = 0
            finally:
                os._exit(status)
    if any(os.wait()[1] for _ in sys.argv[1:]):
        raise SystemExit("a case could not be played")

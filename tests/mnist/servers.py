"""A model to serve, and a server in a process of its own."""

import base64
import contextlib
import hashlib
import json
import multiprocessing
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import requests

from mnist.arrays import dataset
from mnist.arrays.dataset import Examples
from mnist.machine import processor
from mnist.params.augment import AugmentParams
from mnist.params.model import ModelParams
from mnist.params.train import TrainParams
from mnist.source import idx
from mnist.source.bundled import mnist_5k
from mnist.task import Task
from short_training import AUGMENT, PLAIN

SOURCE = Path(__file__).parents[2] / "src"
WITHOUT_NETWORK = f"""
import sys
sys.path.append({str(Path(__file__).parent)!r})
import no_network
from mnist.serving import service
service.load = no_network.load
"""
DIGITS = Task((28, 28, 1), tuple("0123456789"), "ink")
SMALL: dict[str, Any] = {
    "blocks": ((16,), (32,)),
    "kernel_size": 5,
    "padding": "same",
    "batch_norm": False,
    "dense": (48,),
    "dropout": 0,
    "initializer": "glorot",
}
TRAINING: dict[str, Any] = PLAIN | {
    "batch_size": 50,
    "learning_rate": 0.005,
    "schedule": "one-cycle",
    "betas": (0.9, 0.99),
    "validate_every": 1000,
    "checkpoint_every": 1000,
    "seed": 1,
}


def make(folder: Path, task: Task, examples: Examples | None = None, *, steps: int = 0) -> Path:
    """Save a small network in `folder`, as a project has one; trained on examples, if there are.

    The same bytes on any processor, so what a test counts is no matter of luck. In a process of
    its own: what makes its bits the same everywhere holds for a whole process.
    """
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as alone:
        return alone.submit(_make, folder, task, examples, steps).result()


def _make(folder: Path, task: Task, examples: Examples | None, steps: int) -> Path:
    processor.prepare(reproducible="portable", device="cpu")
    from mnist.network import model  # noqa: PLC0415
    from mnist.training import loop  # noqa: PLC0415

    network = model.build(ModelParams(**SMALL), task, seed=1)
    if examples:
        params = TrainParams(**TRAINING | {"steps": steps})
        loop.fit(
            network, examples, examples, params, AugmentParams.model_validate(AUGMENT["tutorial"])
        )
    path = folder / "models/model.keras"
    path.parent.mkdir(parents=True)
    model.save(model.Trained(network, task, 1.0), path)
    return path


def digits() -> tuple[Examples, Examples]:
    """Return the bundled digits, 4,000 to learn from and 1,000 to test."""
    files = mnist_5k()

    def pair(name: str) -> Examples:
        images = idx.parse(files[f"{name}-images-idx3-ubyte"], dimensions=3, name=name)
        labels = idx.parse(files[f"{name}-labels-idx1-ubyte"], dimensions=1, name=name)
        return Examples(images[..., np.newaxis], labels.astype(np.uint16), DIGITS)

    return pair("train"), pair("t10k")


def save_test_set(folder: Path, examples: Examples) -> None:
    """Lay the test set where the server looks for it."""
    dataset.save(examples, folder / "data/prepared/test.npz")


class Server:
    """One that runs: `url`, and its process."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self.process = process
        assert process.stdout
        self.line = process.stdout.readline()
        found = re.search(r"http://\S+", self.line)
        assert found, self.line + process.communicate()[0]
        self.url = found[0]
        self.port = int(self.url.rpartition(":")[2])
        self.http = session()
        self.killed = False

    def get(self, path: str) -> Any:
        return self.http.get(self.url + path, timeout=60)

    def send(self, content: bytes, kind: str = "image/png", path: str = "/predict") -> Any:
        headers = {"content-type": kind}
        return self.http.post(self.url + path, data=content, headers=headers, timeout=60)

    def read(self, content: bytes) -> str:
        """Return the likeliest class of a picture."""
        return str(self.send(content).json()["pictures"][0]["classes"][0]["class"])

    def counted(self, name: str) -> float:
        """Return a number that /metrics has."""
        found = re.search(rf"^{re.escape(name)} (\S+)$", self.get("/metrics").text, re.MULTILINE)
        assert found, name
        return float(found[1])

    def counted_elsewhere(self, name: str) -> float:
        """Return the same while the connection is busy."""
        text = session().get(self.url + "/metrics", timeout=60).text
        return float(re.findall(rf"^{re.escape(name)} (\S+)$", text, re.MULTILINE)[0])

    def memory(self) -> int:
        """Return the bytes that the server and its processes have."""
        pids = [self.process.pid, *children(self.process.pid)]
        texts = [Path(f"/proc/{pid}/status").read_text() for pid in pids]
        return sum(int(kib) << 10 for text in texts for kib in re.findall(r"VmRSS:\s+(\d+)", text))


def session() -> requests.Session:
    """Return a connection of its own; no proxy stands between two processes of this machine."""
    made = requests.Session()
    made.trust_env = False
    return made


def post(url: str, content: bytes, kind: str) -> requests.Response:
    """Send a body on a connection of its own."""
    with session() as mine:
        headers = {"content-type": kind}
        return mine.post(url + "/predict", data=content, headers=headers, timeout=60)


def base64_of(content: bytes) -> str:
    return base64.b64encode(content).decode()


def children(pid: int) -> list[int]:
    found: list[int] = []
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):  # threads come and go
            found += map(int, task.read_text().split())
    return found


@contextlib.contextmanager
def serve(folder: Path, *limits: str, network: bool = True) -> Iterator[Server]:
    """Serve the model in `folder`; `limits`: assignments to mnist.serving.limits, for a test."""
    code = "\n".join(
        [
            "" if network else WITHOUT_NETWORK,
            "from mnist.serving import limits",
            *(f"limits.{limit}" for limit in limits),
            "from mnist.errors import run",
            "from mnist.serving.__main__ import main",
            "run(main)",
        ]
    )
    process = subprocess.Popen(
        [sys.executable, "-P", "-c", code, "--port=0"],
        env=os.environ | {"PYTHONPATH": str(SOURCE)},
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    server = Server(process)
    try:
        yield server
    finally:
        process.send_signal(signal.SIGTERM)
        said, _ = process.communicate(timeout=60)
    assert server.killed or process.returncode == 0, said
    assert said == "", said  # no traceback, no message: a refusal is the caller's


def evaluated(folder: Path, md5: str) -> dict[str, Any]:
    """Lay metrics beside a model as if it had been evaluated."""
    measured = {"accuracy": 0.9, "accuracy_low": 0.8, "accuracy_high": 0.95, "images": 100}
    measured |= {"errors": 10, "log_loss": 0.3}
    (folder / "metrics").mkdir(exist_ok=True)
    (folder / "metrics/evaluation.json").write_text(json.dumps(measured))
    record = {"of": {"models/model.keras": md5}}
    (folder / "metrics/environment.json").write_text(json.dumps(record))
    return measured


def digest(path: Path) -> str:
    return hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest()

"""Milliseconds a step, of peers that take turns: what slows the machine slows all of them."""

import os
import re
import statistics
import subprocess
from pathlib import Path
from types import TracebackType
from typing import Any, Self

HERE = Path(__file__).parent
ROOT = HERE.parent
CHUNK = 100  # steps a turn, as in peers/turns.py
OURS = ROOT / ".venv/bin/python"
TORCH = ROOT / ".venv-bench/bin/python"
KERAS = {"KERAS_BACKEND": "tensorflow", "KERAS_HOME": os.devnull}  # as in mnist.machine.processor


def environment() -> dict[str, str]:
    """Return the environment of a program: quiet, and without the user's own Keras settings."""
    own = {name: value for name, value in os.environ.items() if not name.startswith("KERAS_")}
    ours = {"PYTHONPATH": str(ROOT / "src"), "PYTHONDONTWRITEBYTECODE": "1"}
    return own | KERAS | ours | {"TF_CPP_MIN_LOG_LEVEL": "2"}


def has_bfloat16(cpuinfo: Path = Path("/proc/cpuinfo")) -> bool:
    """Tell whether the processor computes in bfloat16; emulated, it takes many times as long."""
    text = cpuinfo.read_text(encoding="utf-8") if cpuinfo.is_file() else ""
    return bool(re.search(r"\b(avx512_bf16|amx_bf16)\b", text))


class Peer:
    """A program of peers/ that waits for its turn."""

    def __init__(self, script: str, *arguments: str, python: Path = OURS, cores: str = "") -> None:
        """Start it, on `cores` alone, a list for taskset, where given.

        It compiles and warms up until the first turn.
        """
        bound = ["taskset", "--cpu-list", cores] if cores else []
        self.process = subprocess.Popen(
            [*bound, str(python), str(HERE / "peers" / script), *arguments],
            env=environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )

    def __enter__(self) -> Self:
        """Wait until it is warm."""
        self._expect("ready")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End it."""
        self.process.kill()
        self.process.wait()

    def turn(self) -> float:
        """Let it run one turn; return its seconds."""
        return float(self._ask(""))

    def test(self) -> float:
        """Let it test itself; return its accuracy on the test set."""
        return float(self._ask("test"))

    def memory(self) -> float:
        """Return its peak memory so far, in MB."""
        status = Path(f"/proc/{self.process.pid}/status").read_text(encoding="utf-8")
        return int(status.split("VmHWM:")[1].split()[0]) / 1024

    def _ask(self, question: str) -> str:
        assert self.process.stdin
        self.process.stdin.write(question + "\n")
        self.process.stdin.flush()
        return self._expect("")

    def _expect(self, start: str) -> str:
        assert self.process.stdout
        line = self.process.stdout.readline()
        if not line or not line.startswith(start):
            raise RuntimeError(f"{self.process.args!r} ended without an answer")
        return line


def alternate(peers: dict[str, Peer], rounds: int) -> dict[str, Any]:
    """Let each peer take its turn, `rounds` times around; return milliseconds a step of each."""
    seconds: dict[str, list[float]] = {name: [] for name in peers}
    for _ in range(rounds):
        for name, peer in peers.items():
            seconds[name].append(peer.turn())
    return {name: [value / CHUNK * 1000 for value in values] for name, values in seconds.items()}


def summarize(milliseconds: dict[str, list[float]], base: str) -> dict[str, Any]:
    """Return of each peer the median, the range, and the median as a multiple of `base`'s."""
    unit = statistics.median(milliseconds[base])
    return {
        name: {
            "median": round(statistics.median(values), 2),
            "least": round(min(values), 2),
            "most": round(max(values), 2),
            "ratio": round(statistics.median(values) / unit, 3),
        }
        for name, values in milliseconds.items()
    }

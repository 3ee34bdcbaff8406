"""Seconds from process start to 99.2 % on MNIST's test set, of programs that take turns.

Needs DATASET_MIRROR where the public mirrors are out of reach.
"""

import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

from steps import CHUNK, Peer

TARGET = 0.992
MOST = 20_000  # steps, as many as the tutorial gives itself


@dataclass
class Run:
    """A program on its way; the time of tests is not counted."""

    peer: Peer
    seconds: float  # from process start: import, compile, and the first turn, which is done
    every: int  # turns between two tests
    most: int  # steps that it has
    turns: int = 1
    accuracy: float = 0.0

    @property
    def over(self) -> bool:
        """Whether it has arrived, or has no steps left."""
        return self.accuracy >= TARGET or self.turns * CHUNK >= self.most

    def go_on(self) -> None:
        """Take the turns up to the next test."""
        for _ in range(self.every):
            self.seconds += self.peer.turn()
        self.turns += self.every
        self.accuracy = self.peer.test()


def start(stack: ExitStack, program: Callable[[], Peer], every: int = 5, most: int = MOST) -> Run:
    """Start a program, which `stack` ends, and wait for it: no start is slowed by another's."""
    begin = time.perf_counter()
    peer = stack.enter_context(program())
    return Run(peer, time.perf_counter() - begin, every, most)


def measure(runs: dict[str, Run]) -> dict[str, Any]:
    """Let those go on that have not arrived; return seconds, steps and accuracy of each."""
    while going := {name: run for name, run in runs.items() if not run.over}:
        for name, run in going.items():
            run.go_on()
            print(f"{name}: {run.turns * CHUNK} steps, {run.accuracy}", file=sys.stderr)
    return {
        name: {
            "seconds": round(run.seconds, 1),
            "steps": run.turns * CHUNK,
            "accuracy": run.accuracy,
        }
        for name, run in runs.items()
    }

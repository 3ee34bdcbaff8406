"""`make bench`: everything measured, in one run, into results.json; report.py makes it readable."""

import functools
import json
import sys
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pipeline
import recipes
import report
import target
from steps import HERE, OURS, ROOT, TORCH, Peer, alternate, has_bfloat16, summarize

DATA = ROOT / "data/prepared"
TUTORIAL, FAST = ROOT / "recipes/tutorial.yaml", ROOT / "recipes/fast.yaml"
MACHINE, BFLOAT16 = "reproducible=machine", "precision=bfloat16"
ROUNDS = 5
BASE = "the tutorial's program"
Program = Callable[[], Peer]  # starts it


def _peer(*arguments: str, python: Path = OURS) -> Program:
    return functools.partial(Peer, *arguments, python=python)


def _ours(
    *changes: str, recipe: Path = TUTORIAL, data: str = str(DATA), cores: str = ""
) -> Program:
    return functools.partial(Peer, "ours.py", data, str(recipe), *changes, cores=cores)


def measurable(programs: dict[str, Program]) -> dict[str, Program]:
    """Leave out the programs in bfloat16 where the processor would emulate it, for 20 minutes."""
    bfloat16 = has_bfloat16()
    return {name: start for name, start in programs.items() if bfloat16 or "bfloat16" not in name}


def steps() -> dict[str, Any]:
    """Time a step of every peer on the tutorial's network, 50 images a batch."""
    torch = {
        "PyTorch, eager": (),
        "PyTorch, channels-last": ("channels-last",),
        "PyTorch, channels-last, fused Adam": ("channels-last", "fused"),
        "PyTorch, the same in bfloat16": ("channels-last", "fused", "bfloat16"),
    }
    with ExitStack() as stack:
        programs = {
            BASE: _peer("tutorial.py", str(DATA), "relu"),
            "the same, no ReLU on the logits": _peer("tutorial.py", str(DATA)),
            "Keras fit, tf.data": _peer("keras_fit.py", str(DATA), "1"),
            "Keras fit, steps_per_execution=100": _peer("keras_fit.py", str(DATA), "100"),
            **{
                name: _peer("pytorch.py", str(DATA), *how, python=TORCH)
                for name, how in torch.items()
            },
            "ours, portable, 4 shards": _ours(),
            "ours, portable, 2 shards": _ours("shards=2"),
            "ours, portable, 4 shards, on one core": _ours(cores="0"),
            "ours, portable, 1 shard, on one core": _ours("shards=1", cores="0"),
            "ours, machine, 4 shards": _ours(MACHINE),
            "ours, machine, 2 shards": _ours(MACHINE, "shards=2"),
            "ours, machine, 1 shard": _ours(MACHINE, "shards=1"),
            "ours, machine, 2 shards, bfloat16": _ours(MACHINE, BFLOAT16, "shards=2"),
            "ours, machine, 1 shard, bfloat16": _ours(MACHINE, BFLOAT16, "shards=1"),
            "sgemm": _peer("sgemm.py"),
        }
        peers = _start(programs, stack)
        found = summarize(alternate(peers, ROUNDS), BASE)
        memory = {name: round(peer.memory()) for name, peer in peers.items()}
    return {name: values | {"peak_mb": memory[name]} for name, values in found.items()}


def scaling() -> dict[str, Any]:
    """Time our step with other batches and fewer cores; only pairs of the same run compare."""
    found: dict[str, Any] = {}
    for precision in ("float32", "bfloat16") if has_bfloat16() else ("float32",):
        changes = (MACHINE, f"precision={precision}")
        with ExitStack() as stack:
            programs = {
                **{f"batch {n}": _ours(*changes, f"batch_size={n}") for n in (25, 50, 100, 200)},
                "batch 50, 1 core": _ours(*changes, cores="0"),
            }
            found[precision] = summarize(alternate(_start(programs, stack), 5), "batch 50")
    return found


def time_to_target() -> dict[str, Any]:
    """Time each program from process start until it has read 99.2 % of MNIST's test set."""
    with tempfile.TemporaryDirectory() as temporary, ExitStack() as stack:
        recipes.prepare(Path(temporary), "tutorial")
        data = str(Path(temporary) / "data/prepared")
        programs = {
            BASE: _peer("tutorial.py", data, "relu"),
            "Keras fit, steps_per_execution=100": _peer("keras_fit.py", data, "100"),
            "PyTorch, channels-last, fused Adam": _peer(
                "pytorch.py", data, "channels-last", "fused", python=TORCH
            ),
            "ours, machine, bfloat16": _ours(MACHINE, BFLOAT16, data=data),
        }
        runs = {name: target.start(stack, start) for name, start in measurable(programs).items()}
        changes = () if has_bfloat16() else ("precision=float32",)
        name = "ours, `fast`" + (" in float32" if changes else "")
        runs[name] = target.start(stack, _ours(*changes, recipe=FAST, data=data), 1, 1300)
        return target.measure(runs)


def _start(programs: dict[str, Program], stack: ExitStack) -> dict[str, Peer]:
    """Start all programs, which `stack` ends, and wait until they are warm."""
    peers = {name: start() for name, start in measurable(programs).items()}
    for peer in peers.values():
        stack.enter_context(peer)
    return peers


PARTS: dict[str, Callable[[], Any]] = {
    "steps": steps,
    "scaling": scaling,
    "stages": pipeline.cost_of_stages,
    "nothing_to_do": lambda: pipeline.nothing_to_do(ROUNDS),
    "time_to_target": time_to_target,
}


def main() -> None:
    """Measure what is named, or everything; the rest of results.json stays."""
    names = sys.argv[1:] or list(PARTS)
    if unknown := [name for name in names if name not in PARTS]:
        sys.exit(f"PARTS: expected some of {', '.join(PARTS)}; found {', '.join(unknown)}")
    if not TORCH.is_file() or not DATA.is_dir():
        sys.exit("benchmarks: expected .venv-bench and data/prepared; run `make repro bench`")
    if not has_bfloat16():
        print(f"benchmarks: {report.NO_BFLOAT16}", file=sys.stderr)
    path = HERE / "results.json"
    results = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    for name in names:
        print(f"benchmarks: {name}", file=sys.stderr)
        results[name] = PARTS[name]()
        path.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    report.main()


if __name__ == "__main__":
    main()

"""What large deps cost: one file of 1 GB, and a folder of 50,000, in each engine; in seconds.

    .venv/bin/python benchmarks/large_deps.py FOLDER [ROUNDS]

FOLDER is for a project that this makes there, on the disk that is to be measured. The stage reads
one byte, so that what is added to the bare command is the launcher's.
"""

import os
import shutil
import statistics
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]
ENGINES = ("host", "bwrap", "docker")
DEPS = {"1 GB": "large.bin", "50,000 files": "many"}
PIPELINE = "stages:\n" + "".join(
    f"  {dep.partition('.')[0]}:\n    cmd: echo x > out-{dep}\n    deps: [{dep}]\n"
    f"    outs: [out-{dep}]\n"
    for dep in DEPS.values()
)


def make(folder: Path) -> None:
    """Make the project: its files, its image, which is this project's."""
    (folder / "many").mkdir(parents=True)
    for number in range(50_000):
        path = folder / f"many/{number % 100}/{number}"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"x" * 1000)
    with (folder / "large.bin").open("wb") as file:
        for _ in range(1000):
            file.write(os.urandom(1_000_000))
    (folder / "dvc.yaml").write_text(PIPELINE, encoding="utf-8")
    for name in ("sealed.toml", "Dockerfile", "requirements.lock", "requirements-gpu.lock"):
        shutil.copy(ROOT / name, folder)
    subprocess.run([sys.executable, "-m", "dvc", "init", "--no-scm", "-q"], cwd=folder, check=True)


def seconds(folder: Path, stage: str, engine: str) -> float:
    """Run a stage once; return how long it took."""
    environ = os.environ | {"STAGE_ENGINE": engine, "PYTHONPATH": str(ROOT / "src")}
    start = time.perf_counter()
    command = [sys.executable, "-m", "sealed.launch", stage]
    subprocess.run(command, cwd=folder, env=environ, check=True, capture_output=True)
    return time.perf_counter() - start


def main() -> None:
    """Print a row a dep: the median and the range of each engine."""
    folder = Path(sys.argv[1])
    rounds = int(sys.argv[2]) if sys.argv[2:] else 5
    if not folder.exists():
        make(folder)
        time.sleep(3)  # until what DVC says may be kept
    for name, dep in DEPS.items():
        taken: dict[str, list[float]] = {engine: [] for engine in ENGINES}
        for engine in ENGINES:
            seconds(folder, dep.partition(".")[0], engine)  # the first asks DVC
        for _ in range(rounds):
            for engine, times in taken.items():
                times.append(seconds(folder, dep.partition(".")[0], engine))
        cells = [
            f"{engine} {statistics.median(times):.2f} s ({min(times):.2f} to {max(times):.2f})"
            for engine, times in taken.items()
        ]
        print(f"{name}, n = {rounds}: {', '.join(cells)}")


if __name__ == "__main__":
    main()

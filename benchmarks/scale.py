"""Time and memory of each stage as the data grows.

`scale.py idx 60000`: grey, 28 x 28. `scale.py pictures 60000 64`: PNGs in colour, 64 x 64.

Made-up images of ten classes, a sixth of them to test; a small network and few steps, so that what
grows is what the data costs. Prints a row of JSON a stage.
"""

import hashlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from ruamel.yaml import YAML

ROOT = Path(__file__).parents[1]
STAGES = ("fetch", "preprocess", "train", "evaluate")
CLASSES, SIDE, BLOCK = 10, 28, 10_000
NETWORK = {"blocks": [[8], [16]], "kernel_size": 3, "dense": [], "dropout": 0}
STEPS = {"steps": 200, "validate_every": 200, "checkpoint_every": 200}
# a process of its own, or its peak would be ours at least
MEASURED = """
import json, os, resource, subprocess, sys, time
start = time.perf_counter()
done = subprocess.run(sys.argv[1:], capture_output=True, text=True)
used = resource.getrusage(resource.RUSAGE_CHILDREN)
print(json.dumps({"status": done.returncode, "said": done.stdout + done.stderr,
    "seconds": round(time.perf_counter() - start, 1),
    "cpu": round(used.ru_utime + used.ru_stime, 1), "peak_mib": used.ru_maxrss // 1024}))
"""


def main() -> None:
    """Measure one size."""
    kind, count, *rest = sys.argv[1:]
    with tempfile.TemporaryDirectory(prefix="scale-") as folder:
        place = Path(folder)
        (place / "datasets").mkdir()
        side = int(rest[0]) if rest else SIDE
        if kind == "idx":
            spec = make_idx(place, int(count))
            write(spec, place / "datasets/made.yaml")
        else:
            make_pictures(place / "pictures", int(count), side)
            argv = ["-m", "mnist.collection", str(place / "pictures"), "made"]
            told(place, kind, count, "make dataset", measure(place, *argv))
        write(params(side, "grey" if kind == "idx" else "rgb"), place / "params.yaml")
        for stage in STAGES:
            told(place, kind, count, stage, measure(place, str(ROOT / f"stages/{stage}.py")))


def make_idx(place: Path, count: int) -> dict[str, Any]:
    """Write four IDX files; return their description."""
    files = []
    (place / "made").mkdir()
    for split, images in (("train", count), ("test", count // 6)):
        for holds, code, shape in (
            ("images", 3, (images, SIDE, SIDE)),
            ("labels", 1, (images,)),
        ):
            path, digest = place / "made" / f"{split}-{holds}", hashlib.sha256()
            with path.open("wb") as out:
                head = bytes([0, 0, 8, code]) + b"".join(n.to_bytes(4, "big") for n in shape)
                for part in (head, *parts(images, holds)):
                    digest.update(part)
                    out.write(part)
            files.append({"name": path.name, "split": split, "holds": holds, "images": images})
            files[-1] |= {"length": path.stat().st_size, "sha256": digest.hexdigest()}
    facts: dict[str, Any] = {"title": "made", "source": "made", "licence": "none", "format": "idx"}
    facts |= {"photo": "resize", "mirrors": [str(place / "made")], "folders": ["made"]}
    return facts | {"classes": [f"class {n}" for n in range(CLASSES)], "files": files}


def parts(images: int, holds: str) -> Iterator[bytes]:
    """Yield the bytes of some images or labels at a time."""
    for start in range(0, images, BLOCK):
        labels = np.arange(start, min(start + BLOCK, images), dtype=np.int64) % CLASSES
        yield (
            drawn(labels, start, SIDE, 1) if holds == "images" else labels.astype(np.uint8)
        ).tobytes()


def drawn(labels: NDArray[np.int64], seed: int, side: int, channels: int) -> NDArray[np.uint8]:
    """Draw a bar at the height that the label says, among specks; no image is like another."""
    generator = np.random.Generator(np.random.PCG64(seed))
    images = generator.integers(0, 60, (len(labels), side, side, channels), np.uint8)
    for image, label in zip(images, labels, strict=True):
        top = side * label // CLASSES
        image[top : top + 3, 3:-3] = 200
    return images


def make_pictures(folder: Path, count: int, side: int) -> None:
    """Write PNGs, a folder a class."""
    for label in range(CLASSES):
        (folder / f"class {label}").mkdir(parents=True)
    for start in range(0, count, 1000):
        labels = np.arange(start, min(start + 1000, count)) % CLASSES
        for number, image in enumerate(drawn(labels, start, side, 3), start):
            path = folder / f"class {number % CLASSES}" / f"{number}.png"
            Image.fromarray(image).save(path, compress_level=1)


def params(side: int, colour: str) -> dict[str, Any]:
    """Return those of the tutorial, with a small network and few steps."""
    found: dict[str, Any] = YAML(typ="safe").load(ROOT / "recipes/tutorial.yaml")
    found["fetch"]["dataset"] = "made"
    found["preprocess"] |= {"size": [side, side], "colour": colour}
    found["model"] |= NETWORK
    found["train"] |= STEPS
    return found


def write(values: dict[str, Any], path: Path) -> None:
    """Write YAML."""
    YAML(typ="safe").dump(values, path)


def measure(place: Path, *argv: str) -> dict[str, Any]:
    """Run a Python program in the folder."""
    env = os.environ | {"PYTHONPATH": str(ROOT / "src"), "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, "-c", MEASURED, sys.executable, "-P", *argv]
    output = subprocess.run(command, cwd=place, env=env, check=True, capture_output=True).stdout
    found: dict[str, Any] = json.loads(output)
    if found.pop("status"):
        raise RuntimeError(found["said"])
    return found


def told(place: Path, kind: str, count: str, stage: str, found: dict[str, Any]) -> None:
    """Print a row."""
    lines = found.pop("said").splitlines()
    found["images"] = next((line for line in lines if line.startswith("images: ")), "")
    held = sum(path.stat().st_size for path in place.rglob("*") if path.is_file())
    print(
        json.dumps({"set": kind, "n": int(count), "stage": stage} | found | {"disk": held}),
        flush=True,
    )


if __name__ == "__main__":
    main()

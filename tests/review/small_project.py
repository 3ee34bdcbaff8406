"""A small repository as the pipeline leaves it, with predictions of a test's choosing; no DVC."""

import hashlib
import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import yaml

import forked
from review.record.documents import flatten
from review.verdict.seeds import digest
from review.verdict.verdict import Options

ENVIRON = os.environ | {
    "PYTHONPATH": str(Path(__file__).parents[2] / "src"),
    "PYTHONDONTWRITEBYTECODE": "1",
}
COMMANDS = (
    *("review.commands.diff", "review.commands.report", "review.commands.locked"),
    "matplotlib.backends.backend_agg",
)


def dvc(root: Path, *arguments: str) -> str:
    """Run DVC itself in a project."""
    env = os.environ | {"DVC_NO_ANALYTICS": "1", "DVC_SITE_CACHE_DIR": str(root / ".dvc/site")}
    done = forked.run("dvc", *arguments, cwd=root, env=env)
    done.check_returncode()
    return done.stdout


def program(root: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the program in a project."""
    return forked.run("review", *arguments, cwd=root, env=ENVIRON, imported=COMMANDS)


def dvc_status(root: Path) -> set[str]:
    """Return the stages that DVC would run."""
    return set(yaml.safe_load(dvc(root, "status", "--json")))


PIPELINE = """\
stages:
  preprocess:
    cmd: stages/run preprocess
    deps: [src/split.py]
    params: [preprocess]
    outs: [data/prepared/test.npz]
  train:
    cmd: stages/run train
    deps: [src/train.py, requirements.lock]
    params: [train]
    outs: [models/model.keras]
    metrics: [metrics/train.json: {cache: false}]
    plots: [metrics/curve.csv: {cache: false, x: step, y: validation_accuracy}]
    meta: {records: [metrics/environment.json]}
  evaluate:
    cmd: stages/run evaluate
    deps: [data/prepared/test.npz, models/model.keras]
    params: [evaluate.confidence]
    metrics: [metrics/evaluation.json: {cache: false}]
    plots:
      - metrics/predictions.csv: {cache: false, template: confusion, x: actual, y: predicted}
"""
PARAMS = {
    "preprocess": {"seed": 1},
    "train": {"learning_rate": 0.1, "seed": 1},
    "evaluate": {"confidence": 0.95},
}
IMAGES = Options(images="data/prepared/test.npz", spread_with="make spread")
ENVIRONMENT = {"python": "3.11.7", "packages": {"numpy": "2.4.6"}, "processor": "AMD EPYC"}


class SmallProject:
    """Its files; `train` and `evaluate` write what those stages would, and lock it."""

    def __init__(self, root: Path, images: int = 100) -> None:
        self.root, self.images, self.params = root, images, json.loads(json.dumps(PARAMS))
        self.write(".dvc/config", "[core]\n    analytics = false\n")
        self.write("dvc.yaml", PIPELINE)
        self.write("src/split.py", "split = 1\n")
        self.write("src/train.py", "train = 1\n")
        self.write("requirements.lock", "numpy==2.4.6 \\\n    --hash=sha256:00\n")
        self.write(".gitignore", "/data\n/models\n")
        self.write_json("metrics/environment.json", ENVIRONMENT)
        self.write(
            "metrics/curve.csv", "step,validation_accuracy,train_loss\n0,0.1,2.3\n9,0.9,0.1\n"
        )
        self.git("init", "-q", "-b", "main")

    def git(self, *arguments: str) -> None:
        person = ["-c", "user.name=me", "-c", "user.email=me@here"]
        subprocess.run(["git", *person, *arguments], cwd=self.root, check=True, capture_output=True)

    def write(self, path: str, text: str) -> None:
        (self.root / path).parent.mkdir(parents=True, exist_ok=True)
        (self.root / path).write_text(text, encoding="utf-8")

    def write_json(self, path: str, content: dict[str, Any]) -> None:
        self.write(path, json.dumps(content))

    def repro(self, wrong: set[int]) -> None:
        """Write what a run would whose model takes the images `wrong` for the next digit."""
        self.write("params.yaml", yaml.safe_dump(self.params))
        labels = np.arange(self.images) % 10
        pixels = np.zeros((self.images, 28, 28, 1), np.uint8)
        pixels[:, 8:20, 12:16] = 255
        pixels[:, 0, 0, 0] = self.params["preprocess"]["seed"]
        (self.root / "data/prepared").mkdir(parents=True, exist_ok=True)
        test = self.root / "data/prepared/test.npz"
        np.savez(test, images=pixels, labels=labels.astype(np.uint8))
        self.write("models/model.keras", f"{self.params['train']}")
        record = json.loads((self.root / "metrics/environment.json").read_text(encoding="utf-8"))
        of = {"models/model.keras": self.record("models/model.keras")["md5"]}
        self.write_json("metrics/environment.json", record | {"of": of})
        rows = [
            f"{i},{label},{(label + (i in wrong)) % 10},0.9\n" for i, label in enumerate(labels)
        ]
        self.write(
            "metrics/predictions.csv", "index,actual,predicted,probability\n" + "".join(rows)
        )
        evaluation = {
            "accuracy": round(1 - len(wrong) / self.images, 6),
            "accuracy_low": 0.5,
            "errors": len(wrong),
            "images": self.images,
            "log_loss": round(len(wrong) / 100, 6),
        }
        self.write_json("metrics/evaluation.json", evaluation)
        summary = {"validation_accuracy": 0.9, "validation_images": 50, "steps": 9}
        self.write_json("metrics/train.json", summary)
        self.lock()

    def lock(self) -> None:
        """Record in dvc.lock what lies there, as `dvc repro` does."""
        stages = {}
        for name, stage in yaml.safe_load(PIPELINE)["stages"].items():
            outs = [path for kind in ("outs", "metrics", "plots") for path in stage.get(kind, [])]
            params = dict.fromkeys(stage["params"], self.params)
            for key in params:
                for part in key.split("."):
                    params[key] = params[key][part]
            stages[name] = {
                "cmd": stage["cmd"],
                "deps": [self.record(path) for path in stage["deps"]],
                "params": {"params.yaml": params},
                "outs": [
                    self.record(path if isinstance(path, str) else next(iter(path)))
                    for path in outs
                ],
            }
        self.write("dvc.lock", yaml.safe_dump({"schema": "2.0", "stages": stages}))

    def record(self, path: str) -> dict[str, Any]:
        content = (self.root / path).read_bytes()
        return {"path": path, "md5": hashlib.md5(content).hexdigest(), "size": len(content)}  # noqa: S324

    def digest(self) -> str:
        """Return what a spread of this recipe belongs to."""
        return digest(flatten(self.params), "train.seed")

    def commit(self) -> None:
        self.git("add", ".")
        self.git("commit", "-qm", "a commit")

    def without_data(self) -> None:
        for folder in ("data", "models"):
            shutil.rmtree(self.root / folder)

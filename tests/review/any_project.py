"""A small project of a stranger: three classes that are texts, run by DVC itself."""

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Self

from small_project import ENVIRON, dvc, program

PIPELINE = """\
stages:
  judge:
    cmd: python judge.py
    deps: [judge.py, reviews]
    params: [seed]
    metrics: [scores.yaml: {cache: false}]
    plots:
      - guesses.csv: {cache: false, template: confusion, x: truth, y: guess}
"""
JUDGE = """\
import re
seed = int(re.search(r"seed: (\\d+)", open("params.yaml").read()).group(1))
names = ["bad", "so-so", "very good"]
rows = [(i, names[i % 3], names[(i + (i % seed == 0)) % 3]) for i in range(60)]
open("guesses.csv", "w").write(
    "truth,guess,id\\n" + "".join(f"{t},{g},r{i}\\n" for i, t, g in rows[:: -1 if seed > 5 else 1])
)
right = sum(t == g for _, t, g in rows) / len(rows)
open("scores.yaml", "w").write(f"f1: {{macro: {right}}}\\nbest: bad\\n")
"""


class AnyProject:
    """Its files, in git and DVC."""

    def __init__(self, root: Path, files: dict[str, str] | None = None) -> None:
        """Make a repository with a pipeline that has run once, committed."""
        self.root = root
        root.mkdir(parents=True, exist_ok=True)
        subprocess.run(["git", "init", "-q", "-b", "main"], cwd=root, check=True)
        self.write(".dvc/config", "")
        self.write(".dvc/.gitignore", "/config.local\n/tmp\n/cache\n")  # as `dvc init` does
        given = {"dvc.yaml": PIPELINE, "judge.py": JUDGE, "params.yaml": "seed: 4\n"}
        for path, text in (files or given | {"reviews/a.txt": "a", "reviews/b/c.txt": "c"}).items():
            self.write(path, text)

    @classmethod
    def copied(cls, built: Path, folder: Path) -> Self:
        """Copy one that is there, history and all."""
        copy = cls.__new__(cls)
        copy.root = Path(shutil.copytree(built, folder))
        return copy

    def write(self, path: str, text: str) -> None:
        (self.root / path).parent.mkdir(parents=True, exist_ok=True)
        (self.root / path).write_text(text, encoding="utf-8")

    def repro(self) -> None:
        dvc(self.root, "repro", "-q")

    def commit(self) -> None:
        person = ["-c", "user.name=me", "-c", "user.email=me@here"]
        for words in (["add", "."], ["commit", "-qm", "a commit"]):
            subprocess.run(["git", *person, *words], cwd=self.root, check=True)

    def review(
        self, *arguments: str, before: tuple[str, ...] = ()
    ) -> subprocess.CompletedProcess[str]:
        """Run the program in the project."""
        if not before:
            return program(self.root, *arguments)
        argv = [*before, sys.executable, "-m", "review", *arguments]
        return subprocess.run(
            argv, cwd=self.root, env=ENVIRON, check=False, capture_output=True, text=True
        )

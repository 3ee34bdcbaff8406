"""DVC's queue runs sealed experiments side by side, and their sandboxes share nothing."""

import json
import subprocess
import time
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from foreign_project import Foreign

PIPELINE = """
    stages:
      look:
        cmd: python look.py
        deps: [look.py]
        params: [seed]
        metrics: [m.json]
    """
LOOK = """
    import json, re, time
    from pathlib import Path
    seed = int(re.search("[0-9]+", Path("params.yaml").read_text())[0])
    begin = time.time()
    Path("mine").mkdir()
    Path(f"mine/{seed}").write_text("")
    time.sleep(8)
    seen = len(list(Path("mine").iterdir()))
    Path(f"mine/{seed}").unlink()
    Path("mine").rmdir()
    undeclared = Path("secret.txt").exists()
    Path("m.json").write_text(json.dumps(
        {"begin": begin, "end": time.time(), "seen": seen, "undeclared": undeclared}
    ))
    """


@pytest.mark.slow
@pytest.mark.parametrize("engine", ["host", "bwrap"])
def test_two_experiments_of_the_queue_at_once_share_nothing(tmp_path: Path, engine: str) -> None:
    (tmp_path / "mine").mkdir()
    project = Foreign(tmp_path / "mine").on(engine)
    project.write("dvc.yaml", PIPELINE).write("look.py", LOOK).write("secret.txt", "s")
    project.write("params.yaml", "seed: 0\n")
    git(project, "init", "-q")
    assert project.plain("init", "-q").returncode == 0
    git(project, "add", ".")
    git(project, "-c", "user.name=me", "-c", "user.email=me@here", "commit", "-qm", "all")
    for seed in range(1, 5):
        done = project.plain("exp", "run", "--queue", "-n", f"e{seed}", "-S", f"seed={seed}")
        assert done.returncode == 0, done.stderr
    done = project.sealed("queue", "start", "--jobs", "2")
    assert done.returncode == 0, done.stderr
    found = finished(project, 4)
    assert sorted(found) == ["e1", "e2", "e3", "e4"]
    assert {(m["seen"], m["undeclared"]) for m in found.values()} == {(1, False)}
    turns = sorted((metrics["begin"], metrics["end"]) for metrics in found.values())
    assert any(later[0] < earlier[1] for earlier, later in pairwise(turns))


def git(project: Foreign, *words: str) -> None:
    subprocess.run(["git", *words], cwd=project.root, check=True)


def finished(project: Foreign, count: int) -> dict[str, dict[str, Any]]:
    """Wait for so many experiments; return the metrics of each, as `dvc exp show` has them."""
    deadline = time.monotonic() + 400
    while True:
        shown = project.plain("exp", "show", "--json").stdout
        table = json.loads(shown or "[]")  # nothing while a worker has DVC's lock
        entries = [entry for commit in table for entry in commit.get("experiments") or []]
        ended = [e for e in entries if (e.get("executor") or {}).get("state") == "success"]
        if len(ended) == count or time.monotonic() > deadline:
            return {e["name"]: e["revs"][0]["data"]["metrics"]["m.json"]["data"] for e in ended}
        time.sleep(1)

"""Violations are data, for a run too: what each stage did wrong, with its repair, in one file."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from foreign_project import Foreign
from sealed import violation
from sealed_project import require_bwrap

PIPELINE = """
stages:
  reads:
    cmd: python reads.py
    deps:
      - reads.py
    outs:
      - read
  writes:
    cmd: echo x > more.txt; echo y > data.csv
    deps:
      - data.csv
    outs:
      - written
  edited:
    cmd: echo other > {root}/late.txt; touch edited
    deps:
      - late.txt
    outs:
      - edited
"""
READS = """
    import yaml
    try:
        open("con" + "fig.txt")
    except OSError:
        pass
    import lib
    yaml.safe_load(open("params.yaml"))["seed"]
"""
EXPECTED = {
    ("reads", violation.READ, "config.txt"),
    ("reads", violation.MODULE, "lib.py"),
    ("reads", violation.PARAMETER, "params.yaml:seed"),
    ("writes", violation.WRITE, "more.txt"),
    ("writes", violation.CHANGED, "data.csv"),
    ("writes", violation.OUT_MISSING, "written"),
    ("edited", violation.EDITED, "late.txt"),
}


@pytest.fixture
def project(tmp_path: Path) -> Foreign:
    made = Foreign(tmp_path / "project")
    made.write("reads.py", READS).write("dvc.yaml", PIPELINE.replace("{root}", str(made.root)))
    for name in ("config.txt", "lib.py", "data.csv", "late.txt"):
        made.write(name, "")
    return made.write("params.yaml", "seed: 1\n")


def told(project: Foreign, *words: str) -> list[dict[str, Any]]:
    project.sealed("repro", *words, "--violations", "told.jsonl")
    return [json.loads(line) for line in project.read("told.jsonl").splitlines()]


def test_all_of_a_run_is_told_at_once_with_its_repair(project: Foreign) -> None:
    found = told(project, "--keep-going")
    assert {(one["stage"], one["kind"], one["path"]) for one in found} == EXPECTED
    assert len(found) == len(EXPECTED)
    assert {one["line"] for one in found if one["stage"] == "writes"} == {9}
    [repair] = [one["repair"] for one in found if one["path"] == "more.txt"]
    subprocess.run(["git", "apply", "-"], cwd=project.root, input=repair.encode(), check=True)
    assert "    - written\n      - more.txt\n" in project.read("dvc.yaml")
    again = told(project, "writes")
    assert violation.WRITE not in {one["kind"] for one in again}


def test_what_a_stage_did_without_is_told_although_it_succeeded(project: Foreign) -> None:
    project.write(
        "reads.py", "open('read', 'w')\ntry: open('con' + 'fig.txt')\nexcept OSError: 0\n"
    )
    [one] = told(project, "reads")
    assert (one["kind"], one["path"]) == (violation.READ, "config.txt")
    assert "+    - config.txt\n" in one["repair"].replace("      -", "    -")
    assert project.read("read") == ""


def test_the_file_is_empty_where_nothing_is_wrong(project: Foreign) -> None:
    project.write("told.jsonl", "of a run before\n").write("reads.py", "open('read', 'w')\n")
    assert told(project, "reads") == []


def test_a_network_that_is_refused_is_told(project: Foreign) -> None:
    require_bwrap()
    project.engine = "bwrap"
    project.write("reads.py", "import urllib.request as u; u.urlopen('http://mirror.example/x')\n")
    [one] = told(project, "reads")
    assert (one["kind"], one["stage"], one["path"]) == (violation.NETWORK, "reads", "")
    assert "declare `network: true`" in one["reason"]


@pytest.mark.fault(87)
@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--violations"], "--violations: expected a file to write to, found ''"),
        (["--violations=."], "--violations: expected a file to write to, found '.'"),
        (["--violations", "no/such/folder"], "No such file or directory: 'no/such/folder'"),
    ],
)
def test_a_file_that_cannot_be_written_is_told_before_dvc_starts(
    project: Foreign, words: list[str], message: str
) -> None:
    done = project.sealed("repro", *words)
    assert message in done.stderr
    assert done.returncode == 2
    assert not (project.root / "edited").exists()

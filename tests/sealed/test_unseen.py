"""A param called `size`: DVC's run cache passes over it, `sealed check` tells, its patch mends."""

import subprocess
from pathlib import Path

import pytest

from foreign_project import Foreign
from sealed.findings import violations
from sealed.findings.run_cache import ignored_params
from sealed.violation import UNSEEN

PIPELINE = """
stages:
  make:
    cmd: cat params.yaml in.txt > out.txt
    deps:
      - in.txt
    params:
      - prep
    outs:
      - out.txt
"""


@pytest.fixture
def project(tmp_path: Path) -> Foreign:
    made = Foreign(tmp_path / "project").write("dvc.yaml", PIPELINE).write("in.txt", "")
    return made.write("params.yaml", "prep: {crop: 1, size: 28}\n")


def made_with(size: int, project: Foreign) -> str:
    project.write("params.yaml", f"prep: {{crop: 1, size: {size}}}\n")
    done = project.plain("repro")
    assert done.returncode == 0, done.stderr
    return project.read("out.txt")


@pytest.mark.fault(105)
def test_a_size_in_a_section_brings_back_old_outs_until_it_is_declared(project: Foreign) -> None:
    before = made_with(28, project)
    assert made_with(32, project) == before  # DVC's fault: once this fails, check need not tell
    [found] = violations.check(project.root)[1]
    assert (found.kind, found.path) == (UNSEEN, "params.yaml:prep.size")
    assert "DVC's run cache passes over a key called `size`" in found.reason
    assert "declare it by its whole name" in found.reason
    assert not found.hint
    apply = ["git", "apply", "-"]
    subprocess.run(apply, cwd=project.root, input=found.repair.encode(), check=True)
    assert violations.check(project.root)[1] == []
    sizes = [made_with(size, project) for size in (28, 32, 28)]
    assert ["size: 28" in text for text in sizes] == [True, False, True]
    done = project.sealed("repro", "--force")
    assert done.returncode == 0, done.stderr


def test_where_dvc_keeps_no_run_nothing_is_told(project: Foreign) -> None:
    text = project.read("dvc.yaml")
    project.write("dvc.yaml", text.replace("- out.txt", "- out.txt: {persist: true}"))
    assert violations.check(project.root)[1] == []
    project.write("dvc.yaml", text.replace("- out.txt", "- out.txt: {cache: false}"))
    assert [one.hint for one in violations.check(project.root)[1]] == [True]


@pytest.mark.parametrize(
    ("declared", "found"),
    [
        (["a"], ["a.size", "a.b.nfiles", "a.layers.1.size"]),
        (["a.size", "a"], ["a.b.nfiles", "a.layers.1.size"]),
        (["a.size"], []),
        (["a.b", "other"], ["a.b.nfiles"]),
        (["size"], ["size"]),
        ([], ["size", "a.size", "a.b.nfiles", "a.layers.1.size"]),
        (["nowhere.x"], []),
    ],
)
def test_the_keys_that_are_passed_over(declared: list[str], found: list[str]) -> None:
    layers = [{"units": 3}, {"size": 4}]
    values = {"size": 1, "a": {"size": 2, "b": {"nfiles": 3}, "layers": layers}, "other": 1}
    assert [".".join(keys) for keys in ignored_params(values, declared)] == found

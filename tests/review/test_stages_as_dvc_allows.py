"""Stages in every form that DVC takes: dvc.lock is true, and each change is named."""

import shutil
from pathlib import Path

import pytest

from dvcproject.errors import ProjectError
from dvcproject.revision import Revision, committed, workspace
from review.record import lock_check, pipeline
from small_project import SmallProject, dvc, dvc_status

PIPELINE = """\
vars:
  - names: [a, b]
  - other.yaml:sizes
stages:
  each:
    foreach: ${names}
    do:
      cmd: cp in.txt ${item}.txt
      deps: [in.txt]
      outs:
        - ${item}.txt: {cache: false}
  mapped:
    foreach: {one: {n: 1}, two: {n: 2}}
    do:
      cmd: echo ${item.n} > ${key}.txt
      outs: ["${key}.txt"]
  grid:
    matrix:
      name: ${names}
      size: ${sizes}
    cmd: echo ${item.name} ${item.size} > ${key}.txt
    params: [train.rate]
    outs: ["${key}.txt"]
  several:
    cmd:
      - cp in.txt one.tmp
      - mv one.tmp several.txt
    deps: [in.txt, a.txt]
    params:
      - train
      - other.yaml: [sizes, deep.er]
      - whole.json:
      - some.toml: [table.key]
      - rates.py: [RATE]
    outs: [several.txt]
  inside:
    wdir: sub
    cmd: cp ../in.txt out.txt
    deps: [../in.txt]
    params: [here]
    outs: [out.txt: {persist: true}]
  after:
    cmd: cp sub/out.txt after.txt && cat added.txt >> after.txt
    deps: [sub/out.txt, added.txt]
    metrics: [after.txt: {cache: false}]
    plots: [shown.csv: {cache: false, x: a}]
    frozen: false
"""
FILES = {
    "dvc.yaml": PIPELINE.replace("    plots: [shown.csv: {cache: false, x: a}]\n", ""),
    "in.txt": "in\n",
    "added.txt": "added\n",
    "params.yaml": "train: {rate: 0.00005, steps: 9}\n",
    "other.yaml": "sizes: [1, 2]\ndeep: {er: yes}\n",
    "whole.json": '{"a": 1, "b": [1, 2]}',
    "some.toml": "[table]\nkey = 1e-5\n",
    "rates.py": "RATE = 0.1\n",
    "sub/params.yaml": "here: 1\n",
}
STAGES = ["each@a", "each@b", "mapped@one", "mapped@two"] + [
    f"grid@{name}-{size}" for name in "ab" for size in (1, 2)
]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    project = SmallProject(tmp_path_factory.mktemp("forms"))
    for path, text in FILES.items():
        project.write(path, text)
    dvc(project.root, "add", "-q", "added.txt")
    dvc(project.root, "repro", "-q")
    project.commit()
    return project.root


@pytest.fixture
def root(built: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(built, tmp_path / "copy"))


@pytest.mark.fault(53)
def test_every_form_of_a_stage_is_understood(built: Path) -> None:
    assert "5e-05" in (built / "dvc.lock").read_text()
    for revision in (workspace(built), committed(built, "HEAD", "HEAD")):
        assert list(pipeline.declared(revision)) == [*STAGES, "several", "inside", "after"]
        assert lock_check.differences(revision) == []


@pytest.mark.fault(53)
@pytest.mark.parametrize(
    ("path", "old", "new", "expected"),
    [
        (
            "other.yaml",
            "[1, 2]",
            "[1, 3]",
            ["grid@a-3: not in dvc.lock", "grid@b-3: not in dvc.lock"],
        ),
        (
            "other.yaml",
            "er: yes",
            "er: no",
            ["several: deep.er: yes in dvc.lock, no in other.yaml"],
        ),
        ("whole.json", "[1, 2]", "[1]", ["several: b: [1, 2] in dvc.lock, [1] in whole.json"]),
        (
            "whole.json",
            '"a": 1,',
            '"a": 1, "c": 2,',
            ["several: c: None in dvc.lock, 2 in whole.json"],
        ),
        ("some.toml", "1e-5", "2", ["several: table.key: 1e-05 in dvc.lock, 2 in some.toml"]),
        ("rates.py", "0.1", "0.2", ["several: RATE: 0.1 in dvc.lock, 0.2 in rates.py"]),
        ("sub/params.yaml", "1", "2", ["inside: here: 1 in dvc.lock, 2 in sub/params.yaml"]),
        ("dvc.yaml", "- cp in.txt one", "- cp -p in.txt one", ["several: the command changed"]),
        (
            "in.txt",
            "in",
            "on",
            [f"{n}: in.txt: changed" for n in ("each@a", "each@b", "several", "inside")],
        ),
    ],
)
def test_each_change_is_named(
    root: Path, path: str, old: str, new: str, expected: list[str]
) -> None:
    text = (root / path).read_text()
    assert old in text
    (root / path).write_text(text.replace(old, new))
    found = lock_check.differences(workspace(root))
    assert set(expected) <= set(found)
    if path != "other.yaml":  # where the names of the stages changed
        assert {line.partition(":")[0] for line in found} == dvc_status(root)


@pytest.mark.fault(38)
def test_small_numbers_are_what_dvc_reads(root: Path) -> None:
    """DVC writes 5e-05 for 0.00005, and takes 5e-5 as the same number."""
    (root / "params.yaml").write_text("train: {rate: 5e-5, steps: 9}\n")
    assert lock_check.differences(workspace(root)) == []


def test_data_that_dvc_added_is_compared_by_its_file(root: Path) -> None:
    (root / "added.txt").unlink()
    assert lock_check.differences(workspace(root)) == []
    (root / "added.txt.dvc").write_text("outs: [{md5: other, path: added.txt}]")
    assert lock_check.differences(workspace(root)) == ["after: added.txt: changed"]
    (root / "added.txt.dvc").write_text("outs: []")
    with pytest.raises(ProjectError, match=r"added\.txt\.dvc: expected one out with its md5"):
        lock_check.differences(workspace(root))


def test_a_frozen_stage_is_not_told_to_run_alone(root: Path) -> None:
    text = (root / "dvc.yaml").read_text()
    (root / "dvc.yaml").write_text(text.replace("frozen: false", "frozen: true"))
    (root / "added.txt").write_text("other")
    message = (
        r"\(after: added.txt: changed\); run `dvc repro` \(`dvc unfreeze after` first: frozen\)"
    )
    with pytest.raises(ProjectError, match=message):
        lock_check.require(workspace(root))


def project(root: Path, pipeline: str) -> Revision:
    (root / ".dvc").mkdir()
    (root / ".dvc/config").write_text("[core]\n    no_scm = true\n")
    (root / "dvc.yaml").write_text(pipeline)
    return workspace(root)


@pytest.mark.fault(53)
@pytest.mark.parametrize(
    ("stages", "message"),
    [
        ("{fetch: {deps:\n", "expected plain YAML, found while parsing a flow node"),
        ("{fetch: {deps: }}", "validation failed; `dvc stage list` says where"),
        ("{fetch: }", "validation failed; `dvc stage list` says where"),
        ("{fetch: {deps: [a]}}", "validation failed; `dvc stage list` says where"),
        ("{a: {cmd: a, params: [{b: 1}]}}", "Expected list of params for custom params file 'b'"),
        ("{a: {cmd: '${b}'}}", "failed to parse 'stages.a.cmd'.*Could not find 'b'"),
        ("{a: {foreach: 3, do: {cmd: a}}}", "validation failed"),
        ("{a: {matrix: {x: [1], y: 3}, cmd: a}}", "validation failed"),
    ],
)
def test_a_stage_that_is_none_is_refused_by_name(tmp_path: Path, stages: str, message: str) -> None:
    with pytest.raises(ProjectError, match=rf"^workspace: (dvc\.yaml: )?{message}"):
        pipeline.declared(project(tmp_path, f"stages: {stages}"))


@pytest.mark.fault(126)
def test_a_dvc_lock_of_any_length_is_compared(root: Path) -> None:
    with (root / "dvc.lock").open("a") as file:
        file.write(f"# {'x' * 2_000_000}\n")
    assert lock_check.differences(workspace(root)) == []

"""`locked` on the forms of plain DVC projects: true where DVC says so, each change named."""

import shutil
from pathlib import Path

import pytest
import yaml

from any_project import AnyProject
from dvcproject.revision import committed, workspace
from review.record import lock_check
from small_project import dvc, dvc_status

PIPELINES = {
    "dvc.yaml": """\
stages:
  folder:  # of code, which git holds
    cmd: cat code/*.py code/deep/*.txt > folder.txt
    deps: [code]
    outs: [folder.txt]
  inside:  # one file of a folder of `dvc add`
    cmd: cp data/one.csv inside.txt
    deps: [data/one.csv]
    outs: [inside.txt]
  whole:
    cmd: ls data > whole.txt
    deps: [data]
    outs: [whole.txt]
  mixed:  # a folder of which git holds a part, `dvc add` and a stage one each
    cmd: cat mixed/* > all.txt
    deps: [mixed, mixed/part.txt]
    outs: [all.txt]
  part:
    cmd: echo part > mixed/part.txt
    deps: [data/two.csv]
    outs: [mixed/part.txt]
  made:  # a folder that git holds
    cmd: mkdir made && cp inside.txt made/a.txt && cp whole.txt made/b.txt
    deps: [inside.txt, whole.txt]
    outs: [made: {cache: false}]
  after:
    cmd: cat made/a.txt > after.txt
    deps: [made/a.txt]
    outs: [after.txt]
""",
    "sub/dvc.yaml": """\
vars: [names.yaml]
stages:
  each:
    foreach: ${names}
    do:
      wdir: ..
      cmd: echo ${item} > ${item}.txt
      params: [sub/values.json: [rate]]
      outs: ["${item}.txt"]
  own:
    cmd: cp ../folder.txt own.txt
    deps: [../folder.txt]
    params: [key]
    outs: [own.txt]
""",
    "curves/dvc.yaml": "metrics: [../sub/scores.json]\n",  # as dvclive writes one: no stages
}
FILES = PIPELINES | {
    "code/a.py": "a = 1\n",
    "code/deep/b.txt": "b\n",
    "code/ignored.log": "noise",
    ".dvcignore": "*.log\n",
    "mixed/note.txt": "note\n",
    "mixed/big.bin": "big",
    "data/one.csv": "1\n",
    "data/two.csv": "2\n",
    "sub/names.yaml": "names: [x, y]\n",
    "sub/values.json": '{"rate": 1}',
    "sub/params.yaml": "key: 1\n",
    "sub/scores.json": '{"a": 1}',
}


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build a project without a params.yaml beside dvc.yaml."""
    project = AnyProject(tmp_path_factory.mktemp("shapes") / "project", FILES)
    dvc(project.root, "add", "-q", "data", "mixed/big.bin")
    dvc(project.root, "repro", "-q", "--all-pipelines")
    project.commit()
    return project.root


@pytest.fixture
def root(built: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(built, tmp_path / "copy"))


def test_every_form_is_true_with_and_without_data(root: Path) -> None:
    assert not dvc_status(root)
    for revision in (workspace(root), committed(root, "HEAD", "HEAD")):
        assert lock_check.differences(revision) == []
    shutil.rmtree(root / "data")
    for path in [*root.glob("*.txt"), root / "mixed/big.bin", root / "mixed/part.txt"]:
        path.unlink()
    assert lock_check.differences(workspace(root)) == []


@pytest.mark.fault(81)
@pytest.mark.parametrize(
    ("path", "text", "expected"),
    [
        ("code/deep/b.txt", "c\n", "folder: code: changed"),
        ("code/more.py", "", "folder: code: changed"),
        ("code/a.py", "a = 1\r\n", "folder: code: changed"),
        ("mixed/note.txt", "", "mixed: mixed: changed"),
        ("data/one.csv", "1\r\n", "inside: data/one.csv: changed, in its line endings alone"),
        ("data/one.csv", "3\n", "inside: data/one.csv: changed"),
        ("made/b.txt", "", "made: made: changed"),
        ("sub/values.json", '{"rate": 2}', "each@x: rate: 1 in dvc.lock, 2 in sub/values.json"),
        ("sub/params.yaml", "key: 2\n", "own: key: 1 in dvc.lock, 2 in sub/params.yaml"),
        ("sub/names.yaml", "names: [x, z]\n", "each@z: not in dvc.lock"),
    ],
)
def test_each_change_is_named_with_its_stage(
    root: Path, path: str, text: str, expected: str
) -> None:
    (root / path).write_text(text)
    found = lock_check.differences(workspace(root))
    assert [line.removeprefix("sub/dvc.yaml:") for line in found if expected in line]
    if path != "sub/names.yaml":
        assert dvc_status(root) >= {line.rpartition(": ")[0].split(": ")[0] for line in found}


@pytest.mark.parametrize("path", ["code/ignored.log", "code/more.log"])
def test_what_dvcignore_names_is_no_part_of_a_folder(root: Path, path: str) -> None:
    (root / path).write_text("other")
    assert lock_check.differences(workspace(root)) == []


def test_a_folder_that_is_gone_and_a_project_inside_are_told_apart(root: Path) -> None:
    inner = AnyProject(root / "inner", {"dvc.yaml": "stages: {a: {cmd: 'true'}}\n"})
    assert inner.root.is_dir()
    assert lock_check.differences(workspace(root)) == []
    shutil.rmtree(root / "code")
    assert lock_check.differences(workspace(root)) == ["folder: code: missing"]


LONG = "--first=aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa  --second=bbb  c"
COMMANDS: dict[str, str | list[str]] = {
    "text": f"echo {LONG} > text",
    "longer": f"echo {LONG}     {'d' * 60}  e > longer",
    "list": [f"echo {LONG} > list"],
    "two": ["true", f"echo {LONG} > two"],
    "lines": f"echo {LONG} > lines\necho   {LONG}\n",
}


@pytest.mark.fault(136)
def test_blanks_that_dvc_folds_away_in_its_lock_are_no_difference(tmp_path: Path) -> None:
    """In a long command, and in a long text among the params; DVC itself sees a difference."""
    stages = {
        name: {"cmd": cmd, "params": ["note", "deep"], "outs": [name]}
        for name, cmd in COMMANDS.items()
    }
    params = {"note": LONG, "deep": {"notes": ["short", f"x {LONG}"]}}
    write = {"dvc.yaml": {"stages": stages}, "params.yaml": params}
    files = {path: yaml.safe_dump(content, width=10**6) for path, content in write.items()}
    project = AnyProject(tmp_path, files | {".dvcignore": ""})
    project.repro()
    assert "changed command" in dvc(tmp_path, "status")
    assert lock_check.differences(workspace(tmp_path)) == []
    for path, text in files.items():
        project.write(path, text.replace("--second=bbb  c", "--second=bbb   c"))
        found = lock_check.differences(workspace(tmp_path))
        assert {line.partition(":")[0] for line in found} == COMMANDS.keys(), path
        project.write(path, text)

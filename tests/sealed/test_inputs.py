"""What a stage was given is what dvc.lock will say, and reads the same whatever reads it."""

import math
import os
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st

import samples
from dvcproject import document
from dvcproject import params as parameters
from dvcproject.address import of_name
from dvcproject.errors import ProjectError
from sealed.sandbox import inputs
from sealed.stage import read
from sealed_project import Project

EDITS = {
    "a dep": ("in.txt", "hello?", "in.txt"),
    "a file of a folder": ("data/a.txt", "b", "data/a.txt"),
    "a new file of a folder": ("data/sub/b.txt", "b", "data/sub/b.txt"),
    "the script": ("stages/copy.py", "# other", "stages/copy.py"),
    "a param": ("params.yaml", "copy: {times: 3, loud: true}", "params.yaml: copy.times"),
    "its type": ("params.yaml", "copy: {times: 2.0, loud: true}", "params.yaml: copy.times"),
    "true for 1": ("params.yaml", "copy: {times: 2, loud: 1}", "params.yaml: copy.loud"),
    "a param less": ("params.yaml", "copy: {times: 2}", "params.yaml: copy.loud"),
    "a section less": ("params.yaml", "{}", "params.yaml: copy: dvc.yaml declares it"),
    "no params": ("params.yaml", "copy: [", "params.yaml: expected plain YAML"),
}
HARMLESS = {
    "the same again": ("in.txt", "hello"),
    "another section": ("params.yaml", "copy: {times: 2, loud: true}\nother: {seed: 2}"),
    "order and comments": ("params.yaml", "copy: # both\n  loud: true\n  times: 2"),
    "ignored": ("data/b.pyc", "b"),
}


def edits(project: Project, path: str, text: str) -> Project:
    """Declare a stage that edits the workspace while it runs, as its user might."""
    project.write("data/a.txt", "a")
    project.write(".dvcignore", "*.pyc\n")
    code = f"""
    import time
    from pathlib import Path
    edited = Path({str(project.root / path)!r})
    edited.parent.mkdir(exist_ok=True)
    edited.write_text({text!r})
    Path('out.txt').write_text('new')
    """
    return project.stage("copy", code, deps=["in.txt", "data"], params=["copy"])


@pytest.mark.fault(37)
@pytest.mark.parametrize("edit", EDITS)
def test_what_is_edited_while_the_stage_runs_is_named_and_nothing_published(
    project: Project, edit: str
) -> None:
    path, text, named = EDITS[edit]
    project.write("out.txt", "old")
    result = edits(project, path, text).run("copy")
    assert named in result.stderr.splitlines()[-1]
    assert result.returncode == 2
    assert project.read("out.txt") == "old"
    assert project.sandboxes() == []


def test_a_dep_that_is_gone_is_named(project: Project) -> None:
    code = f"from pathlib import Path; Path({str(project.root / 'in.txt')!r}).unlink()"
    result = project.stage("copy", f"{code}; Path('out.txt').touch()").run("copy")
    said = "in.txt: changed while stages/copy.py ran, so its results are not of what lies here; "
    assert said + "nothing is published, run it again" in result.stderr
    assert not (project.root / "out.txt").exists()


@pytest.mark.parametrize("edit", HARMLESS)
def test_what_changes_nothing_that_is_declared_does_no_harm(project: Project, edit: str) -> None:
    result = edits(project, *HARMLESS[edit]).run("copy")
    assert result.returncode == 0, result.stderr
    assert project.read("out.txt") == "new"


@pytest.mark.fault(37)
def test_dvc_records_nothing_of_an_edited_run(project: Project) -> None:
    """Neither dvc.lock nor the run cache has the value that was never used."""
    path, text, _ = EDITS["a param"]
    edits(project, path, text).dvc("repro", "-q")
    assert not (project.root / "dvc.lock").exists()
    assert not (project.root / ".dvc/cache/runs").exists()
    assert project.dvc("repro", "-q").returncode == 0
    assert "times: 3" in project.read("dvc.lock")


def test_a_file_in_the_same_state_is_not_read_again(project: Project) -> None:
    """Its copy is another one here, and nobody looks."""
    stage = read(of_name("copy", project.stage("copy").root))
    states: dict[str, inputs.State | None] = {
        dep: inputs.state((project.root / dep).stat()) for dep in stage.deps
    }
    given = inputs.Inputs(states, {}, {})
    sandbox = project.root / "sandbox"
    for dep in stage.deps:
        project.write(f"sandbox/{dep}", "other")
    assert inputs.changed(given, sandbox, stage, project.root) == []
    os.utime(project.root / "in.txt")
    assert inputs.changed(given, sandbox, stage, project.root) == ["in.txt"]


VALUES: Any = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.dates()
    | st.sampled_from(["1e-4", "5e-05", "017", "0o17", "yes", "12:30:45", "2020-01-01", "~", "="]),
    lambda inner: st.lists(inner) | st.dictionaries(st.text() | st.integers(), inner),
    max_leaves=12,
)


@pytest.mark.fault(38)
@settings(max_examples=samples.many(60), deadline=None)
@given(st.dictionaries(st.text(), VALUES))
@example({"a": 5e-05, "b": 1e22, "c": 1e16, "d": -0.0, "e": math.nan, "f": -math.inf})
@example({"x" * 200: "\x85\u2028 \n\t\x00\ud800😀 " + "y" * 200, "<<": "<<", "": ""})
def test_params_read_back_the_same_by_yaml_1_1_and_1_2(params: dict[str, Any]) -> None:
    text = parameters.written(params, "params.yaml")
    for found in (document.parse(text.encode()), yaml.safe_load(text)):
        assert not list(parameters.differing(params, found))


@pytest.mark.parametrize("text", ["? [1, 2]\n: 3", "!!omap [x: 1]", "!!pairs [x: 1]"])
def test_a_value_that_would_not_read_back_the_same_is_refused(text: str) -> None:
    params = {"a": document.parse(text.encode())}
    with pytest.raises(
        ProjectError, match=r"params.yaml: a.*: expected plain numbers, texts, lists"
    ):
        parameters.written(params, "params.yaml")


@pytest.mark.fault(38)
@pytest.mark.parametrize(
    ("written", "seen"),
    [
        ("017", "17"),
        ("5e-05", "5.0e-05"),
        ("0.00005", "5.0e-05"),
        ("1e-4", "0.0001"),
        ("yes", '"yes"'),
        ("12:30:45", '"12:30:45"'),
    ],
)
def test_a_stage_is_given_what_dvc_takes_the_text_for(
    project: Project, written: str, seen: str
) -> None:
    project.write("params.yaml", f"copy: {{times: {written}}}\n")
    code = "from pathlib import Path; Path('out.txt').write_text(Path('params.yaml').read_text())"
    assert project.stage("copy", code, params=["copy"]).run("copy").returncode == 0
    assert project.read("out.txt") == f'"copy":\n  "times": {seen}\n'


@pytest.mark.fault(62)
def test_a_params_file_that_is_a_bomb_is_refused_soon(project: Project) -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 10)]
    project.write("params.yaml", "\n".join(lines))
    result = project.stage("copy", params=["a9"]).run("copy")
    assert "params.yaml: expected plain YAML, found more than 1000000 values" in result.stderr
    assert result.returncode == 2


def test_the_state_of_a_file_is_trusted_only_once_it_is_old_enough(tmp_path: Path) -> None:
    """Two writes within what a file system tells apart leave the same times."""
    source = tmp_path / "source"
    source.write_text("x")
    assert inputs.copy(source, tmp_path / "copy") is None


@pytest.fixture
def many(project: Project) -> Project:
    """Declare a folder of as many files as an engine would show in its place."""
    for number in range(inputs.BOUND_FILES):
        project.write(f"many/{number % 3}/{number}.txt", "x")
    return project.stage("copy", deps=["in.txt", "many"])


def furnished(project: Project, name: str = "sandbox") -> inputs.Inputs:
    sandbox = project.root.parent / name
    sandbox.mkdir()
    return inputs.furnish(sandbox, read(of_name("copy", project.root)), project.root, binding=True)


def test_a_large_folder_is_not_copied_where_an_engine_can_show_it(many: Project) -> None:
    found = furnished(many)
    assert found.bound == {"many": many.root / "many"}
    assert len(found.files) == inputs.BOUND_FILES + 2
    assert list((many.root.parent / "sandbox/many").iterdir()) == []


SPOILS: dict[str, Any] = {
    "a file that DVC ignores": lambda root: (root / "many/0/x.pyc").touch(),
    "a link": lambda root: (root / "many/0/link").symlink_to("0.txt"),
    "an out in it": None,
}


@pytest.mark.parametrize("what", SPOILS)
def test_a_folder_with_more_in_it_than_what_is_declared_is_copied(many: Project, what: str) -> None:
    many.write(".dvcignore", "*.pyc\n")
    if SPOILS[what]:
        SPOILS[what](many.root)
    else:
        many.stage("copy", deps=["in.txt", "many/0", "many/1", "many/2"], outs=["many/out.txt"])
    assert furnished(many).bound == {}
    assert (many.root.parent / "sandbox/many/0/0.txt").read_text() == "x"


@pytest.mark.parametrize("edit", ["0/0.txt", "new.txt"])
def test_an_edit_of_a_folder_that_is_shown_in_its_place_is_named(many: Project, edit: str) -> None:
    stage, found = read(of_name("copy", many.root)), furnished(many)
    sandbox = many.root.parent / "sandbox"
    assert inputs.changed(found, sandbox, stage, many.root) == []
    many.write(f"many/{edit}", "other")
    assert inputs.changed(found, sandbox, stage, many.root) == [f"many/{edit}"]

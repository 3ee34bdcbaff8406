"""A sandbox holds what dvc.yaml declares; what comes out of it is whole, or nothing comes out."""

import fcntl
import os
import subprocess
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from sealed.caller import Process
from sealed.sandbox import sandbox
from sealed_project import BOTH, COPIES, ROOT, Project, on


def refused(project: Project, name: str, message: str) -> None:
    """Run a stage that must fail; the workspace is as before."""
    before = project.files()
    result = project.run(name)
    assert message in result.stderr
    assert result.returncode != 0
    assert project.files() == before
    assert project.sandboxes() == []


@BOTH
def test_a_stage_runs_from_any_path_and_publishes_its_outs(project: Project) -> None:
    result = project.stage("copy").script("copy")
    assert result.returncode == 0, result.stderr
    where = {"host": "on the host", "bwrap": "in bwrap"}[project.engine]
    assert result.stderr == f"sealed copy: {where} (STAGE_ENGINE={project.engine})\n"
    assert project.read("out.txt") == "hello!"
    assert project.sandboxes() == []


@BOTH
def test_a_stage_sees_its_deps_and_params_and_nothing_else(project: Project) -> None:
    project.write("data/a.txt", "a")
    project.write("data/__pycache__/b.pyc", "b")
    project.write("secret.txt", "s")
    project.write(".dvcignore", "__pycache__\n")
    code = """
    import os
    from pathlib import Path
    files = sorted(str(p) for p in Path().rglob('*') if p.is_file())
    seen = [path for path in files if not path.startswith('.venv/')]  # what it runs in
    Path('out.txt').write_text('\\n'.join([*seen, Path('params.yaml').read_text()]))
    """
    project.stage("see", code, deps=["data"], params=["copy.times", "other"]).run("see")
    assert project.read("out.txt").splitlines() == [
        ".dvc/config",  # the sandbox's own: what DVC's tools look for
        "data/a.txt",
        "dvc.yaml",  # so is this: of the stage's params alone
        "params.yaml",
        "stages/see.py",
        '"copy":',
        '  "times": 2',
        '"other":',
        '  "seed": 1',
    ]


@BOTH
def test_a_stage_cannot_change_its_inputs(project: Project) -> None:
    code = "open('in.txt', 'a').write('x'); open('out.txt', 'w')"
    message = "stages/spoil.py changed in.txt, an input; write the result to an out of its own"
    refused(project.stage("spoil", code), "spoil", message)


@BOTH
@pytest.mark.fault(18)
def test_a_stage_that_fails_halfway_publishes_nothing_and_the_next_run_is_clean(
    project: Project,
) -> None:
    project.stage("copy").dvc("repro", "-q")
    lock = project.read("dvc.lock")
    project.write("in.txt", "bye")
    project.write("stages/copy.py", "open('out.txt', 'w').write('half'); raise SystemExit('no')")
    result = project.dvc("repro")
    assert "stages/copy.py failed with exit status 1" in result.stderr
    assert result.returncode != 0
    assert project.read("dvc.lock") == lock
    assert project.read("out.txt") == "hello!"  # DVC had taken it away
    project.write("stages/copy.py", COPIES)
    assert project.dvc("repro", "-q").returncode == 0
    assert project.read("out.txt") == "bye!"


@pytest.mark.fault(18)
def test_outside_dvc_a_stage_that_fails_leaves_the_old_out(project: Project) -> None:
    project.stage("copy").run("copy")
    project.write("stages/copy.py", "open('out.txt', 'w').write('half'); raise SystemExit('no')")
    refused(project, "copy", "stages/copy.py failed with exit status 1")


@BOTH
def test_a_stage_cannot_delete_its_inputs(project: Project) -> None:
    code = "import os; os.remove('in.txt'); open('out.txt', 'w')"
    refused(project.stage("spoil", code), "spoil", "stages/spoil.py changed in.txt, an input")


@BOTH
@pytest.mark.fault(19)
@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("", "stages/bad.py did not write out.txt, which dvc.yaml declares for bad"),
        (
            "open('out.txt', 'w'); open('more.txt', 'w')",
            "stages/bad.py wrote more.txt, which is not declared; add it to the outs of bad in",
        ),
        (
            "import os; os.symlink('in.txt', 'out.txt')",
            "stages/bad.py wrote out.txt as a link; write a file",
        ),
        (
            "import os; os.mkfifo('out.txt')",
            "stages/bad.py wrote out.txt as a device; write a file",
        ),
    ],
)
def test_what_is_written_is_what_is_declared(project: Project, code: str, message: str) -> None:
    refused(project.stage("bad", code), "bad", message)


@pytest.mark.fault(20)
@pytest.mark.parametrize(
    ("code", "message"),
    [
        (
            "import mine.helper",
            "src/mine/helper.py is not declared; add it to the deps of bad in dvc.yaml",
        ),
        (
            "from mine import helper",
            "src/mine/helper.py is not declared; add it to the deps of bad in dvc.yaml",
        ),
        (
            "open('secret.txt')",
            "secret.txt is not declared; add it to the deps of bad in dvc.yaml",
        ),
        (
            "import yaml; yaml.safe_load(open('params.yaml'))['copy']['loud']",
            "params.yaml: copy.loud is not declared; add it to the params of bad in dvc.yaml",
        ),
        (
            "import yaml; yaml.safe_load(open('params.yaml'))['other']",
            "params.yaml: other is not declared; add it to the params of bad in dvc.yaml",
        ),
    ],
)
def test_what_is_used_and_not_declared_is_named(project: Project, code: str, message: str) -> None:
    project.write("src/mine/__init__.py", "")
    project.write("src/mine/helper.py", "")
    project.write("secret.txt", "s")
    deps = ["src/mine/__init__.py"]
    refused(project.stage("bad", code, deps=deps, params=["copy.times"]), "bad", message)


@pytest.mark.fault(72)
@pytest.mark.parametrize("word", ["x" * 300, "a/" * 3000, "nul\\0byte"])
def test_last_words_of_any_length_leave_the_reason(project: Project, word: str) -> None:
    code = f"import sys; sys.exit('the reason is {word}')"
    refused(project.stage("bad", code), "bad", "stages/bad.py failed with exit status 1")


@BOTH
def test_a_folder_is_published_whole_over_the_old_one(project: Project) -> None:
    code = """
    from pathlib import Path
    Path('made').mkdir(exist_ok=True)
    (Path('made') / Path('in.txt').read_text()).write_text('x')
    """
    project.stage("make", code, outs=["made"]).run("make")
    project.write("in.txt", "bye")
    assert project.run("make").returncode == 0
    assert [path.name for path in (project.root / "made").iterdir()] == ["bye"]


@pytest.mark.parametrize("content", [b"\xff", b"!"])
def test_a_dvcignore_that_is_none_is_told(project: Project, content: bytes) -> None:
    project.write("data/a.txt", "a")
    (project.root / ".dvcignore").write_bytes(content)
    project.stage("copy", deps=["in.txt", "data"])
    refused(project, "copy", ".dvcignore: expected patterns as in .gitignore, found ")


OUTS_ELSEWHERE = [
    ("../elsewhere", "made: expected a folder of the project for made/out.txt, found a link to /"),
    ("../nowhere", "made: expected a folder for made/out.txt, found none; delete it"),
    ("in.txt", "made: expected a folder for made/out.txt, found none; delete it"),
]


@pytest.mark.fault(57)
@pytest.mark.parametrize(("target", "message"), OUTS_ELSEWHERE)
def test_an_out_behind_a_link_is_refused_before_the_stage_runs(
    project: Project, target: str, message: str
) -> None:
    (project.root.parent / "elsewhere").mkdir()
    (project.root / "made").symlink_to(target)
    code = "import sys; print('it ran', file=sys.stderr)"
    project.stage("bad", code, outs=["made/out.txt"])
    refused(project, "bad", message)
    assert "it ran" not in project.run("bad").stderr


@BOTH
def test_an_out_behind_a_link_inside_the_project_works(project: Project) -> None:
    (project.root / "real").mkdir()
    (project.root / "made").symlink_to("real")
    code = "from pathlib import Path; Path('made/out.txt').write_text('x')"
    result = project.stage("make", code, outs=["made/out.txt"]).dvc("repro")
    assert result.returncode == 0, result.stderr
    assert project.read("real/out.txt") == "x"


@BOTH
def test_outs_appear_together_or_not_at_all(project: Project) -> None:
    """The second place cannot be had: a file system is mounted there."""
    code = "open('a.txt', 'w').write('new'); open('b', 'w').write('new')"
    project.write("b/old.txt", "old")
    project.stage("both", code, outs=["a.txt", "b"])
    if os.getuid():
        pytest.skip("mounting takes root")
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", project.root / "b"], check=True)
    try:
        refused(project, "both", "Device or resource busy")
        assert sorted(path.name for path in project.root.iterdir() if path.name[0] != ".") == [
            *("b", "dvc.yaml", "in.txt", "params.yaml", "src", "stages")
        ]
    finally:
        subprocess.run(["umount", project.root / "b"], check=True)


def test_what_a_killed_launcher_left_beside_an_out_goes(project: Project) -> None:
    project.write(".out.txt.copy-12345678", "half")
    project.write(".out.txt.other", "mine")
    assert project.stage("copy").run("copy").returncode == 0
    assert not (project.root / ".out.txt.copy-12345678").exists()
    assert project.read(".out.txt.other") == "mine"


@pytest.mark.parametrize("what", ["link", "pipe"])
def test_a_dep_that_holds_no_plain_file_is_refused(project: Project, what: str) -> None:
    (project.root / "data").mkdir()
    if what == "pipe":
        os.mkfifo(project.root / "data/x")
    else:
        (project.root / "data/x").symlink_to("nowhere")
    project.stage("copy", deps=["in.txt", "data"])
    refused(project, "copy", "data/x: expected a file, found a broken link or a device; delete it")


@BOTH
def test_a_record_is_published_and_never_hashed(project: Project) -> None:
    code = COPIES + "Path('metrics').mkdir(exist_ok=True); Path('metrics/env.txt').write_text('x')"
    project.stage("copy", code, meta={"sealed": {"records": ["metrics/env.txt"]}})
    assert project.dvc("repro", "-q").returncode == 0
    assert project.read("metrics/env.txt") == "x"
    assert "env.txt" not in project.read("dvc.lock")


@pytest.mark.parametrize(
    ("engine", "kind"),
    [("host", "copy"), ("host", "symlink"), ("host", "hardlink"), ("bwrap", "symlink")],
)
def test_inputs_linked_into_the_cache_stay_as_they_are(project: Project, kind: str) -> None:
    project.dvc("config", "cache.type", kind)
    project.stage("first", outs=["out.txt"])
    again = (
        "from pathlib import Path\nPath('out.txt').open('a').write('x')\nPath('end.txt').touch()"
    )
    project.stage("second", again, deps=["out.txt"], outs=["end.txt"])
    result = project.dvc("repro")
    assert "stages/second.py changed out.txt, an input" in result.stderr
    assert project.read("out.txt") == "hello!"
    fixed = "from pathlib import Path\nPath('end.txt').write_text(Path('out.txt').read_text())"
    project.stage("second", fixed, deps=["out.txt"], outs=["end.txt"])
    assert project.dvc("repro", "-q").returncode == 0
    assert project.read("end.txt") == "hello!"


@BOTH
def test_the_environment_is_clean(project: Project) -> None:
    code = "import json, os; json.dump(dict(os.environ), open('out.txt', 'w'))"
    project.stage("see", code, meta={"sealed": {"environment": ["WANTED"]}})
    project.run("see", WANTED="1", UNWANTED="2", PYTHONSTARTUP="/x")
    seen = project.read("out.txt")
    assert '"WANTED": "1"' in seen
    assert '"PYTHONHASHSEED": "0"' in seen
    assert "UNWANTED" not in seen
    assert "PYTHONSTARTUP" not in seen


@BOTH
@pytest.mark.slow
@pytest.mark.parametrize("how", [["--temp"], ["--queue"]])
def test_experiments_run_sealed_too(tmp_path: Path, engine: str, how: list[str]) -> None:
    project = on(engine, Project(tmp_path / "a clone"))  # DVC's experiments take ASCII paths alone
    project.stage("copy", params=["copy"])
    git = ["git", "-c", "user.name=me", "-c", "user.email=me@here"]
    project.write(".gitignore", "/.venv\n/out.txt\n/src/sealed/__pycache__\n")
    for command in (["init", "-q"], ["add", "-A"], ["commit", "-qm", "first"]):
        subprocess.run([*git, *command], cwd=project.root, check=True)
    project.dvc("config", "core.no_scm", "false")
    me = {"GIT_AUTHOR_NAME": "me", "GIT_AUTHOR_EMAIL": "me@here"}
    me |= {"GIT_COMMITTER_NAME": "me", "GIT_COMMITTER_EMAIL": "me@here"}
    result = project.dvc("exp", "run", *how, "-S", "copy.times=3", **me)
    if how == ["--queue"]:
        result = project.dvc("exp", "run", "--run-all", **me)
    assert result.returncode == 0, result.stderr
    shown = project.dvc("exp", "show", "--json", **me).stdout
    assert '"times": 3' in shown


def test_the_package_knows_nothing_of_digits() -> None:
    for path in (ROOT / "src/sealed").rglob("*.py"):
        assert "mnist" not in path.read_text(encoding="utf-8").lower()


@pytest.mark.fault(109)
def test_a_sandbox_that_waits_is_taken_up_before_another_launcher_may_look(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    caller = Process(os.getpid(), "any")
    stage: Any = SimpleNamespace(address="mine", slug="mine")
    (tmp_path / "mine-1").mkdir()
    made = sandbox.Sandbox(tmp_path / "mine-1", tmp_path, tmp_path, "", {})
    sandbox.keep(made, stage, caller)
    looked: list[object] = []
    go_on = sandbox._go_on

    def meanwhile(found: sandbox.Sandbox) -> sandbox.Sandbox:
        with pytest.raises(BlockingIOError):
            sandbox._lock(tmp_path, fcntl.LOCK_EX | fcntl.LOCK_NB)  # as another launcher does
        looked.append(found.folder)
        return go_on(found)

    monkeypatch.setattr(sandbox, "gone", lambda _: False)
    monkeypatch.setattr(sandbox, "_go_on", meanwhile)
    terms = sandbox.Terms(tmp_path, looked.append)
    with sandbox.opened(stage, tmp_path, terms, caller) as found:
        assert (found.folder, found.done) == (made.folder, 1)
        assert sandbox._waiting(tmp_path, stage, caller) is None
    assert looked == [made.folder]


@pytest.mark.parametrize(("days", "left"), [(0, True), (29, True), (31, False)])
def test_a_sandbox_of_another_machine_is_let_be_for_a_month(
    tmp_path: Path, days: int, *, left: bool
) -> None:
    """Of a disk that both see: that its lock is free here says nothing of who runs there."""
    theirs, ours = tmp_path / "make-beef-1", tmp_path / f"make-{sandbox._machine()}-1"
    for folder in (theirs, ours):
        folder.mkdir()
        os.utime(folder, (time.time() - days * 86400,) * 2)
    gone: list[Path] = []
    sandbox._sweep(tmp_path, gone.append)
    assert ours in gone
    assert not ours.exists()
    assert (theirs.exists(), theirs not in gone) == (left, left)

"""What DVC said is kept, so that DVC need not be imported again; and never longer than it holds."""

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

from dvcproject.declared import index, resolution, resolution_cache
from foreign_project import Foreign
from sealed_project import ROOT, require_bwrap

PIPELINE = """
    vars: [settings.yaml, consts.py]
    stages:
      one:
        cmd: echo ${seed} ${source} ${SIZE} ${on} > out
        deps: [data/in.txt]
        outs: [out]
      two:
        cmd: echo 2 > second
        outs: [second]
"""
FILES = {
    "dvc.yaml": PIPELINE,
    "params.yaml": "{seed: 1, on: {fast: true, slow: false}}",
    "settings.yaml": "source: a",
    "consts.py": "SIZE = 1",
    "data/in.txt": "x",
}
EDITS = {
    "dvc.yaml": PIPELINE.replace("> out", ">> out"),
    "params.yaml": "{seed: 2, on: {fast: true, slow: false}}",
    "settings.yaml": "source: b",
    "consts.py": "SIZE = 2",
    ".dvc/config": "[parsing]\n    bool = boolean_optional\n",
    ".dvc/config.local": "[parsing]\n    bool = boolean_optional\n",
}


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Foreign:
    """Make a project whose files count as settled."""
    monkeypatch.setattr(resolution_cache, "SETTLED_NS", 0)
    made = Foreign(tmp_path / "a project")
    for path, text in FILES.items():
        made.write(path, text)
    return made


def resolved(project: Foreign) -> str:
    found = resolution.one(project.root, "dvc.yaml", "one")
    assert found == index.one(str(project.root), "dvc.yaml", "one")
    return str(found["commands"][0])


def recalled(project: Foreign) -> bool:
    return resolution_cache.recall(project.root, "dvc.yaml", "one") is not None


def test_what_is_kept_is_what_dvc_says_of_all_stages_of_the_file(project: Foreign) -> None:
    assert resolved(project) == "echo 1 a 1 --fast > out"
    for name in ("one", "two"):
        found = resolution_cache.recall(project.root, "dvc.yaml", name)
        assert found == index.one(str(project.root), "dvc.yaml", name)
    assert resolution_cache.recall(project.root, "dvc.yaml", "three") is None


@pytest.mark.parametrize("path", EDITS)
def test_an_edit_of_whatever_dvc_read_is_seen_at_once(project: Foreign, path: str) -> None:
    before = resolved(project)
    assert recalled(project)
    project.write(path, EDITS[path])
    assert not recalled(project)
    assert resolved(project) != before


def test_a_file_that_was_not_there_when_dvc_looked_counts_too(project: Foreign) -> None:
    project.write("dvc.yaml", "stages: {one: {cmd: x, deps: [data/in.txt], outs: [sub/out]}}")
    for path in ("params.yaml", ".dvcignore", "data/.dvcignore", "sub/.dvcignore"):
        (project.root / path).unlink(missing_ok=True)
        resolved(project)
        assert recalled(project)
        project.write(path, "other: 1")
        assert not recalled(project), path


def test_another_dvc_home_or_form_of_the_answer_is_asked_anew(
    project: Foreign, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    resolved(project)
    with monkeypatch.context() as patch:
        patch.setenv("XDG_CONFIG_HOME", str(tmp_path))
        assert not recalled(project)
    with monkeypatch.context() as patch:
        patch.setattr(resolution_cache, "_dvc", lambda: tmp_path / "dvc")
        assert not recalled(project)
    assert recalled(project)


def test_nothing_is_kept_of_files_that_were_just_written(
    project: Foreign, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They might have been edited while DVC read them."""
    monkeypatch.setattr(resolution_cache, "SETTLED_NS", 2_000_000_000)
    resolved(project)
    assert not recalled(project)


@pytest.mark.fault(86)
@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"around": [], "read": 1, "stages": 2}'])
def test_what_is_kept_and_spoilt_is_passed_over(project: Foreign, text: str) -> None:
    resolved(project)
    [place] = (project.root / resolution_cache.FOLDER).iterdir()
    place.write_text(text, encoding="utf-8")
    assert not recalled(project)
    resolved(project)
    assert recalled(project)


@pytest.fixture(scope="module", autouse=True)
def settling(tmp_path_factory: pytest.TempPathFactory) -> tuple[Foreign, float]:
    """Make a project whose files settle while other tests run, and return when it was made."""
    made = Foreign(tmp_path_factory.mktemp("settling") / "project")
    for path, text in FILES.items():
        made.write(path, text)
    return made, time.time()


def test_a_second_run_imports_no_dvc_and_sees_an_edit_of_params(
    settling: tuple[Foreign, float],
) -> None:
    made, since = settling
    time.sleep(max(0, since + 2.1 - time.time()))  # as long as it takes files to settle
    assert made.sealed("repro").returncode == 0
    [place] = (made.root / resolution_cache.FOLDER).iterdir()
    assert json.loads(place.read_bytes())["stages"].keys() == {"one", "two"}
    code = "import sys; from pathlib import Path; from dvcproject.declared import resolution; "
    code += "print(resolution.one(Path.cwd(), 'dvc.yaml', 'one')['commands'], 'dvc' in sys.modules)"
    command = [sys.executable, "-c", code]
    environ = made.environment(PYTHONPATH=str(ROOT / "src"))
    said = subprocess.run(command, cwd=made.root, env=environ, check=True, capture_output=True)
    assert said.stdout == b"['echo 1 a 1 --fast > out'] False\n"
    made.write("params.yaml", EDITS["params.yaml"])
    assert made.sealed("repro").returncode == 0
    assert made.read("out") == "2 a 1 --fast\n"


def test_no_stage_in_bwrap_writes_what_is_kept(project: Foreign) -> None:
    require_bwrap()
    cache = resolution_cache.FOLDER
    code = f"""
        from pathlib import Path
        for folder in (Path("{project.root}/{cache}"), Path("{cache}")):
            folder.mkdir(parents=True, exist_ok=True)
            for path in [*folder.iterdir(), folder / "x.json"]:
                path.write_text("spoilt")
        open("out", "w").write("x")
    """
    project.write("run.py", code)
    project.write("dvc.yaml", "stages: {one: {cmd: python run.py, deps: [run.py], outs: [out]}}")
    resolved(project)
    [place] = (project.root / resolution_cache.FOLDER).iterdir()
    before = place.read_bytes()
    project.engine = "bwrap"
    done = project.sealed("repro")
    assert done.returncode == 0, done.stderr
    assert list((project.root / resolution_cache.FOLDER).iterdir()) == [place]
    assert place.read_bytes() == before

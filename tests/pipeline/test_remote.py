"""Through a DVC remote a clone has what another made: a folder, an sshd, a server of S3."""

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from hashlib import md5
from pathlib import Path

import pytest

from stores import Store, in_folder, over_ssh
from swift import s3

ROOT = Path(__file__).parents[2]
PIPELINE = """
stages:
  first:
    cmd: cp in.txt first.txt && echo ran first
    deps: [in.txt]
    outs: [first.txt]
  second:
    cmd: cat first.txt params.yaml | tr -d '"' >second.txt && echo ran second
    deps: [first.txt]
    params: [second]
    outs: [second.txt]
"""
OURS = (
    "Makefile",
    "stages",
    "src",
    ".venv",
    ".venv-remote",
    "requirements.lock",
    "requirements-remote.lock",
)
GIT = "git -c user.name=me -c user.email=me@here"
DVC = ".venv-remote/bin/python -m dvc"
REPRO = "PYTHONPATH=src .venv/bin/python -P -m sealed repro"
TRACKED = ".ci/remote: mine.dvc: what it tracks did not come whole, and no stage makes it again;"
FOLDER = pytest.mark.parametrize("published", ["folder"], indirect=True)
SLOW = [pytest.param(kind, marks=pytest.mark.slow) for kind in ("ssh", "s3")]
EACH = pytest.mark.parametrize("published", ["folder", *SLOW], indirect=True)


@dataclass
class Published:
    """A project that has run, and the store that it was pushed to."""

    project: Path
    store: Store

    def clone(self, place: Path) -> Path:
        """Clone it as a person does, who has options of their own."""
        subprocess.run(["git", "clone", "-q", self.project, place], check=True)
        furnish(place)
        if self.store.own:
            configure(place / ".dvc/config.local", self.store.own)
        return place

    def sh(self, folder: Path, script: str, *, status: int = 0) -> str:
        return sh(folder, script, status=status, **self.store.secrets)


def key(data: bytes) -> str:
    """Return the key of an object in a store."""
    digest = md5(data, usedforsecurity=False).hexdigest()
    return f"files/md5/{digest[:2]}/{digest[2:]}"


def furnish(project: Path) -> None:
    """Put there what the commands are made of, and the environments that are here."""
    if not (ROOT / ".venv-remote/bin/python").exists():
        (pytest.fail if os.environ.get("CI") else pytest.skip)("no .venv-remote")
    for name in OURS:
        (project / name).symlink_to(ROOT / name)


def configure(config: Path, options: dict[str, str]) -> None:
    """Give the remote options, as `dvc remote modify` writes them."""
    with config.open("a") as file:
        file.write("['remote \"store\"']\n" + "".join(f"{k} = {v}\n" for k, v in options.items()))


def sh(folder: Path, script: str, *, status: int = 0, **variables: str) -> str:
    """Run a script as a workflow has it, secrets in variables; return what it says."""
    ours = {"STAGE_ENGINE": "host", "DVC_NO_ANALYTICS": "1"}
    ours |= {"DVC_SITE_CACHE_DIR": str(folder / ".dvc/tmp/site-cache")}
    done = subprocess.run(
        ["bash", "-ec", script],
        cwd=folder,
        env=os.environ | ours | variables,
        check=False,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == status, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.fixture(scope="module")
def published(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Published]:
    """Run a project, push what it made as a workflow does, commit it."""
    project = tmp_path_factory.mktemp("published") / "it's here"
    (project / ".ci").mkdir(parents=True)
    furnish(project)
    shutil.copy(ROOT / ".ci/remote", project / ".ci")
    (project / "dvc.yaml").write_text(PIPELINE)
    (project / "in.txt").write_text("in\n")
    (project / "mine").mkdir()
    (project / "mine/a").write_text("a\n")
    (project / "params.yaml").write_text("second: 1\n")
    (project / ".gitignore").write_text("\n".join(["/*.txt", "!/in.txt", *(f"/{n}" for n in OURS)]))
    place = project.with_name("store")
    servers: dict[str, Callable[[Path], AbstractContextManager[Store]]] = {
        "folder": lambda at: nullcontext(in_folder(at)),
        "ssh": over_ssh,
        "s3": s3,
    }
    with servers[request.param](place) as store:
        sh(project, f"git init -q; {DVC} init -q; {DVC} config core.remote store")
        configure(project / ".dvc/config", {"url": store.url} | store.options)
        made = Published(project, store)
        made.sh(
            project,
            f"{DVC} add -q mine; {REPRO}; .ci/remote push; git add .; {GIT} commit -qm all",
        )
        yield made


@pytest.fixture
def clone(published: Published, tmp_path: Path) -> Path:
    return published.clone(tmp_path / "clone")


@EACH
def test_a_clone_pulls_what_was_pushed_and_has_nothing_to_run(
    published: Published, clone: Path
) -> None:
    said = "verify: 2 outputs, 0.0 MB, are what dvc.lock says; 1, 0.0 MB, what .dvc files say\n"
    assert said in published.sh(clone, "make pull")
    assert "ran" not in sh(clone, REPRO)
    assert "verify: 2 outputs" in sh(clone, "make verify")


@pytest.mark.fault(101)
@EACH
def test_an_object_that_is_damaged_in_the_remote_is_named_and_never_used(
    published: Published, clone: Path, tmp_path: Path
) -> None:
    right = b"in\n"
    published.store.put(key(right), b"damaged")
    try:
        said = published.sh(clone, "make pull", status=2)
        assert f"{key(right)}: the cache's copy of first.txt: expected MD5 " in said
        assert "pull: DVC took it as the remote has it; delete it there" in said
        job = published.clone(tmp_path / "job")
        said = published.sh(job, ".ci/remote pull")
        assert ".ci/remote: not all came whole" in said
        assert TRACKED not in said
        said = sh(job, f"{REPRO}; make verify; git diff --exit-code dvc.lock")
        assert "ran first" in said
        assert "ran second" not in said
    finally:
        published.store.put(key(right), right)


@FOLDER
@pytest.mark.fault(101)
def test_what_is_damaged_here_is_not_pushed(published: Published, clone: Path) -> None:
    published.sh(clone, "make pull")
    (clone / "second.txt").unlink()
    (clone / "second.txt").write_text("damaged")
    said = published.sh(clone, f"{DVC} remote modify store url ../empty; make push", status=2)
    assert "verify: second.txt: expected MD5" in said
    assert not (clone.parent / "empty").exists()


@FOLDER
@pytest.mark.fault(52)
def test_with_a_remote_that_holds_all_only_what_changed_runs(clone: Path) -> None:
    (clone / "params.yaml").write_text("second: 2\n")
    said = sh(clone, f".ci/remote pull; {REPRO}")
    assert "ran second" in said
    assert "ran first" not in said
    assert (clone / "second.txt").read_text() == "in\nsecond: 2\n"


@FOLDER
@pytest.mark.fault(52)
def test_with_a_remote_that_lacks_something_all_stages_run(clone: Path) -> None:
    sh(clone, f"{DVC} remote modify -q store url ../nothing")
    said = sh(clone, f".ci/remote pull; {REPRO}")
    assert ".ci/remote: not all came whole from the remote; what a stage makes is made" in said
    assert TRACKED in said
    assert "ran first" in said
    assert "ran second" in said


@FOLDER
@pytest.mark.fault(52)
def test_without_a_remote_all_stages_run(clone: Path) -> None:
    sh(clone, f"{DVC} remote remove -q store")
    assert sh(clone, ".ci/remote pull; .ci/remote push") == ""
    said = sh(clone, REPRO)
    assert "ran first" in said


@FOLDER
@pytest.mark.fault(110)
def test_tracked_data_that_is_damaged_in_the_remote_is_named(
    published: Published, clone: Path, tmp_path: Path
) -> None:
    published.store.put(key(b"a\n"), b"damaged")
    try:
        said = published.sh(clone, "make pull", status=2)
        assert "verify: mine/a: expected MD5" in said
        assert "`dvc fetch mine.dvc` where the remote has it whole: no stage makes it again" in said
        job = published.clone(tmp_path / "job")
        said = published.sh(job, f".ci/remote pull; {REPRO}")
        assert TRACKED in said
        assert "ran" not in said
        assert not (job / "mine").exists()  # nor half of it
    finally:
        published.store.put(key(b"a\n"), b"a\n")


@FOLDER
@pytest.mark.fault(110)
def test_a_rotten_object_of_tracked_data_is_not_pushed_and_what_is_not_here_need_not_be(
    published: Published, clone: Path
) -> None:
    published.sh(clone, f"make pull; {DVC} remote modify -q store url ../empty")
    rotten = clone / ".dvc/cache" / key(b"a\n")
    rotten.chmod(0o644)
    rotten.write_text("rotten")
    rotten.chmod(0o444)
    for hide in ("true", "rm -r mine"):
        said = published.sh(clone, f"{hide}; make push", status=2)
        assert "the cache's copy of mine/a: expected MD5" in said
        assert not (clone.parent / "empty").exists()
    rotten.unlink()
    assert "what .dvc files say; 1 of theirs not here" in published.sh(clone, "make push")
    assert (clone.parent / "empty" / key(b"in\n")).exists()

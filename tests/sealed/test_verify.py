"""Row 28: what DVC takes on trust is read again. Real repositories, bytes changed in them."""

import hashlib
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
import yaml

import forked
import samples
from dvcproject import content, folder, lock
from dvcproject.address import Address
from dvcproject.errors import ProjectError
from sealed import verification
from sealed.__main__ import main
from sealed.commands import verify
from spoiling import spoilt

PIPELINE = """
stages:
  make:
    cmd: mkdir -p folder && echo one > folder/1 && echo two > folder/2 && echo m > m && echo n > n
    outs: [folder, m]
    metrics: [{n: {cache: false}}]
"""
ENVIRONMENT = os.environ | {"DVC_NO_ANALYTICS": "1", "PYTHONPATH": os.pathsep.join(sys.path)}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a project that has run."""
    folder = tmp_path_factory.mktemp("made")
    ENVIRONMENT["DVC_SITE_CACHE_DIR"] = str(folder / "site")
    (folder / "project").mkdir()
    (folder / "project/dvc.yaml").write_text(PIPELINE)
    dvc(folder / "project", "init", "--no-scm", "-q")
    dvc(folder / "project", "repro", "-q")
    return folder / "project"


def test_ctrl_c_ends_in_a_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(_: object) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(verify, "run", interrupted)
    monkeypatch.setattr(sys, "argv", ["sealed", "verify"])
    assert (main(), capsys.readouterr().err) == (130, "sealed: interrupted\n")


@pytest.fixture
def project(made: Path, tmp_path: Path) -> Iterator[Path]:
    root = tmp_path / "project"
    shutil.copytree(made, root)
    yield root
    for path in filter(Path.exists, root.rglob("*")):
        path.chmod(path.stat().st_mode | 0o200)


@pytest.fixture
def tracking(project: Path) -> Path:
    """Track a folder and a file of somebody's own, beside what the stage makes."""
    (project / "mine").mkdir()
    (project / "mine/a").write_text("one\n")  # as the stage's folder/1
    (project / "mine/b").write_text("picture\n")
    (project / "sub").mkdir()
    (project / "sub/alone").write_text("alone\n")
    dvc(project, "add", "-q", "mine", "sub/alone")
    return project


def dvc(root: Path, *arguments: str) -> str:
    done = forked.run("dvc", *arguments, cwd=root, env=ENVIRONMENT)
    done.check_returncode()
    return done.stdout


def run(root: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return forked.run("sealed", "verify", *words, cwd=root, env=ENVIRONMENT)


def found(root: Path) -> list[str]:
    found = verification.mistakes(lock.outputs(root), root, root / ".dvc/cache")
    return [line.replace(f"{root}/", "") for line in found]


def stored(root: Path, path: str) -> Path:
    md5 = content.content(root / path).md5
    return root / ".dvc/cache/files/md5" / md5[:2] / md5[2:]


def append(path: Path) -> None:
    """Change a file as a careless person would: it looks the same to DVC afterwards."""
    mode = path.stat().st_mode
    path.chmod(0o644)
    with path.open("ab") as file:
        file.write(b"x")
    path.chmod(mode)


def test_what_repro_has_just_made_is_right(project: Path) -> None:
    done = run(project)
    assert done.stdout == "verify: 3 outputs, 0.0 MB, are what dvc.lock says\n"
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.fault(28)
@pytest.mark.parametrize("path", ["m", "folder/2"])
def test_a_changed_object_of_the_cache_is_named_where_dvc_sees_nothing(
    project: Path, path: str
) -> None:
    changed = stored(project, path)
    append(changed)
    assert "up to date" in dvc(project, "status")
    done = run(project)
    assert done.returncode == 1
    assert f"the cache's copy of {path}: expected MD5 " in done.stderr
    assert str(changed.relative_to(project)) in done.stderr
    assert "delete it and run `dvc commit --force make`" in done.stderr
    changed.unlink()
    dvc(project, "commit", "--force", "make")
    assert run(project).returncode == 0


@pytest.mark.fault(28)
@pytest.mark.parametrize(
    ("path", "advice"),
    [
        ("m", "delete it and run `dvc checkout m`"),
        ("folder/1", "delete it and run `dvc checkout folder/1`"),
        ("n", "delete it and run `dvc repro --force make`"),
    ],
)
def test_a_changed_output_is_named_and_the_advice_brings_it_back(
    project: Path, path: str, advice: str
) -> None:
    append(project / path)
    [line] = found(project)
    assert line.startswith(f"{path}: expected MD5 ")
    assert line.endswith(advice)
    (project / path).unlink()
    dvc(project, *advice.split("`")[1].split()[1:])
    assert found(project) == []


def test_a_missing_object_is_named_with_the_way_to_have_it_again(project: Path) -> None:
    stored(project, "m").unlink()
    [line] = found(project)
    assert "the cache's copy of m: expected MD5 " in line
    assert line.endswith("found nothing; run `dvc commit --force make`")
    (project / "m").unlink()
    lines = found(project)
    assert lines[0].endswith("or without a remote `dvc repro make`")
    assert lines[1].endswith("found nothing; run `dvc repro --force make`")


def test_the_list_of_a_folder_is_verified_like_its_files(project: Path) -> None:
    [listing] = (project / ".dvc/cache/files/md5").rglob("*.dir")
    append(listing)
    [line] = found(project)
    assert line.startswith(str(listing.relative_to(project)))
    append(project / "folder/1")
    assert [line.partition(": ")[0] for line in found(project)][1:] == ["folder"]


def test_a_file_too_many_in_a_folder_is_named_unless_dvcignore_hides_it(project: Path) -> None:
    (project / "folder/3").write_text("three")
    assert found(project) == ["folder/3: dvc.lock knows no such file; delete it"]
    (project / ".dvcignore").write_text("3\n")
    assert found(project) == []


def test_a_dvcignore_above_a_folder_counts_and_one_inside_is_refused(tmp_path: Path) -> None:
    root = tmp_path / "project"
    (root / "data").mkdir(parents=True)
    (root / ".dvcignore").write_text("*.log\n")
    (root / "data/.dvcignore").write_text("# mine\n/raw/*.tmp\n!keep.tmp\n!c.log\nd/\n")
    files = "a b.tmp keep.tmp c.log d/e more/b.tmp"
    make = f"mkdir -p data/raw/d data/raw/more && cd data/raw && touch {files}"
    (root / "dvc.yaml").write_text(f"stages: {{make: {{cmd: {make}, outs: [data/raw]}}}}")
    dvc(root, "init", "--no-scm", "-q")
    dvc(root, "repro", "-q")
    assert found(root) == []
    names = {
        path.relative_to(root / "data/raw") for path in folder.members(root / "data/raw", root)
    }
    assert names == set(map(Path, ["a", "keep.tmp", "c.log", "more/b.tmp"]))
    (root / "data/raw/.dvcignore").write_text("a\n")
    with pytest.raises(ProjectError, match=r"^data/raw/.dvcignore: DVC takes no folder that holds"):
        found(root)


def test_a_cache_elsewhere_is_found(project: Path, tmp_path: Path) -> None:
    (project / ".dvc/cache").rename(tmp_path / "elsewhere")
    assert run(project).returncode == 1
    dvc(project, "config", "cache.dir", str(tmp_path / "elsewhere"))
    assert run(project).returncode == 0


def test_a_fresh_clone_lacks_a_folder_and_is_not_told_of_an_empty_one(project: Path) -> None:
    shutil.rmtree(project / "folder")
    [line] = found(project)
    assert line.startswith("folder: expected MD5 ")
    assert line.endswith("found nothing; run `dvc checkout folder`")
    shutil.rmtree(project / ".dvc/cache")
    lines = [line for line in found(project) if line.startswith("folder: ")]
    assert lines[0].endswith("found nothing; run `dvc repro --force make`")


def test_what_is_no_plain_file_is_named_and_never_opened(project: Path) -> None:
    (project / "m").unlink()
    os.mkfifo(project / "m")
    (project / "folder/1").unlink()
    os.mkfifo(project / "folder/1")
    (project / "folder/3").symlink_to("nowhere")
    lines = found(project)
    assert [line.partition(": ")[0] for line in lines] == ["folder/1", "folder/3", "m"]
    assert all("found a broken link or a device; delete it" in lines[n] for n in (0, 2))


@pytest.mark.fault(62)
def test_a_lock_that_lacks_a_stage_or_an_out_or_is_none_is_refused(project: Path) -> None:
    locked = yaml.safe_load((project / "dvc.lock").read_text())
    locked["stages"]["make"]["outs"].pop(1)
    (project / "dvc.lock").write_text(yaml.safe_dump(locked))
    assert refusal(project) == "dvc.lock: make: expected m, found none; run `dvc repro`"
    (project / "dvc.lock").write_text("stages: {}\n")
    assert refusal(project) == "dvc.lock: expected stage make, found none; run `dvc repro`"
    (project / "dvc.lock").unlink()
    assert refusal(project) == "dvc.lock: no such file: nothing has been run yet; run `dvc repro`"


def refusal(project: Path) -> str:
    """Run the command, which must refuse in one line."""
    done = run(project)
    assert (done.returncode, done.stdout) == (2, "")
    [line] = done.stderr.splitlines()
    return line.removeprefix("verify: ").removeprefix("sealed: ")


def test_stages_that_a_template_makes_are_verified_as_dvc_lock_names_them(project: Path) -> None:
    more = """
  each:
    foreach: [1, 2]
    do: {cmd: "echo ${item} > each.${item}", outs: ["each.${item}": {cache: false}]}
"""
    (project / "dvc.yaml").write_text(PIPELINE + more)
    dvc(project, "repro", "-q")
    assert found(project) == []
    append(project / "each.2")
    assert [line.partition(": ")[0] for line in found(project)] == ["each.2"]
    assert run(project).returncode == 1


TEMPLATED = """
vars: [{made: ../up/y}]
stages:
  below:
    wdir: sub
    cmd: mkdir -p deep ../up && echo 1 > here && echo 2 > deep/x && echo 3 > ${made}
    outs: [here, deep, "${made}"]
  each:
    foreach: [1, 2]
    do: {cmd: "echo each ${item} > each.${item}", outs: ["each.${item}"]}
"""


def test_spoiled_outs_of_wdir_and_template_are_named_and_no_others(tmp_path: Path) -> None:
    root = tmp_path / "project"
    for file in ("a/dvc.yaml", "dvc.yaml"):
        (root / file).parent.mkdir(parents=True, exist_ok=True)
        (root / file).write_text(TEMPLATED)
        (root / file).with_name("sub").mkdir()
    dvc(root, "init", "--no-scm", "-q")
    dvc(root, "repro", "-q", "-R", ".")
    assert found(root) == []
    spoiled = ["a/each.2", "a/sub/deep/x", "a/sub/here", "a/up/y", "each.1", "sub/here", "up/y"]
    for path in spoiled:
        (root / path).unlink()  # it may be the cache's own
        (root / path).write_text("x")
    assert sorted(line.partition(": ")[0] for line in found(root)) == spoiled
    dvc(root, "checkout", "--force", "-q")
    append(stored(root, "each.2"))
    said = [line for line in found(root) if "the cache's copy of" in line]
    outs = sorted(line.split("the cache's copy of ")[1].partition(": ")[0] for line in said)
    assert outs == ["a/each.2", "each.2"]


@pytest.mark.fault(62)
@pytest.mark.parametrize(
    ("old", "new", "refused"),
    [
        ("path: m", "path: ../m", "expected a path inside the project, found '../m'"),
        ("path: m", "path: /etc/passwd", "expected a path inside the project, found '/etc/pass"),
        ("path: m", "path: [m]", "make.outs: expected `path: ...`, found {'path': ['m']"),
        ("hash: md5", "hash: x", "expected `hash: md5`, found x; run `dvc commit` with DVC 3"),
        ("md5: ", "md5: ../", "folder: expected an MD5, found '../"),
        ("size: 2", "size: .nan", "m: expected a size, found nan"),
        ("size: 2", "", "m: expected a size, found None"),
        ("outs:", "outs: {a: 1}\n    x:", "make: expected a list `outs`, found {'a': 1}"),
        ("make:", "make: 3\n  other:", "make: expected a list `outs`, found 3"),
        ("stages:", "stages: &a [*a]\nx:", "expected a mapping `stages`, found "),
        ("schema:", "[" * 9000, "expected a mapping `stages`, found more than 100 levels"),
    ],
    ids=range(11),
)
def test_a_lock_that_is_not_dvcs_is_refused_in_a_line(
    project: Path, old: str, new: str, refused: str
) -> None:
    text = (project / "dvc.lock").read_text()
    assert old in text
    (project / "dvc.lock").write_text(text.replace(old, new))
    with pytest.raises(ProjectError) as reason:
        lock.outputs(project)
    assert refused in str(reason.value)


@pytest.mark.fault(62)
@pytest.mark.parametrize("name", ["dvc.lock", "dvc.yaml", "mine.dvc"])
def test_no_mutation_ends_in_a_traceback(tracking: Path, name: str) -> None:
    project = tracking
    rng, whole = samples.rng(), (project / name).read_bytes()
    began = time.monotonic()
    for _ in range(samples.many(30)):
        (project / name).write_bytes(spoilt(whole, rng))
        with suppress(ProjectError, OSError):  # a line; all else is a traceback
            assert all("\n" not in line for line in found(project))
    assert time.monotonic() - began < 4 * samples.many(30)


def test_a_list_of_files_that_is_none_is_refused(project: Path) -> None:
    """Its digest is right, as whoever wrote dvc.lock could make it."""
    for text in ('{"a": 1}', "[1]", '[{"relpath": "../x", "md5": "0"}]', "[" * 10_000, "x"):
        md5 = hashlib.md5(text.encode()).hexdigest()  # noqa: S324
        path = project / f".dvc/cache/files/md5/{md5[:2]}/{md5[2:]}.dir"
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
        locked = yaml.safe_load((project / "dvc.lock").read_text())
        locked["stages"]["make"]["outs"][0]["md5"] = md5 + ".dir"
        (project / "dvc.lock").write_text(yaml.safe_dump(locked))
        with pytest.raises(ProjectError, match=r"expected a list of files|expected a path"):
            found(project)


def test_what_dvc_files_track_is_read_too_and_counted(tracking: Path) -> None:
    said = "verify: 3 outputs, 0.0 MB, are what dvc.lock says; 2, 0.0 MB, what .dvc files say"
    assert run(tracking).stdout == f"{said}\n"
    dvc(tracking, "import-url", "--no-download", str(tracking / "sub/alone"), "later")
    (tracking / "old.dvc").write_text("outs: [{md5: '0123', path: old}]")  # as DVC 2 wrote it
    assert run(tracking).stdout == f"{said}\n"  # there is nothing to say of these
    dvc(tracking, "import-url", str(tracking / "sub/alone"), "now")
    append(tracking / "now")
    assert [line.partition(":")[0] for line in found(tracking)] == ["now"]


@pytest.mark.fault(110)
def test_a_changed_object_of_tracked_data_is_named_and_can_be_mended(tracking: Path) -> None:
    changed = stored(tracking, "mine/b")
    append(changed)
    done = run(tracking)
    assert done.returncode == 1
    assert "the cache's copy of mine/b: expected MD5 " in done.stderr
    assert "delete it and run `dvc commit --force mine.dvc`" in done.stderr
    changed.unlink()
    dvc(tracking, "commit", "--force", "mine.dvc")
    assert found(tracking) == []
    append(changed)
    append(tracking / "mine/b")
    lines = found(tracking)
    assert lines[0].endswith("where the remote has it whole: no stage makes it again")
    assert "; run `dvc pull --force mine/b`; if it is meant to be so, `dvc commit" in lines[1]


@pytest.mark.fault(110)
@pytest.mark.parametrize(("path", "file"), [("mine/b", "mine.dvc"), ("sub/alone", "sub/alone.dvc")])
def test_changed_tracked_data_is_named_with_both_ways_out(
    tracking: Path, path: str, file: str
) -> None:
    append(tracking / path)
    before = (tracking / file).read_text()
    [line] = found(tracking)
    assert line.startswith(f"{path}: expected MD5 ")
    keep = f"if it is meant to be so, `dvc commit --force {file}`"
    assert line.endswith(f"; run `dvc checkout --force {path}`; {keep}")
    dvc(tracking, "commit", "--force", file)
    assert found(tracking) == []
    (tracking / file).write_text(before)
    dvc(tracking, "checkout", "--force", path)
    assert found(tracking) == []


@pytest.mark.fault(110)
def test_files_too_many_or_missing_in_tracked_data_are_named(tracking: Path) -> None:
    (tracking / "mine/c").write_text("three")
    (tracking / "mine/b").unlink()
    lines = found(tracking)
    assert lines[0].endswith("found nothing; run `dvc checkout --force mine/b`")
    keep = "if it is meant to be so, `dvc commit --force mine.dvc`"
    assert lines[1:] == [f"mine/c: mine.dvc knows no such file; delete it; {keep}"]


@pytest.mark.fault(110)
def test_tracked_data_that_is_not_here_is_no_mistake_unless_the_cache_has_it_wrong(
    tracking: Path,
) -> None:
    shutil.rmtree(tracking / "mine")
    assert run(tracking).stdout.endswith("; 1, 0.0 MB, what .dvc files say; 1 of theirs not here\n")
    digest = hashlib.md5(b"picture\n").hexdigest()  # noqa: S324
    changed = tracking / f".dvc/cache/files/md5/{digest[:2]}/{digest[2:]}"
    append(changed)
    [line] = found(tracking)
    assert "the cache's copy of mine/b: expected MD5 " in line
    changed.unlink()
    assert found(tracking) == []


def test_a_file_is_read_once_whatever_leads_to_it(
    tracking: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dvc(tracking, "config", "cache.type", "hardlink")
    dvc(tracking, "checkout", "--relink")
    inodes: list[int] = []
    real = content.content

    def noted(path: Path) -> content.Content:
        inodes.append(path.stat().st_ino)
        return real(path)

    monkeypatch.setattr(content, "content", noted)
    assert found(tracking) == []
    assert len(inodes) == len(set(inodes))
    assert stored(tracking, "mine/b").stat().st_ino in inodes


@pytest.mark.fault(62)
@pytest.mark.parametrize(
    ("old", "new", "refused"),
    [
        ("hash: md5", "", "found none; run `dvc commit --force mine.dvc` with DVC 3"),
        ("md5: ", "md5: ../", "run `dvc commit --force mine.dvc`"),
        ("path: mine", "path: 3", "mine.dvc: validation failed; `dvc status mine.dvc` says where"),
        ("path: mine", "path: [", "unable to read: 'mine.dvc'"),
    ],
    ids=range(4),
)
def test_a_dvc_file_that_is_not_dvcs_is_refused_in_a_line(
    tracking: Path, old: str, new: str, refused: str
) -> None:
    text = (tracking / "mine.dvc").read_text()
    assert old in text
    (tracking / "mine.dvc").write_text(text.replace(old, new))
    assert refused in refusal(tracking)


@pytest.mark.fault(126)
def test_a_dvc_lock_of_any_length_is_read(project: Path) -> None:
    path = project / "dvc.lock"
    stages = "".join(f"  s{n}: {{cmd: {'x' * 10_000}}}\n" for n in range(130))
    path.write_text(path.read_text().replace("stages:\n", f"stages:\n{stages}"))
    assert path.stat().st_size > 1_300_000
    assert run(project).returncode == 0
    assert [out.path for out in lock.outputs_of(Address(project, "dvc.yaml", "make", "."))] == [
        "folder",
        "m",
        "n",
    ]


@pytest.mark.fault(127)
def test_help_and_unknown_words_verify_nothing(project: Path) -> None:
    shown = run(project, "--help")
    assert (shown.returncode, "outputs," in shown.stdout) == (0, False)
    assert "--allow-missing" in shown.stdout
    refused = run(project, "typo")
    assert (refused.returncode, refused.stdout) == (2, "")
    assert "unrecognized arguments: typo" in refused.stderr


@pytest.mark.fault(127)
def test_it_verifies_the_project_around_the_current_folder(project: Path) -> None:
    assert run(project / "folder").stdout == run(project).stdout
    append(project / "m")
    said = run(project / "folder").stderr
    assert said.endswith(f"verify: these paths start in {project}: run the commands there\n")
    outside = run(project.parent)
    assert outside.returncode == 2
    assert "expected a DVC project around it, found none" in outside.stderr


@pytest.mark.fault(128)
@pytest.mark.parametrize(("makefile", "fix"), [("", "dvc"), ("repro: setup\npull:\n", "make")])
def test_a_clone_in_which_nothing_ran_is_told_in_a_line(
    project: Path, makefile: str, fix: str
) -> None:
    (project / "Makefile").write_text(makefile)
    for path in ("folder", ".dvc/cache"):
        shutil.rmtree(project / path)
    (project / "m").unlink()
    done = run(project)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        "sealed: folder: expected this and the other outputs that dvc.lock names, found none of "
        f"the 2 that DVC keeps: nothing has been run here yet; run `{fix} repro`, or "
        f"`{fix} pull` if a DVC remote has them\n"
    )


@pytest.mark.fault(128)
def test_missing_outputs_may_be_allowed_and_the_others_are_read(project: Path) -> None:
    for path in ("folder", ".dvc/cache"):
        shutil.rmtree(project / path)
    (project / "m").unlink()
    done = run(project, "--allow-missing")
    assert (done.returncode, done.stderr) == (0, "")
    said = "verify: 1 outputs, 0.0 MB, are what dvc.lock says; 2 of its outputs not here\n"
    assert done.stdout == said
    append(project / "n")
    assert "n: expected MD5" in run(project, "--allow-missing").stderr

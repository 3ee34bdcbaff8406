"""Stages in bubblewrap: the sandbox takes the project's place, and hides what is around it."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import venv
from collections.abc import Iterator
from pathlib import Path

import pytest

import made
from sealed.engines import bwrap
from sealed.sandbox.sandbox import Sandbox
from sealed.stage import Stage
from sealed_project import (
    COPIES,
    WAITS,
    Project,
    alive,
    descendants,
    on,
    require_bwrap,
    told,
    wait_until,
)

BWRAPS = {"null", "zero", "full", "random", "urandom", "tty", "ptmx", "console"}  # its own


@pytest.fixture
def engine() -> str:
    return "bwrap"


def passes(project: Project, code: str, **entry: object) -> str:
    """Run a stage that writes out.txt; return that."""
    environ = entry.pop("environ", {})
    assert isinstance(environ, dict)
    result = project.stage("look", code, **entry).run("look", **environ)
    assert result.returncode == 0, result.stderr
    return project.read("out.txt")


def test_a_stage_is_where_its_project_is(project: Project) -> None:
    code = "import os; open('out.txt', 'w').write(os.getcwd())"
    assert passes(project, code) == str(project.root)


@pytest.mark.fault(20)
@pytest.mark.parametrize("engine", ["host", "bwrap"])
def test_an_editable_install_finds_what_is_declared_and_on_the_host_all(
    project: Project, engine: str
) -> None:
    """The environment lies in the project, its .pth points there: as `pip install -e .` does it."""
    packages = next(path for path in sys.path if path.endswith("site-packages"))
    (project.root / ".venv").unlink()
    venv.create(project.root / ".venv", symlinks=True)
    [site] = (project.root / ".venv").glob("lib/*/site-packages")
    (site / "editable.pth").write_text(f"{packages}\n{project.root}/lib\n", encoding="utf-8")
    project.write("lib/declared.py", "")
    project.write("lib/forgotten.py", "")
    code = "import declared; open('out.txt', 'w').write(declared.__file__)"
    result = project.stage("look", code, deps=["lib/declared.py"]).script("look")
    assert result.returncode == 0, result.stderr
    assert project.read("out.txt") == f"{project.root}/lib/declared.py"
    project.stage("look", "import forgotten; " + code, deps=["lib/declared.py"])
    result = project.script("look")
    if engine == "host":
        assert result.returncode == 0
    else:
        assert "No module named 'forgotten'" in result.stderr
        assert result.returncode == 1


def test_the_repository_around_the_project_is_hidden_too(tmp_path: Path) -> None:
    project = on("bwrap", Project(tmp_path / "repository/part"))
    (tmp_path / "repository/.git").mkdir()
    (tmp_path / "repository/secret.txt").write_text("s", encoding="utf-8")
    code = "import os; open('out.txt', 'w').write(' '.join(os.listdir('..')))"
    assert passes(project, code) == "part"
    message = "Read-only file system: '../x'"
    assert message in project.stage("look", "open('../x', 'w')").run("look").stderr


def test_an_experiment_does_not_see_the_project_that_it_is_of(tmp_path: Path) -> None:
    project = on("bwrap", Project(tmp_path / "mine/.dvc/tmp/exps/one"))
    (tmp_path / "mine/secret.txt").write_text("s", encoding="utf-8")
    code = f"import os; open('out.txt', 'w').write(' '.join(os.listdir('{tmp_path}/mine')))"
    assert passes(project, code) == ".dvc"


@pytest.mark.parametrize("kind", ["beside", "inside", "link", "file"])
def test_what_a_variable_names_is_seen_and_cannot_be_written(
    project: Project, tmp_path: Path, kind: str
) -> None:
    project.write("mirror/file", "digits")
    shutil.copytree(project.root / "mirror", tmp_path / "beside")
    (tmp_path / "link").symlink_to("beside")
    places = {
        "beside": tmp_path / "beside",
        "inside": project.root / "mirror",
        "link": tmp_path / "link",
        "file": project.root / "mirror/file",
    }
    code = """
    import os
    from pathlib import Path
    place = Path(os.environ['WANTED'])
    file = place if place.is_file() else place / 'file'
    Path('out.txt').write_text(file.read_text())
    try:
        file.write_text('x')
    except OSError as error:
        Path('out.txt').open('a').write(error.strerror)
    """
    entry = {
        "meta": {"sealed": {"environment": ["WANTED"]}},
        "environ": {"WANTED": str(places[kind])},
    }
    assert passes(project, code, **entry) == "digitsRead-only file system"
    assert project.sandboxes() == []


def test_a_folder_with_a_link_to_a_file_of_the_project_is_refused(
    project: Project, tmp_path: Path
) -> None:
    (tmp_path / "links").mkdir()
    (tmp_path / "links/file").symlink_to(project.root / "in.txt")
    project.stage("look", meta={"sealed": {"environment": ["WANTED"]}})
    result = project.run("look", WANTED=str(tmp_path / "links"))
    assert f"links holds a link to {project.root}/in.txt, a file of the project; " in result.stderr
    assert result.returncode == 2


def test_a_variable_that_names_what_is_around_the_project_leaves_the_sandbox(
    project: Project,
) -> None:
    project.write("secret.txt", "s")
    code = "import os; open('out.txt', 'w').write(str(os.path.exists('secret.txt')))"
    for place in (project.root, project.root.parent, "/", "/tmp"):  # noqa: S108
        entry = {"meta": {"sealed": {"environment": ["WANTED"]}}, "environ": {"WANTED": str(place)}}
        assert passes(project, code, **entry) == "False"


def test_a_large_dep_is_read_in_its_place_and_cannot_be_written(project: Project) -> None:
    (project.root / "large.bin").write_bytes(b"x" * 20_000_000)
    code = """
    from pathlib import Path
    large = Path('large.bin')
    try:
        large.write_bytes(b'y')
    except OSError as error:
        Path('out.txt').write_text(f'{large.stat().st_size} {error.strerror}')
    """
    found = passes(project, code, deps=["large.bin"])
    assert found == "20000000 Read-only file system"
    assert (project.root / "large.bin").stat().st_size == 20_000_000


@pytest.mark.parametrize("engine", ["bwrap", pytest.param("docker", marks=pytest.mark.slow)])
def test_a_folder_of_many_files_is_read_in_its_place_and_cannot_be_written(
    project: Project,
) -> None:
    for number in range(300):
        project.write(f"many/sub/{number}", "x")
    project.write("large.bin", "y" * 5_000_000)
    code = """
    from pathlib import Path
    found = [path.read_text() for path in Path('many/sub').iterdir()]
    said = []
    for path in ('many/sub/0', 'many/new', 'large.bin'):
        try:
            Path(path).write_text('z')
        except OSError as error:
            said.append(error.strerror)
    Path('out.txt').write_text(f"{len(found)} {Path('large.bin').stat().st_size} {set(said)}")
    """
    found = passes(project, code, deps=["many", "large.bin"])
    assert found == "300 5000000 {'Read-only file system'}"


@pytest.mark.fault(37)
def test_a_folder_that_is_edited_by_its_user_meanwhile_is_named(project: Project) -> None:
    for number in range(300):
        project.write(f"many/{number}", "x")
    waits = "\nwhile open('many/1').read() != 'edited':\n    time.sleep(0.05)\n"
    ends = "import sys, time\nprint('started 0', file=sys.stderr, flush=True)" + waits
    running = project.stage("wait", ends + COPIES, deps=["many", "in.txt"]).start(
        "stages/run", "wait"
    )
    running.stage_pid()
    project.write("many/1", "edited")
    assert running.process.wait(60) == 2
    assert "many/1: changed while stages/wait.py ran" in running.said()
    assert not (project.root / "out.txt").exists()


@pytest.mark.fault(89)
def test_a_bubblewrap_that_is_killed_takes_the_stage_with_it(project: Project) -> None:
    running = project.stage("wait", WAITS).start("stages/run", "wait")
    stage = running.stage_pid()
    found = [pid for pid in descendants(running.process.pid) if is_bwrap(pid)]
    os.kill(found[0], signal.SIGKILL)
    assert running.process.wait(30) == 137
    assert "stages/wait.py was killed (SIGKILL)" in running.said()
    wait_until(lambda: not alive(stage))
    assert project.sandboxes() == []
    assert not (project.root / "out.txt").exists()


def is_bwrap(pid: int) -> bool:
    return told(pid, "comm").strip() == "bwrap"


def test_what_is_declared_to_be_read_outside_is_there(project: Project, tmp_path: Path) -> None:
    (tmp_path / "licence").write_text("mine", encoding="utf-8")
    code = f"open('out.txt', 'w').write(open('{tmp_path}/licence').read())"
    meta = {"sealed": {"read_only": [f"{tmp_path}/licence"]}}
    assert passes(project, code, meta=meta) == "mine"
    (tmp_path / "licence").unlink()
    failed = project.run("look")
    assert f"{tmp_path}/licence: look declares to read it, but it is not there" in failed.stderr
    assert failed.returncode == 2


@pytest.mark.parametrize("where", ["absolute", "above"])
def test_a_dep_outside_the_project_is_at_its_place(
    project: Project, tmp_path: Path, where: str
) -> None:
    (tmp_path / "shared.txt").write_text("ours", encoding="utf-8")
    (tmp_path / "secret.txt").write_text("s", encoding="utf-8")
    path = {"absolute": f"{tmp_path}/shared.txt", "above": "../shared.txt"}[where]
    code = f"""
    import os
    assert not os.path.exists('../secret.txt')
    open('out.txt', 'w').write(open('{path}').read())
    """
    assert passes(project, code, deps=[path]) == "ours"


def test_a_stage_that_declares_the_network_has_it(project: Project) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        code = (
            f"import socket; socket.create_connection(('127.0.0.1', {port})); open('out.txt', 'w')"
        )
        passes(project, code, meta={"sealed": {"network": True}})
        failed = project.stage("look", code).run("look")
    assert "Connection refused" in failed.stderr
    assert failed.returncode == 1


def test_checkpoints_outlive_a_run_that_failed(project: Project) -> None:
    code = """
    import os
    from pathlib import Path
    note = Path(os.environ['STAGE_CHECKPOINTS'], 'note')
    if not note.exists():
        note.write_text('kept')
        raise SystemExit('again')
    Path('out.txt').write_text(note.read_text())
    """
    assert (
        project.stage("look", code, meta={"sealed": {"checkpoints": True}}).run("look").returncode
        == 1
    )
    assert passes(project, code, meta={"sealed": {"checkpoints": True}}) == "kept"


UNCOVERS = """
import subprocess
from pathlib import Path
project = Path.cwd()
for command in (
    ['umount', project],
    ['umount', '--lazy', project],
    ['mount', '-o', 'remount,bind,rw', '/'],
    ['unshare', '--user', '--map-root-user', '--mount', 'umount', '--lazy', project],
    ['unshare', '--user', '--map-root-user', '--mount', 'mount', '-o', 'remount,bind,rw', '/'],
):
    done = subprocess.run(command, stderr=subprocess.PIPE, text=True)
    print(command[0], done.returncode, done.stderr)
    assert done.returncode != 0, command
Path('out.txt').write_text(Path('/proc/self/status').read_text().split('CapEff:')[1].split()[0])
"""


def test_a_stage_has_no_capabilities_and_cannot_uncover_what_is_hidden(project: Project) -> None:
    assert passes(project, UNCOVERS) == "0000000000000000"


@pytest.fixture
def folder() -> Iterator[Path]:
    """Make a folder that an ordinary user can reach, and give it to one."""
    require_bwrap()
    fresh = Path(tempfile.mkdtemp(dir="/var/tmp"))
    for name in ("project", "sandbox/sandbox", "sandbox/tmp"):
        (fresh / name).mkdir(parents=True)
    (fresh / "project/secret.txt").write_text("s", encoding="utf-8")
    (fresh / "sandbox/sandbox/in.txt").write_text("hello", encoding="utf-8")
    if os.getuid() == 0:
        for path in (fresh, *fresh.rglob("*")):
            os.chown(path, 65534, 65534)
    yield fresh
    shutil.rmtree(fresh)


def sandbox(folder: Path) -> Sandbox:
    return made.sandbox(folder / "sandbox")._replace(project=folder / "project")


def inside(folder: Path, stage: Stage, script: str) -> "subprocess.CompletedProcess[str]":
    before = bwrap.prefix(stage, sandbox(folder), os.defpath, {})
    return subprocess.run(
        [*before, "sh", "-c", script], check=False, capture_output=True, text=True
    )


def test_an_ordinary_user_is_enough(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if os.getuid() == 0:
        user = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "bwrap")
        bare = bwrap.prefix
        monkeypatch.setattr(bwrap, "prefix", lambda *given: [*user, *bare(*given)[1:]])
    done = inside(
        folder,
        made.stage("look"),
        "cat in.txt && id -u >out.txt && ls; sed -n 3p /proc/net/dev; ls /run",
    )
    if "amespace" in done.stderr or "uid map" in done.stderr:
        pytest.skip(f"namespaces are root's here: {done.stderr}")
    assert done.stdout.startswith("helloin.txt\nout.txt\n    lo:"), done
    assert len(done.stdout.splitlines()) == 3
    user_id = str(os.getuid() or 65534)
    assert (folder / "sandbox/sandbox/out.txt").read_text(encoding="utf-8").strip() == user_id


@pytest.mark.parametrize("wants", [True, False])
def test_a_gpu_is_there_for_a_stage_that_declares_it(
    folder: Path, monkeypatch: pytest.MonkeyPatch, wants: bool
) -> None:
    """Any other device stands in for it."""
    found = [path for path in Path("/dev").iterdir() if path.is_char_device()]
    device = next(path for path in found if not path.is_symlink() and path.name not in BWRAPS)
    monkeypatch.setattr(bwrap, "DEVICES", (device.name,))
    stage = made.stage("look", gpu=wants)
    assert (inside(folder, stage, f"test -c '{device}'").returncode == 0) == wants


def test_a_program_that_is_not_there_is_said(folder: Path) -> None:
    before = bwrap.prefix(made.stage("look"), sandbox(folder), os.defpath, {})
    done = subprocess.run([*before, "nothing"], check=False, capture_output=True, text=True)
    assert bwrap.Bwrap("bwrap").own_failure(done.returncode, made.stage("look"), done.stderr), done

"""`stages/setup` makes the environment, makes a broken one anew or says the one command."""

import base64
import hashlib
import os
import re
import shlex
import shutil
import subprocess
import sys
import threading
import tomllib
import zipfile
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SECRET = "open sesame".replace(" ", "-")
OLD = '#!/bin/bash\n[ "$1" = -c ] && echo 3.10 || touch "$0.started"\n'
UV = '#!/bin/bash\necho "$@" >"$0.started"\n'


@pytest.fixture
def project(tmp_path: Path) -> Path:
    project = tmp_path / "a project"
    (project / "stages").mkdir(parents=True)
    shutil.copy(ROOT / "stages/setup", project / "stages")
    (project / "some.lock").write_text("# nothing\n")
    return project


def setup(project: Path, **variables: str) -> tuple[int, str]:
    """Install some.lock without what this machine configures for pip and uv."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("PIP_", "UV_", "PYTHON"))}
    done = subprocess.run(
        [project / "stages/setup", "some.lock"],
        env=kept | {"PIP_CONFIG_FILE": os.devnull, "PYTHON": sys.executable} | variables,
        check=False,
        capture_output=True,
        text=True,
    )
    return done.returncode, done.stdout + done.stderr


def put(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)
    return path


def environment(project: Path, *options: str) -> Path:
    subprocess.run([sys.executable, "-m", "venv", *options, project / ".venv"], check=True)
    return project / ".venv"


@pytest.mark.fault(48)
def test_a_wrong_python_is_refused_before_anything_is_made(project: Path) -> None:
    python = put(project.parent / "python3", OLD)
    status, said = setup(project, PYTHON=str(python))
    assert (status, said) == (
        2,
        f"setup: {python}: expected Python 3.11 to 3.13, found 3.10; "
        "name another: `make setup PYTHON=python3.11`\n",
    )
    assert not (project / ".venv").exists()
    assert not python.with_name("python3.started").exists()


def test_the_pythons_are_those_of_pyproject() -> None:
    [low, high] = re.findall(r'requires-python = ">=3\.(\d+),<3\.(\d+)"', _text("pyproject.toml"))[
        0
    ]
    names = [f"3.{minor}" for minor in range(int(low), int(high))]
    assert f"in {' | '.join(names)}) ;;" in _text("stages/setup")
    assert f"expected Python {names[0]} to {names[-1]}" in _text("stages/setup")
    assert f"Python {names[0]} to {names[-1]}" in _text("README.md")


def _text(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


@pytest.mark.fault(48)
@pytest.mark.parametrize(("interpreter", "found"), [(OLD, "3.10"), ("", "none")])
def test_an_environment_of_a_wrong_python_or_of_none_is_made_anew(
    project: Path, interpreter: str, found: str
) -> None:
    made = environment(project, "--without-pip")
    (made / "bin/python").unlink()
    (made / "bin/python").symlink_to(project / "gone")
    if interpreter:
        put(project / "gone", interpreter)
    shutil.copy(project / "some.lock", made)
    quick = '[ "$2" != venv ] || set -- "$@" --without-pip'
    start = f"#!/bin/bash\n{quick}\nexec {shlex.quote(sys.executable)} "
    python = put(project.parent / "bin/python", start + '"$@"\n')
    put(project.parent / "bin/uv", UV)
    variables = {"PYTHON": str(python), "PATH": f"{python.parent}:{os.environ['PATH']}"}
    said = f"setup: .venv: expected Python 3.11 to 3.13, found {found}; it is made anew\n"
    assert setup(project, **variables) == (0, said)
    subprocess.run([made / "bin/python", "-c", ""], check=True)
    assert setup(project, **variables) == (0, "")


@pytest.mark.fault(48)
def test_an_environment_that_moved_with_its_folder_works_and_is_told(project: Path) -> None:
    environment(project, "--without-pip")
    (project / ".venv/place").write_text(f"{project}/.venv\n")
    shutil.copy(project / "some.lock", project / ".venv")
    assert setup(project) == (0, "")
    moved = project.rename(project.with_name("moved"))
    assert setup(moved) == (
        0,
        f"setup: .venv was made in {project}/.venv, where .venv/bin/dvc and its like still look; "
        "`rm -r .venv && make setup` makes it anew\n",
    )


@pytest.mark.fault(48)
def test_what_is_not_ours_is_not_emptied(project: Path) -> None:
    shared = project.parent / "shared"
    put(shared / "bin/python", OLD)
    put(shared / "pyvenv.cfg", "")
    (project / ".venv").symlink_to(shared)
    advice = "take it away, and `make setup` makes one\n"
    said = f"setup: .venv: expected Python 3.11 to 3.13, found 3.10; {advice}"
    assert setup(project) == (2, said)
    assert (shared / "bin/python").exists()
    (project / ".venv").unlink()
    put(project / ".venv/bin/mine", "")
    assert setup(project) == (2, said.replace("3.10", "none"))
    assert (project / ".venv/bin/mine").exists()


def test_a_colon_in_the_path_is_told(project: Path) -> None:
    there = project.rename(project.with_name("a:b"))
    status, said = setup(there)
    assert (status, len(said.splitlines())) == (1, 1)
    assert "contains the PATH separator :" in said


@pytest.fixture
def index(tmp_path: Path) -> str:
    """Serve one package, to those who know the password; return the index's address."""
    folder = tmp_path / "index/simple/tiny"
    folder.mkdir(parents=True)
    with zipfile.ZipFile(folder / "tiny-1-py3-none-any.whl", "w") as wheel:
        wheel.writestr("tiny.py", "")
        wheel.writestr(
            "tiny-1.dist-info/METADATA", "Metadata-Version: 2.1\nName: tiny\nVersion: 1\n"
        )
        wheel.writestr("tiny-1.dist-info/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
        wheel.writestr("tiny-1.dist-info/RECORD", "")

    class Guarded(SimpleHTTPRequestHandler):
        def do_GET(self) -> None:
            expected = base64.b64encode(f"me:{SECRET}".encode()).decode()
            if self.headers["Authorization"] == f"Basic {expected}":
                super().do_GET()
            else:
                self.send_error(401)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Guarded, directory=tmp_path / "index"))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return f"http://me:{SECRET}@127.0.0.1:{server.server_port}/simple"


@pytest.mark.fault(49)
def test_where_pip_is_told_of_an_index_uv_does_not_read_it_is_pip_that_installs(
    project: Path, index: str
) -> None:
    wheel = project.parent / "index/simple/tiny/tiny-1-py3-none-any.whl"
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    (project / "some.lock").write_text(f"tiny==1 --hash=sha256:{digest}\n")
    uv = put(project.parent / "bin/uv", UV)
    path = f"{uv.parent}:{os.environ['PATH']}"
    conf = put(project.parent / "pip.conf", f"[global]\nindex-url = {index}\n")
    environment(project, "--without-pip")
    said = "setup: .venv: it has no pip; it is made anew\n"
    assert setup(project, PATH=path, PIP_CONFIG_FILE=str(conf)) == (0, said)
    subprocess.run([project / ".venv/bin/python", "-c", "import tiny"], check=True)
    assert not uv.with_name("uv.started").exists()

    (project / "some.lock").write_text("other==1 --hash=sha256:" + 64 * "0")
    status, said = setup(project, PATH=path, PIP_INDEX_URL=index)
    assert status == 1
    assert "No matching distribution found for other==1" in said
    assert SECRET not in said

    assert setup(project, PATH=path, PIP_INDEX_URL=index, UV_INDEX_URL=index) == (0, "")
    assert "pip install --quiet --python .venv/bin/python" in uv.with_name("uv.started").read_text()


@pytest.mark.fault(49)
def test_uv_installs_where_pip_is_told_nothing(project: Path) -> None:
    environment(project, "--without-pip")
    uv = put(project.parent / "bin/uv", UV + 'env >>"$0.started"\n')
    settings = {"UV_CONSTRAINT": "other.txt", "UV_OVERRIDE": "other.txt", "UV_OFFLINE": "1"}
    assert setup(project, PATH=f"{uv.parent}:{os.environ['PATH']}", **settings) == (0, "")
    started = uv.with_name("uv.started").read_text()
    assert "-r some.lock" in started
    assert "other.txt" not in started
    assert "UV_OFFLINE=1" in started


def test_no_constraint_of_uv_has_no_hash() -> None:
    """With one in pyproject.toml uv refuses every lock: it wants a hash of each requirement."""
    with (ROOT / "pyproject.toml").open("rb") as file:
        assert "uv" not in tomllib.load(file)["tool"]


def offer(folder: Path) -> str:
    """Put a package into a folder; return the line of a lock that names it."""
    wheel = folder / "small-1-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("small.py", "")
        archive.writestr(
            "small-1.dist-info/METADATA", "Metadata-Version: 2.1\nName: small\nVersion: 1\n"
        )
        archive.writestr("small-1.dist-info/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
        archive.writestr("small-1.dist-info/RECORD", "")
    return f"small==1 --hash=sha256:{hashlib.sha256(wheel.read_bytes()).hexdigest()}\n"


ELSEWHERE = {
    "user": "true",
    "target": "{}/elsewhere",
    "prefix": "{}/elsewhere",
    "root": "{}/elsewhere",
    "constraint": "{}/other.txt",
    "requirement": "{}/other.txt",
    "require-virtualenv": "true",
    "dry-run": "true",
    "python": "/usr/bin/python3",
    "no-binary": ":all:",
}


@pytest.mark.fault(115)
@pytest.mark.parametrize("form", ["pip.conf", "variables"])
def test_settings_of_pip_that_lead_elsewhere_do_not_count(project: Path, form: str) -> None:
    """Those that lead to the packages do: this index is in pip's configuration alone."""
    (project / "some.lock").write_text(offer(project.parent))
    (project.parent / "other.txt").write_text("small<1\n")
    settings = {key: value.format(project.parent) for key, value in ELSEWHERE.items()}
    settings |= {"find-links": str(project.parent), "no-index": "true"}
    if form == "pip.conf":
        lines = [f"{key} = {value}\n" for key, value in settings.items()]
        conf = put(project.parent / "pip.conf", "".join(["[global]\n", *lines]))
        done = setup(project, PIP_CONFIG_FILE=str(conf))
    else:
        names = {f"PIP_{key.replace('-', '_').upper()}": value for key, value in settings.items()}
        done = setup(project, **names)
    assert done == (0, "")
    subprocess.run([project / ".venv/bin/python", "-c", "import small"], check=True)
    assert not (project.parent / "elsewhere").exists()

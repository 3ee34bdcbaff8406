"""A stage's own environment: a Python made of its lock, an image, an image built of a folder."""

import base64
import os
import subprocess
import zipfile
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import pytest

from sealed.engines import python_environment
from sealed.engines.container import image
from sealed_project import Project, require_image

SAYS = "import its_own; open('out.txt', 'w').write(its_own.VERSION)"


def wheel(folder: Path, version: str) -> str:
    """Write a package; return its SHA-256."""
    folder.mkdir(exist_ok=True)
    path = folder / f"its_own-{version}-py3-none-any.whl"
    about = f"its_own-{version}.dist-info"
    files = {
        "its_own.py": f"VERSION = {version!r}\n",
        f"{about}/METADATA": f"Metadata-Version: 2.1\nName: its-own\nVersion: {version}\n",
        f"{about}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = ""
    for name, text in files.items():
        digest = base64.urlsafe_b64encode(sha256(text.encode()).digest()).decode().rstrip("=")
        record += f"{name},sha256={digest},{len(text)}\n"
    with zipfile.ZipFile(path, "w") as content:
        for name, text in {**files, f"{about}/RECORD": f"{record}{about}/RECORD,,\n"}.items():
            content.writestr(name, text)
    return sha256(path.read_bytes()).hexdigest()


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make a folder the only place where pip finds packages; the cache is the test's own."""
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", (tmp_path / "wheels").as_uri())
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "wheels"


def declare(project: Project, lock: str, **entry: object) -> None:
    project.write("own.lock", lock)
    known = {"deps": ["in.txt", "own.lock"], "meta": {"sealed": {"python": "own.lock"}}} | entry
    project.stage("say", SAYS, **known)


def kept(tmp_path: Path) -> list[Path]:
    return sorted((tmp_path / "cache/sealed/environments").iterdir())


@pytest.mark.slow
@pytest.mark.parametrize("engine", ["host", "bwrap"])
def test_an_environment_is_made_once_for_each_content_of_its_lock(
    project: Project, index: Path, tmp_path: Path
) -> None:
    digest = wheel(index, "1")
    declare(project, f"its-own==1 --hash=sha256:{digest}\n")
    first = project.run("say")
    assert first.returncode == 0, first.stderr
    assert "making the environment of own.lock, once, in" in first.stderr
    assert project.read("out.txt") == "1"
    assert "making" not in project.run("say").stderr
    wheel(index, "2")
    declare(project, "its-own==2\n")  # without hashes
    assert "making the environment" in project.run("say").stderr
    assert project.read("out.txt") == "2"
    assert len(kept(tmp_path)) == 2


@pytest.mark.slow
def test_an_environment_that_cannot_be_made_is_refused_and_made_the_next_time(
    project: Project, index: Path
) -> None:
    wheel(index, "1")
    declare(project, f"its-own==1 --hash=sha256:{'0' * 64}\n")
    failed = project.run("say")
    assert "DO NOT MATCH THE HASHES" in failed.stderr
    assert "own.lock: its environment cannot be made in" in failed.stderr
    assert failed.returncode == 2
    assert project.sandboxes() == []
    assert "making the environment" in project.run("say").stderr


def test_a_lock_that_is_no_dep_is_refused(project: Project, index: Path) -> None:  # noqa: ARG001
    declare(project, "", deps=["in.txt"])
    failed = project.run("say")
    assert "own.lock: the stage runs in what it describes; add it to its deps" in failed.stderr
    assert failed.returncode == 2


@pytest.mark.parametrize(
    ("meta", "engine", "message"),
    [
        (
            {"image": "x@sha256:0"},
            "host",
            "say declares `image: x@sha256:0`, which host cannot giv",
        ),
        ({"python": "own.lock"}, "docker", "say declares `python: own.lock`, which docker cannot "),
        ({"image": 1}, "host", "dvc.yaml: say.meta.sealed.image: expected a text, found 1"),
    ],
)
def test_an_engine_that_cannot_give_a_stage_its_environment_is_refused(
    project: Project, meta: dict[str, object], engine: str, message: str
) -> None:
    project.engine = engine
    declare(project, "", meta={"sealed": meta})
    failed = project.run("say")
    assert message in failed.stderr
    assert failed.returncode == 2


@pytest.fixture
def based(project: Project) -> Iterator[Project]:
    """Declare a folder with a Dockerfile, on an image that is there; remove what is built of it."""
    base = require_image()
    project.engine = "docker"
    project.write("own/Dockerfile", f"FROM {base}\nENV VERSION=1\nCOPY own.lock /own.lock\n")
    project.write("own/own.lock", "1")
    built = [image.own("own", ("own",), project.root)[0]]
    subprocess.run(["docker", "rmi", *built], check=False, capture_output=True)  # of a killed run
    yield project
    built.append(image.own("own", ("own",), project.root)[0])
    for tag in built:
        subprocess.run(["docker", "rmi", tag], check=False, capture_output=True)


@pytest.mark.slow
def test_an_image_is_built_of_a_folder_once_for_each_content(based: Project) -> None:
    code = "open('out.txt', 'w').write(open('/own.lock').read())"
    based.stage("say", code, deps=["own"], meta={"sealed": {"image": "own"}})
    first = based.run("say")
    assert first.returncode == 0, first.stderr
    assert "building the image of" in first.stderr
    assert based.read("out.txt") == "1"
    assert "building" not in based.run("say").stderr
    based.write("own/own.lock", "2")
    based.run("say")
    assert based.read("out.txt") == "2"
    refused = based.stage("say", code, meta={"sealed": {"image": "own"}}).run("say")
    assert "own: the stage runs in what it describes; add it to its deps" in refused.stderr


@pytest.mark.slow
@pytest.mark.parametrize("asked", ["docker", ""])
def test_an_image_is_taken_by_its_name_and_never_pulled(project: Project, asked: str) -> None:
    tag = require_image()
    project.engine = asked
    code = "import sys; open('out.txt', 'w').write(sys.prefix)"
    assert project.stage("say", code, meta={"sealed": {"image": tag}}).run("say").returncode == 0
    assert project.read("out.txt") == "/opt/venv"
    failed = project.stage("say", code, meta={"sealed": {"image": "localhost/none:1"}}).run("say")
    assert "docker: image localhost/none:1 is not here" in failed.stderr
    assert failed.returncode == 2


@pytest.mark.fault(115)
def test_settings_of_pip_that_lead_elsewhere_do_not_count(index: Path, tmp_path: Path) -> None:
    digest = wheel(index, "1")
    (lock := tmp_path / "own.lock").write_text(f"its-own==1 --hash=sha256:{digest}\n")
    (other := tmp_path / "other.txt").write_text("its-own<1\n")
    elsewhere = {"user": "true", "dry-run": "true", "constraint": other, "requirement": other}
    elsewhere |= dict.fromkeys(("target", "prefix", "root"), tmp_path / "elsewhere")
    conf = tmp_path / "pip.conf"
    conf.write_text("[global]\n" + "".join(f"{key} = {elsewhere[key]}\n" for key in elsewhere))
    python = python_environment.python(lock, os.environ | {"PIP_CONFIG_FILE": str(conf)})
    subprocess.run([python, "-c", "import its_own"], check=True)
    assert not (tmp_path / "elsewhere").exists()

"""Stages in a real container: sealed, gone when they should be, the same bytes as on the host."""

import io
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tarfile
from pathlib import Path
from subprocess import PIPE
from typing import Any

import pytest
import yaml

import made
from sealed.engines.container import image
from sealed.engines.container.engine import Container
from sealed.watch import audit
from sealed_project import ROOT, WAITS, Project, on, require_image, wait_until

pytestmark = pytest.mark.slow
LOOKS = """
import json, os
from pathlib import Path
def refusal(path):
    try:
        Path(path).write_text('x')
    except OSError as error:
        return error.strerror
json.dump({
    'uid': os.getuid(), 'pid': os.getpid(), 'folder': os.getcwd(),
    'root': refusal('/x'), 'package': refusal('/opt/venv/x'), 'tmp': refusal('/tmp/x'),
    'networks': sorted(os.listdir('/sys/class/net')), 'wanted': os.environ.get('WANTED'),
    'variables': sorted(os.environ),
    'privileges': Path('/proc/self/status').read_text().split('CapEff:')[1].split()[0],
}, open('out.txt', 'w'))
"""


@pytest.fixture(scope="module")
def built() -> str:
    """Return the image of this project's lock; without one there is nothing to test."""
    return require_image()


@pytest.fixture
def docker(project: Project) -> Project:
    """Give the small project the image of this one, and let its stages run in it."""
    return on("docker", project)


def seen(project: Project, **environ: str) -> dict[str, Any]:
    result = project.run("look", **environ)
    assert result.returncode == 0, result.stderr
    found: dict[str, Any] = json.loads(project.read("out.txt"))
    return found


@pytest.mark.fault(25, 26)
def test_a_container_holds_the_sandbox_and_nothing_can_be_written_beside_it(
    docker: Project,
) -> None:
    found = seen(docker.stage("look", LOOKS), WANTED="1")
    assert found["uid"] == os.getuid()
    assert found["pid"] > 1  # behind an init process, which passes signals on
    assert found["folder"] == "/sandbox"
    assert found["root"] == found["package"] == "Read-only file system"
    assert found["tmp"] is None
    assert found["networks"] == ["lo"]
    assert found["privileges"] == "0000000000000000"
    assert found["wanted"] is None
    assert not {"STAGE_ENGINE", "DVC_SITE_CACHE_DIR"} & set(found["variables"])


def test_a_stage_that_declares_the_network_and_a_variable_has_them(docker: Project) -> None:
    meta = {"sealed": {"network": True, "environment": ["WANTED"]}}
    found = seen(docker.stage("look", LOOKS, meta=meta), WANTED="1")
    assert "eth0" in found["networks"]
    assert found["wanted"] == "1"


@pytest.mark.fault(69)
def test_a_link_out_of_a_mirror_reads_as_on_the_host(docker: Project, tmp_path: Path) -> None:
    (tmp_path / "mirror").mkdir()
    (tmp_path / "disk").mkdir()
    (tmp_path / "disk/file").write_text("digits", encoding="utf-8")
    (tmp_path / "mirror/mnist").symlink_to("../disk")
    code = (
        "import os; open('out.txt', 'w').write(open(os.environ['WANTED'] + '/mnist/file').read())"
    )
    meta = {"sealed": {"network": True, "environment": ["WANTED"]}}
    docker.stage("look", code, meta=meta)
    result = docker.run("look", WANTED=str(tmp_path / "mirror"))
    assert result.returncode == 0, result.stderr
    assert docker.read("out.txt") == "digits"


@pytest.mark.fault(25)
def test_a_network_call_fails(docker: Project) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        code = f"import urllib.request\nurllib.request.urlopen('http://127.0.0.1:{port}')"
        result = docker.stage("call", code).run("call")
    assert result.returncode == 1
    assert "Connection refused" in result.stderr
    assert not (docker.root / "out.txt").exists()


@pytest.mark.fault(26)
def test_a_write_outside_the_sandbox_fails(docker: Project) -> None:
    result = docker.stage("stray", "open('/srv/x', 'w')").run("stray")
    assert result.returncode == 1
    assert "Read-only file system: '/srv/x'" in result.stderr


def test_outs_belong_to_the_caller(
    built: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("getuid", "getgid"):
        monkeypatch.setattr(os, name, lambda: 1234)
    (tmp_path / "sandbox/stages").mkdir(parents=True)
    (tmp_path / "sandbox").chmod(0o777)
    (tmp_path / "sandbox/stages/own.py").write_text("open('out.txt', 'w')")
    stage, docker = made.stage("own"), Container("docker")
    docker.prepare(stage, ROOT, {"STAGE_ENGINE": "docker"})
    assert docker.image == built
    sandbox = made.sandbox(tmp_path)
    sandbox.tmp.mkdir()
    audit.put(sandbox.hook, sandbox.log)
    argv, environ = docker.command(stage, sandbox, os.environ)
    subprocess.run(argv, env=environ, check=True)
    status = (tmp_path / "sandbox/out.txt").stat()
    assert (status.st_uid, status.st_gid) == (1234, 1234)


@pytest.mark.fault(21, 22)
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_the_container_does_not_outlive_dvc(docker: Project, number: signal.Signals) -> None:
    running = docker.stage("wait", WAITS).start_dvc("repro")
    running.stage_pid()
    [sandbox] = docker.sandboxes()
    container = (sandbox / "cid").read_text()
    assert running.interrupt() if number == signal.SIGINT else running.send(number)
    command = ["docker", "inspect", container]
    wait_until(lambda: subprocess.run(command, check=False, capture_output=True).returncode != 0)
    wait_until(lambda: not docker.sandboxes())
    assert "nothing is published" in running.said()
    assert docker.stage("wait").dvc("repro", "-q").returncode == 0
    assert docker.read("out.txt") == "hello!"


@pytest.mark.fault(22)
def test_the_container_of_a_launcher_that_was_killed_is_gone_with_the_next_run(
    docker: Project,
) -> None:
    running = docker.stage("wait", WAITS).start("stages/run", "wait")
    running.stage_pid()
    [sandbox] = docker.sandboxes()
    container = (sandbox / "cid").read_text()
    running.send(signal.SIGKILL)
    assert docker.stage("wait").run("wait").returncode == 0
    found = subprocess.run(["docker", "inspect", container], check=False, capture_output=True)
    assert found.returncode != 0


@pytest.mark.fault(24)
@pytest.mark.parametrize(
    ("environ", "status", "message"),
    [
        ({"STAGE_MEMORY": "lots"}, 125, "docker could not run the container; its own message is"),
        (
            {"STAGE_MEMORY": "64m"},
            137,
            "stages/eat.py was killed (SIGKILL), most often for want of memory; "
            "the limit is STAGE_MEMORY=64m",
        ),
        (
            {"DOCKER_HOST": "unix:///nowhere.sock"},
            2,
            "docker: does not answer: Cannot connect to the Docker daemon at unix:///nowhere.sock",
        ),
        (
            {"PATH": "/usr/sbin:/sbin"},
            2,
            "docker: not on PATH; install it, or set STAGE_ENGINE=host",
        ),
    ],
)
def test_each_failure_of_the_engine_has_its_message(
    docker: Project, environ: dict[str, str], status: int, message: str
) -> None:
    code = "x = bytearray(400 << 20)\nfor i in range(0, len(x), 4096): x[i] = 1"
    docker.stage("eat", code)
    launcher = [sys.executable, "-m", "sealed.launch", "eat"]
    env = docker.environment(PYTHONPATH="src", **environ)
    result = subprocess.run(
        launcher, cwd=docker.root, env=env, check=False, capture_output=True, text=True
    )
    assert message in result.stderr
    assert result.returncode == status


@pytest.mark.fault(24)
@pytest.mark.parametrize(
    ("mode", "status", "message"),
    [
        (None, 127, "there is no `python` in localhost/stages:"),
        (0o644, 126, "`python` in localhost/stages:"),
    ],
)
def test_an_image_without_a_python_that_runs_is_named(
    docker: Project, mode: int | None, status: int, message: str
) -> None:
    docker.write("Dockerfile", f"# an image of its own: {mode}")
    tag = image.tag("requirements.lock", docker.root)
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as content:
        file = tarfile.TarInfo("usr/bin/python" if mode else "x")
        file.mode = mode or 0
        content.addfile(file)
    change = ["--change", "ENV PATH=/usr/bin"]
    importing = ["docker", "import", *change, "-", tag]
    subprocess.run(importing, input=archive.getvalue(), check=True, capture_output=True)
    try:
        result = docker.stage("copy").run("copy")
    finally:
        subprocess.run(["docker", "rmi", tag], check=True, capture_output=True)
    assert message in result.stderr
    assert result.returncode == status


@pytest.mark.fault(24)
def test_an_image_that_is_not_built_is_named(docker: Project) -> None:
    docker.write("requirements.lock", "# another\n")
    result = docker.stage("copy").run("copy")
    assert "is not built; run `docker build --tag localhost/stages:" in result.stderr
    assert result.returncode == 2


@pytest.fixture(scope="module")
def clones(built: str, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:  # noqa: ARG001
    """Run this project's whole pipeline, shortened, on each engine, in a copy without a cache."""
    roots = {name: tmp_path_factory.mktemp("clone") / f"on {name}" for name in ("host", "docker")}
    for name, root in roots.items():
        listed = subprocess.run(
            ["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True
        )
        for path in filter(None, listed.stdout.decode().split("\0")):
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / path, root / path)
        (root / ".venv").symlink_to(Path(sys.executable).parent.parent)
        params = yaml.safe_load((root / "params.yaml").read_text(encoding="utf-8"))
        params["train"]["steps"] = 200
        (root / "params.yaml").write_text(yaml.safe_dump(params), encoding="utf-8")
        repro(root, name)
    return roots


def repro(root: Path, name: str) -> None:
    command = [sys.executable, "-m", "dvc"]
    env = os.environ | {"STAGE_ENGINE": name, "DVC_SITE_CACHE_DIR": str(root / ".dvc/site")}
    if not (root / ".git").exists():
        subprocess.run(["git", "init", "-q"], cwd=root, check=True)
    subprocess.run([*command, "repro", "-q"], cwd=root, env=env, check=True, capture_output=True)


def test_every_output_has_the_same_digest_in_the_container_and_on_the_host(
    clones: dict[str, Path],
) -> None:
    host, docker = (
        yaml.safe_load((root / "dvc.lock").read_text(encoding="utf-8"))["stages"]
        for root in clones.values()
    )
    assert sorted(host) == ["evaluate", "fetch", "preprocess", "train"]
    for name in host:
        assert docker[name]["outs"] == host[name]["outs"]
        assert docker[name] == host[name]


def test_every_training_feature_has_the_same_bytes_in_the_container_and_on_the_host(
    clones: dict[str, Path],
) -> None:
    params = yaml.safe_load((ROOT / "recipes/small.yaml").read_text(encoding="utf-8"))
    features = {"label_smoothing": 0.1, "weight_decay": 0.01, "average": 0.9, "steps": 200}
    assert params["train"]["precision"] == "bfloat16"
    assert params["train"]["schedule"] == "one-cycle"
    assert params["model"]["batch_norm"]
    assert all(params["augment"][name] for name in ("rotation", "shear", "zoom", "shift"))
    params["train"] |= features
    params["model"]["dropout"] = 0.3
    trained = []
    for name, root in clones.items():
        (root / "params.yaml").write_text(yaml.safe_dump(params), encoding="utf-8")
        repro(root, name)
        lock = yaml.safe_load((root / "dvc.lock").read_text(encoding="utf-8"))
        trained.append(lock["stages"]["train"])
    assert trained[0]["params"]["params.yaml"]["train"]["average"] == 0.9
    assert trained[0] == trained[1]


@pytest.mark.fault(20)
@pytest.mark.parametrize("name", ["host", "docker"])
@pytest.mark.parametrize(
    ("line", "message"),
    [
        (
            "import mnist.arrays.split",
            "src/mnist/arrays/split.py is not declared; add it to the deps of train",
        ),
        (
            "from mnist import schema; from mnist.params import file; "
            "file.read('evaluate', schema.Schema)",
            "params.yaml: evaluate is not declared; add it to the params of train in dvc.yaml",
        ),
    ],
)
def test_what_train_does_not_declare_is_named(
    clones: dict[str, Path], name: str, line: str, message: str
) -> None:
    script = clones[name] / "stages/train.py"
    before = script.read_text(encoding="utf-8")
    script.write_text(before.replace("\nTRAIN =", f"\n{line}\n\nTRAIN ="), encoding="utf-8")
    try:
        with pytest.raises(subprocess.CalledProcessError) as failed:
            repro(clones[name], name)
    finally:
        script.write_text(before, encoding="utf-8")
    assert message in failed.value.stderr.decode()


def test_a_container_with_a_limit_of_cores_trains_the_bytes_of_the_host(built: str) -> None:
    command = ["tests/mnist/short_training.py", "features"]
    path = "PYTHONPATH=src:tests"
    mount = f"--mount=type=bind,source={ROOT},target=/project,readonly"
    docker = ["docker", "run", "--rm", "--network=none", f"--env={path}", "--workdir=/project"]
    runs = [["env", path, sys.executable, *command]] + [
        [*docker, mount, limit, built, "python", *command]
        for limit in ("--cpuset-cpus=0", "--cpus=0.7")
    ]
    found = [
        json.loads(subprocess.run(run, cwd=ROOT, check=True, stdout=PIPE).stdout.splitlines()[-1])
        for run in runs
    ]
    assert found[1:] == found[:1] * 2

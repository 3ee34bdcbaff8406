"""The engine is chosen and said; its command line seals the stage; each failure has its message."""

import csv
import os
import re
import sys
from pathlib import Path

import pytest

import made
from sealed.engines import answer, client, command, engine, gpu, image
from sealed.engines.client import Client
from sealed.engines.engine import Engine
from sealed.errors import StageError
from sealed.stage import Stage
from sealed_project import DECLARED

ROOT = Path(__file__).parents[2]
STAGE = made.stage("train")
FETCH = made.stage("fetch", network=True, environment=("MIRROR", "BUNDLE"))
SAYS = {
    "image built": "exit 0",
    "no image": "echo 'Error: No such image: x' >&2; exit 1",
    "daemon down": "echo 'Cannot connect to the Docker daemon at x. Is it running?' >&2; exit 1",
}


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make PATH a folder that only holds engines that the test puts there."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    return folder


def put(folder: Path, name: str, answer: str) -> None:
    """Put a program on PATH that records its arguments and answers."""
    script = f"#!/bin/sh\nprintf '%s\\n' \"$@\" >>{folder}/{name}.log\n{answer}\n"
    (folder / name).write_text(script, encoding="utf-8")
    (folder / name).chmod(0o755)


def choose(stage: Stage = STAGE, **environ: str) -> Engine:
    return engine.choose(stage, ROOT, environ)


@pytest.mark.parametrize("name", ["docker", "podman"])
def test_unset_a_container_is_taken_when_its_image_is_built(path: Path, name: str) -> None:
    put(path, name, SAYS["image built"])
    tag = image.tag("requirements.lock", ROOT)
    assert str(choose()) == f"in {name}, image {tag} (STAGE_ENGINE unset, image built)"
    asked = (path / f"{name}.log").read_text(encoding="utf-8").split()
    assert asked[:6] == ["image", "inspect", "--format", "{{json", ".Config.Env}}", tag]


def test_unset_and_without_an_image_the_host_is_taken_and_it_is_said_why(path: Path) -> None:
    put(path, "docker", SAYS["no image"])
    said = str(choose())
    assert re.fullmatch(
        r"on the host.* \(STAGE_ENGINE unset; docker: image localhost/stages:[0-9a-f]+ "
        r"is not built; podman: not on PATH; bwrap: not on PATH\)",
        said,
    )


def test_unset_and_without_an_image_bwrap_is_taken_where_it_works(path: Path) -> None:
    put(path, "bwrap", "exit 0")
    put(path, "docker", SAYS["no image"])
    said = r"in bwrap.* \(STAGE_ENGINE unset; docker: image .* is not built; podman: not on PATH\)"
    assert re.fullmatch(said, str(choose()))
    assert choose(STAGE_ENGINE="bwrap").name == "bwrap"
    put(path, "docker", SAYS["image built"])
    assert choose().name == "docker"


FORBIDDEN = """echo "bwrap: No permissions to create new namespace, likely because the kernel" >&2
exit 1"""


@pytest.mark.fault(24, 89)
def test_where_namespaces_are_forbidden_the_host_is_taken_or_bwrap_refused(path: Path) -> None:
    put(path, "bwrap", FORBIDDEN)
    message = "bwrap: may not make namespaces here (No permissions to create new namespace)"
    assert choose().name == "host"
    assert str(choose()).endswith(f"; {message})")
    with pytest.raises(StageError, match=re.escape(message) + "; allow .* or set STAGE_ENGINE=h"):
        choose(STAGE_ENGINE="bwrap")
    (path / "bwrap").unlink()
    with pytest.raises(StageError, match="bwrap: not on PATH; install bubblewrap, or set STAGE_"):
        choose(STAGE_ENGINE="bwrap")


@pytest.mark.fault(24)
@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (None, "docker: not on PATH; install it, or set STAGE_ENGINE=host"),
        ("daemon down", "docker: does not answer: Cannot connect to the Docker daemon at x. .*; "),
        ("no image", "docker: image localhost/stages:.* is not built; run `make image ENGINE=doc"),
    ],
)
def test_an_engine_that_was_asked_for_and_cannot_run_is_an_error(
    path: Path, answer: str | None, message: str
) -> None:
    if answer:
        put(path, "docker", SAYS[answer])
    with pytest.raises(StageError, match=message):
        choose(STAGE_ENGINE="docker")


def test_an_unknown_engine_is_refused() -> None:
    with pytest.raises(
        StageError, match="STAGE_ENGINE: expected docker, podman, bwrap, host or slurm, fo"
    ):
        choose(STAGE_ENGINE="kubernetes")


def test_an_engine_that_hangs_is_given_up(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answer, "SECONDS", 0.2)
    put(path, "docker", "exec /bin/sleep 5")
    with pytest.raises(StageError, match=r"docker: no answer in 0\.2 s; restart it"):
        choose(STAGE_ENGINE="docker")


@pytest.mark.fault(24)
@pytest.mark.parametrize(
    ("status", "message"),
    [
        (125, "docker could not run the container; its own message is above"),
        (126, "`python` in stages:x cannot be executed; build the image anew"),
        (127, "there is no `python` in stages:x; build the image anew"),
        (137, "stages/train.py was killed .* for want of memory; the limit is STAGE_MEMORY=1g"),
        (1, "stages/train.py failed with exit status 1"),
        (-15, "stages/train.py was ended by signal 15"),
    ],
)
def test_each_exit_status_has_its_message(status: int, message: str) -> None:
    found = engine.explain(status, Engine("docker", "stages:x", ""), STAGE, {"STAGE_MEMORY": "1g"})
    assert re.fullmatch(message, found)


@pytest.mark.parametrize(
    ("status", "words", "message"),
    [
        (1, "bwrap: Can't mkdir /x: y", "bwrap could not start the stage; its own message is abo"),
        (1, "ValueError: bwrap: no", "stages/train.py failed with exit status 1"),
        (139, "", "stages/train.py was ended by signal 11"),
        (255, "", "stages/train.py failed with exit status 255"),
        (137, "", "stages/train.py was killed (SIGKILL), most often for want of memory; see `dme"),
    ],
)
def test_each_exit_status_of_bwrap_has_its_message(status: int, words: str, message: str) -> None:
    chosen = Engine("bwrap", "", "")
    assert message in engine.explain(status, chosen, STAGE, {"STAGE_MEMORY": "1g"}, words)


def build(name: str, stage: Stage, tmp_path: Path, **environ: str) -> list[str]:
    room = made.room(tmp_path / 'a "room", with\tall')
    here = Client(name, "stages:x", name == "podman", rootless=False, remapped=False, machine="")
    engine = Engine(name, "stages:x", "", client.flags(here))
    argv, _ = command.build(engine, stage, room, environ)
    return argv


@pytest.mark.parametrize("name", ["docker", "podman"])
def test_a_container_is_sealed(name: str, tmp_path: Path) -> None:
    argv = build(name, STAGE, tmp_path, HIDDEN="x", STAGE_MEMORY="2g")
    assert argv[:2] == [name, "run"]
    assert argv[-3:] == ["stages:x", "python", "stages/train.py"]
    assert {
        "--rm",
        f"--user={os.getuid()}:{os.getgid()}",
        "--read-only",
        "--tmpfs=/tmp",
        "--cap-drop=ALL",
        "--security-opt=no-new-privileges",
        "--network=none",
        "--memory=2g",
        "--pull=never",
    } <= set(argv)
    assert any(flag.startswith("--cidfile=") for flag in argv)
    assert any(flag.startswith("--pids-limit=") for flag in argv)
    assert not [part for part in argv if "HIDDEN" in part or part == "-t"]
    mounts = [argv[i + 1] for i, flag in enumerate(argv) if flag == "--mount"]
    room = made.room(tmp_path / 'a "room", with\tall')
    expected = [
        ["type=bind", f"source={room.path}", "target=/room"],
        ["type=bind", f"source={room.log}", "target=/sealed/asked"],
        ["type=bind", f"source={room.hook}", "target=/sealed/hook", "readonly"],
    ]
    assert list(csv.reader(mounts)) == expected


@pytest.mark.parametrize("name", ["docker", "podman"])
def test_the_memory_that_a_stage_declares_is_bounded_unless_the_user_says_another(
    name: str, tmp_path: Path
) -> None:
    hungry = made.stage("train", memory="3g")
    assert "--memory=3g" in build(name, hungry, tmp_path)
    assert "--memory=2g" in build(name, hungry, tmp_path, STAGE_MEMORY="2g")
    said = engine.explain(137, Engine(name, "stages:x", ""), hungry, {})
    assert said.endswith("the limit is `memory: 3g` of its meta")


def test_the_network_and_what_a_stage_may_see_of_the_environment_are_declared(
    tmp_path: Path,
) -> None:
    (tmp_path / "mirror").mkdir()
    folder = str(tmp_path / "mirror")
    argv = build("docker", FETCH, tmp_path, MIRROR=folder, BUNDLE=folder, OTHER="x")
    assert "--network=none" not in argv
    assert f"MIRROR={folder}" in argv
    assert "OTHER=x" not in argv
    # once, though two variables name it
    assert argv.count(f"type=bind,source={folder},target={folder},readonly") == 1


@pytest.fixture
def declared(tmp_path: Path) -> Path:
    for name in ("Dockerfile", "requirements.lock"):
        (tmp_path / name).write_text("FROM a", encoding="utf-8")
    (tmp_path / "sealed.toml").write_text(DECLARED, encoding="utf-8")
    return tmp_path


def test_the_image_is_named_after_what_it_is_built_from(declared: Path) -> None:
    [before] = image.tags(declared)
    assert before == image.tag("requirements.lock", declared)
    (declared / "requirements.lock").write_text("x==2", encoding="utf-8")
    assert image.tags(declared) != [before]


def test_a_dockerfile_that_nobody_declares_is_left_alone(path: Path, declared: Path) -> None:
    """It may be that of an app, and the lock beside it any."""
    put(path, "docker", SAYS["image built"])
    (declared / "sealed.toml").unlink()
    assert image.tags(declared) == []
    with pytest.raises(StageError, match=r"docker: sealed\.toml declares no image, nor does the"):
        engine.choose(STAGE, declared, {"STAGE_ENGINE": "docker"})
    assert engine.choose(STAGE, declared, {}).name == "host"
    assert not (path / "docker.log").exists()


@pytest.mark.fault(85)
@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("[image", "expected TOML, found "),
        ("[image]\ndockerfile = 'Dockerfile'", "expected `[image]` with `dockerfile`, `lock` and"),
        (DECLARED + "x = 1", "and maybe `gpu_lock`, found dockerfile, lock, x; correct it"),
        (DECLARED + "[other]", "expected `[image]` with"),
        ("image = 1", "found 1; correct it"),
        (DECLARED.replace("requirements", "no"), "expected a file of the project, found 'no.lock'"),
    ],
)
def test_a_spoilt_declaration_of_the_image_is_told(declared: Path, text: str, found: str) -> None:
    (declared / "sealed.toml").write_text(text, encoding="utf-8")
    with pytest.raises(StageError) as refused:
        image.tags(declared)
    assert str(refused.value).startswith("sealed.toml: ")
    assert found in str(refused.value)


def test_the_lock_of_the_gpu_comes_first_where_there_is_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    found = image.declared(ROOT)
    assert found
    monkeypatch.setattr(gpu, "present", lambda: True)
    assert found.locks == ["requirements-gpu.lock", "requirements.lock"]
    monkeypatch.setattr(gpu, "present", lambda: False)
    assert found.locks == ["requirements.lock", "requirements-gpu.lock"]


@pytest.mark.fault(127)
def test_the_image_of_the_project_around_is_named_and_unknown_words_are_refused(
    declared: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (declared / ".dvc").mkdir()
    (declared / "sub").mkdir()
    monkeypatch.chdir(declared / "sub")
    monkeypatch.setattr(sys, "argv", ["image", "tag"])
    assert image.main() == 0
    assert capsys.readouterr().out.strip() == image.tags(declared)[0]
    monkeypatch.setattr(sys, "argv", ["image", "tga"])
    with pytest.raises(SystemExit):
        image.main()
    assert "invalid choice: 'tga'" in capsys.readouterr().err

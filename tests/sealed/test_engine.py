"""Which engine is chosen, and why; the command line that seals a stage; a message per failure."""

import csv
import re
import sys
from pathlib import Path

import pytest

import made
from engines import Engines
from sealed.engines import choose, query
from sealed.engines.base import Engine
from sealed.engines.container import image
from sealed.errors import StageError
from sealed.stage import Stage
from sealed_project import DECLARED

ROOT = Path(__file__).parents[2]
STAGE = made.stage("train")
FETCH = made.stage("fetch", network=True, environment=("MIRROR", "BUNDLE"))
NO_IMAGE = "echo 'Error: No such image: x' >&2; exit 1"
NO_DAEMON = "echo 'Cannot connect to the Docker daemon at x. Is it running?' >&2; exit 1"
FORBIDDEN = """echo "bwrap: No permissions to create new namespace, likely because the kernel" >&2
exit 1"""


@pytest.fixture
def engines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Engines:
    """Make PATH a folder that only holds engines that the test puts there."""
    (tmp_path / "bin").mkdir()
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    return Engines(tmp_path / "bin")


def chosen(stage: Stage = STAGE, **environ: str) -> Engine:
    return choose.choose(stage, ROOT, environ)


def test_unset_a_container_is_taken_when_its_image_is_built(engines: Engines) -> None:
    engines.put("podman")
    tag = image.tag("requirements.lock", ROOT)
    assert str(chosen()) == f"in podman, image {tag} (STAGE_ENGINE unset, image built)"
    [inspected] = engines.calls("podman", "image")
    assert inspected == f"image inspect --format {{{{json .Config.Env}}}} {tag}"


def test_unset_the_first_engine_that_works_is_taken_and_the_reasons_are_printed(
    engines: Engines,
) -> None:
    engines.put("docker", image=NO_IMAGE)
    reasons = (
        r"STAGE_ENGINE unset; docker: image localhost/stages:[0-9a-f]+ is not built; "
        "podman: not on PATH"
    )
    assert re.fullmatch(rf"on the host.* \({reasons}; bwrap: not on PATH\)", str(chosen()))
    engines.program("bwrap", "exit 0")
    assert re.fullmatch(rf"in bwrap.* \({reasons}\)", str(chosen()))
    assert chosen(STAGE_ENGINE="bwrap").name == "bwrap"
    engines.put("docker")
    assert chosen().name == "docker"


@pytest.mark.fault(24, 89)
def test_where_namespaces_are_forbidden_the_host_is_taken_or_bwrap_refused(
    engines: Engines,
) -> None:
    engines.program("bwrap", FORBIDDEN)
    message = "bwrap: may not make namespaces here (No permissions to create new namespace)"
    assert chosen().name == "host"
    assert str(chosen()).endswith(f"; {message})")
    with pytest.raises(StageError, match=re.escape(message) + "; allow .* or set STAGE_ENGINE=h"):
        chosen(STAGE_ENGINE="bwrap")
    (engines.folder / "bwrap").unlink()
    with pytest.raises(StageError, match="bwrap: not on PATH; install bubblewrap, or set STAGE_"):
        chosen(STAGE_ENGINE="bwrap")


@pytest.mark.fault(24)
@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (None, "docker: not on PATH; install it, or set STAGE_ENGINE=host"),
        (NO_DAEMON, "docker: does not answer: Cannot connect to the Docker daemon at x. .*; "),
        (NO_IMAGE, "docker: image localhost/stages:.* is not built; run `make image ENGINE=doc"),
        ("exec /bin/sleep 5", r"docker: no answer in 0\.2 s; restart it"),
    ],
)
def test_an_engine_that_was_asked_for_and_cannot_run_is_an_error(
    engines: Engines, answer: str | None, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(query, "SECONDS", 0.2)
    if answer:
        engines.put("docker", image=answer)
    with pytest.raises(StageError, match=message):
        chosen(STAGE_ENGINE="docker")


@pytest.mark.fault(24)
@pytest.mark.parametrize(
    ("name", "status", "last_output", "message"),
    [
        ("docker", 125, "", "docker could not run the container; its own message is above"),
        ("docker", 126, "", "`python` in stages:x cannot be executed; build the image anew"),
        ("docker", 127, "", "there is no `python` in stages:x; build the image anew"),
        ("docker", 137, "", "stages/train.py was killed .* of memory; the limit is STAGE_MEMORY=1"),
        ("docker", 1, "", "stages/train.py failed with exit status 1"),
        ("docker", -15, "", "stages/train.py was ended by signal 15"),
        ("bwrap", 1, "bwrap: Can't mkdir /x", "bwrap could not start the stage; its own message"),
        ("bwrap", 1, "ValueError: bwrap: no", "stages/train.py failed with exit status 1"),
        ("bwrap", 139, "", "stages/train.py was ended by signal 11"),
        ("bwrap", 255, "", "stages/train.py failed with exit status 255"),
        ("bwrap", 137, "", r"stages/train.py was killed \(SIGKILL\), .* of memory; see `dmesg`"),
    ],
)
def test_each_exit_status_has_its_message(
    name: str, status: int, last_output: str, message: str
) -> None:
    explained = engine(name).explain(status, STAGE, {"STAGE_MEMORY": "1g"}, last_output)
    assert re.match(message, explained)


def engine(name: str) -> Engine:
    """Make an engine that has found its image."""
    found = made.engine(name)
    setattr(found, "image", "stages:x")  # noqa: B010  # of a container
    return found


def test_a_container_is_sealed(tmp_path: Path) -> None:
    """What the options amount to is tested in a real container, in test_container.py."""
    sandbox = made.sandbox(tmp_path / 'a "sandbox", with\tall')
    argv, _ = engine("docker").command(STAGE, sandbox, {"HIDDEN": "x", "STAGE_MEMORY": "2g"})
    assert argv[:2] == ["docker", "run"]
    assert argv[-3:] == ["stages:x", "python", "stages/train.py"]
    assert {"--read-only", "--cap-drop=ALL", "--network=none", "--memory=2g"} <= set(argv)
    assert not [word for word in argv if "HIDDEN" in word or word == "-t"]
    mounts = [argv[i + 1] for i, flag in enumerate(argv) if flag == "--mount"]
    expected = [
        ["type=bind", f"source={sandbox.path}", "target=/sandbox"],
        ["type=bind", f"source={sandbox.log}", "target=/sealed/asked"],
        ["type=bind", f"source={sandbox.hook}", "target=/sealed/hook", "readonly"],
    ]
    assert list(csv.reader(mounts)) == expected


def test_the_memory_that_a_stage_declares_is_bounded_unless_the_user_says_another(
    tmp_path: Path,
) -> None:
    hungry = made.stage("train", memory="3g")
    docker, sandbox = engine("docker"), made.sandbox(tmp_path)
    assert "--memory=3g" in docker.command(hungry, sandbox, {}).argv
    assert "--memory=2g" in docker.command(hungry, sandbox, {"STAGE_MEMORY": "2g"}).argv
    assert docker.explain(137, hungry, {}).endswith("the limit is `memory: 3g` of its meta")


def test_the_network_and_what_a_stage_may_see_of_the_environment_are_declared(
    tmp_path: Path,
) -> None:
    (tmp_path / "mirror").mkdir()
    folder = str(tmp_path / "mirror")
    environ = {"MIRROR": folder, "BUNDLE": folder, "OTHER": "x"}
    argv, _ = engine("docker").command(FETCH, made.sandbox(tmp_path), environ)
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


def test_a_dockerfile_that_nobody_declares_is_left_alone(engines: Engines, declared: Path) -> None:
    """It may be that of an app, and the lock beside it any."""
    engines.put("docker")
    (declared / "sealed.toml").unlink()
    assert image.tags(declared) == []
    with pytest.raises(StageError, match=r"docker: sealed\.toml declares no image, nor does the"):
        choose.choose(STAGE, declared, {"STAGE_ENGINE": "docker"})
    assert choose.choose(STAGE, declared, {}).name == "host"
    assert not (engines.folder / "docker.log").exists()


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

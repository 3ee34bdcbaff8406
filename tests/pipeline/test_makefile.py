"""What a person types reaches the commands as it was typed, and no shell reads it."""

import re
import shutil
import stat
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PLACE = 'it\'s "odd" $(touch pwned) ; touch pwned; é %s #1'
TYPED = "-a\"b'c $(touch pwned) `touch pwned` ;touch pwned; $HOME $(HOME) #\\"
# records its arguments, and answers what it is asked
STAND_IN = r"""#!/bin/bash
{ printf '%s\0' "${0##*/}" "$@"; printf '\n\0'; } >>"$RECORD"
case "$*" in
"image inspect"*) exit 1 ;;
-c*) echo 3.11 ;;
*"sealed.engines.container.image tag"*) echo "the tag" ;;
*"sealed.engines.container.image lock"*) echo "a lock" ;;
*"$REFUSED"*) [ -z "$REFUSED" ] || exit 2 ;;
esac
"""
PYTHON = ["python", "-P", "-m"]
OURS = ["--images", "data/prepared/test.npz", "--spread-with", "make spread"]
SPREAD = ["--param", "train.seed", "--metric", "accuracy"]


@pytest.fixture
def place(tmp_path: Path) -> Path:
    place = tmp_path / PLACE
    (place / "stages").mkdir(parents=True)
    (place / ".venv/bin").mkdir(parents=True)
    shutil.copy(ROOT / "Makefile", place)
    shutil.copy(ROOT / "stages/setup", place / "stages")
    for path in (place / ".venv/bin/python", tmp_path / "bin/docker", place / "stages/recipe"):
        path.parent.mkdir(exist_ok=True)
        path.write_text(STAND_IN)
        path.chmod(0o755)
    for name in ("", "-dev", "-export", "-serve"):
        lock = f"requirements{name}.lock"
        (place / lock).write_text("")
        (place / ".venv" / lock).write_text("")
    return place


def make(place: Path, *words: str, **variables: str) -> list[list[str]]:
    """Run make on typed words; return the arguments of all that it started, the set-up left out."""
    here = place.parent
    environment = {"PATH": f"{here}/bin:/usr/bin:/bin", "RECORD": str(here / "record")}
    command = ["make", "--no-print-directory", "-C", str(place), *words]
    subprocess.run(
        command, env=environment | variables, cwd=here, check=True, capture_output=True, text=True
    )
    started = (here / "record").read_text().split("\0\n\0")[:-1]
    assert not list(here.rglob("pwned")), "a shell ran what was typed"
    assert sorted(path.name for path in here.iterdir()) == ["bin", PLACE, "record"]
    return [line.split("\0") for line in started if "\0-c\0" not in line]


@pytest.mark.fault(56)
@pytest.mark.parametrize("typed", [TYPED, "feature/$(touch${IFS}pwned)"])
@pytest.mark.parametrize(
    ("target", "name", "expected"),
    [
        (
            "review",
            "BASE",
            [*PYTHON, "review", "diff", "--base={}", *OURS, "--picture", "review.png"],
        ),
        (
            "report",
            "BASE",
            [*PYTHON, "review", "report", "--base={}", *OURS, "--output", "report.html"],
        ),
        ("predict", "IMAGE", [*PYTHON, "mnist.predict", "--", "{}"]),
        ("spread", "SEEDS", [*PYTHON, "review", "spread", *SPREAD, "--seeds={}", "--jobs=1"]),
        ("spread", "JOBS", [*PYTHON, "review", "spread", *SPREAD, "--seeds=5", "--jobs={}"]),
        ("repro", "RECIPE", ["recipe", "{}"]),
        ("export", "FORMAT", [*PYTHON, "mnist.export", "--", "{}"]),
        ("serve", "HOST", [*PYTHON, "mnist.serving", "--host={}", "--port=8000"]),
        ("serve", "PORT", [*PYTHON, "mnist.serving", "--host=127.0.0.1", "--port={}"]),
        ("image", "BASE", ["docker", "build", "--tag", "the tag"]),
        ("image", "LOCK", [*PYTHON, "sealed.engines.container.image", "tag", "{}"]),
    ],
)
def test_what_is_typed_is_one_argument(
    place: Path, target: str, name: str, expected: list[str], typed: str
) -> None:
    started = make(place, target, f"{name}={typed}")
    whole = [word.replace("{}", typed) for word in expected]
    assert [words for words in started if words[: len(whole)] == whole], started
    if target == "image":
        assert [words for words in started if f"{name}={typed}" in words], started
    (place.parent / "record").unlink()
    untyped = make(place, target)
    (place.parent / "record").unlink()
    assert make(place, target, **{name: typed}) == untyped, "the environment is not asked"


@pytest.mark.fault(56)
@pytest.mark.parametrize(
    ("target", "name", "expected"),
    [
        ("repro", "DVC_FLAGS", [*PYTHON, "dvc", "repro"]),
        (
            "image",
            "BUILD_FLAGS",
            ["docker", "build", "--tag", "the tag", "--build-arg", "LOCK=a lock"],
        ),
        (
            "review",
            "REVIEW_FLAGS",
            [*PYTHON, "review", "diff", "--base=main", *OURS, "--picture", "review.png"],
        ),
        (
            "report",
            "REVIEW_FLAGS",
            [*PYTHON, "review", "report", "--base=main", *OURS, "--output", "report.html"],
        ),
    ],
)
def test_flags_are_words_quoted_ones_whole_and_no_more(
    place: Path, target: str, name: str, expected: list[str]
) -> None:
    flags = "--one 'two words' \"$(touch pwned)\" ;touch pwned * $HOME"
    words = ["--one", "two words", "$(touch pwned)", ";touch", "pwned", "*", "$HOME"]
    last = ["."] if target == "image" else []
    assert expected + words + last in make(place, target, f"{name}={flags}")
    assert expected + last in make(place, target)
    with pytest.raises(subprocess.CalledProcessError):
        make(place, target, f"{name}=it's")


@pytest.mark.fault(56)
def test_an_engine_is_no_command_and_an_image_that_is_missing_is_built_as_typed(
    place: Path,
) -> None:
    started = make(place, "repro", "ENGINE=docker; touch pwned")
    assert {words[0] for words in started} == {"python"}
    started = make(place, "repro", "ENGINE=docker", f"BASE={TYPED}")
    assert ["docker", "image", "inspect", "the tag"] in started
    assert [words for words in started if f"BASE={TYPED}" in words and words[1] == "build"]


@pytest.mark.fault(56)
@pytest.mark.parametrize("target", ["repro", "verify", "spread"])
def test_the_site_cache_is_in_the_project_and_private(place: Path, target: str) -> None:
    make(place, target)
    site = place / ".dvc/tmp/site-cache"
    assert stat.S_IMODE(site.stat().st_mode) == 0o700


@pytest.mark.fault(46)
def test_without_git_dvc_is_told_so(place: Path) -> None:
    (place / ".venv/bin/python").write_text(
        STAND_IN + 'echo "$DVC_SYSTEM_CONFIG_DIR" >>"$RECORD"\n'
    )
    without = f"{place}/.dvc/without-git"
    assert without in make(place, "repro")[0][0]
    (place.parent / "record").unlink()
    subprocess.run(["git", "init", "-q", place], check=True)
    assert without not in make(place, "repro")[0][0]


@pytest.mark.fault(68)
def test_the_lock_of_the_gpu_is_installed_where_it_is_asked_for(place: Path) -> None:
    """As the README says, and as `train.device: gpu` advises where TensorFlow finds none."""
    shutil.copy(place / ".venv/bin/python", place.parent / "bin/uv")
    (place / "requirements-gpu.lock").write_text("tensorflow[and-cuda]")
    install = ["uv", "pip", "install", "--quiet", "--python", ".venv/bin/python"]
    lock = ["--require-hashes", "-r", "requirements-gpu.lock"]
    assert [*install, *lock] in make(place, "setup", "GPU=$(shell touch pwned)1")
    assert (place / ".venv/requirements-gpu.lock").read_text() == "tensorflow[and-cuda]"


def short_names() -> list[str]:
    found = re.search(r"^TYPED := (.*)", (ROOT / "Makefile").read_text(), re.M)
    return found[1].split() if found else []


@pytest.mark.fault(114)
@pytest.mark.parametrize("words", [[], ["-e"]])
def test_a_short_name_in_the_environment_reaches_no_command(place: Path, words: list[str]) -> None:
    """Conda exports HOST, WSL exports NAME, and a cluster GPU=0, which installed 7 GB."""
    (place / ".venv/bin/python").write_text(STAND_IN + '{ env -0; printf "\\n\\0"; } >>"$RECORD"\n')
    shutil.copy(place / ".venv/bin/python", place.parent / "bin/uv")
    (place / "requirements-gpu.lock").write_text("tensorflow[and-cuda]")
    exported = dict.fromkeys(short_names(), "from-outside")
    for target in ("repro", "verify", "review", "spread", "serve", "predict", "dataset"):
        started = make(place, *words, target, **exported)
        assert "from-outside" not in str(started), target
    assert not (place / ".venv/requirements-gpu.lock").exists()
    assert not [line for line in started if "retrain" in line]


@pytest.mark.fault(114)
@pytest.mark.parametrize("value", ["0", "no", "false"])
def test_a_switch_that_is_typed_as_off_is_off(place: Path, value: str) -> None:
    make(place, "setup", "verify", f"GPU={value}", f"RETRAIN={value}")
    assert "retrain" not in (place.parent / "record").read_text()
    assert make(place, "image", f"SERVE={value}")[-1][-1] == "."
    assert "serve.Dockerfile" not in (place.parent / "record").read_text()


@pytest.mark.fault(114)
def test_the_engine_of_stages_may_be_exported_and_its_image_is_built(place: Path) -> None:
    started = make(place, "repro", STAGE_ENGINE="docker")
    assert ["docker", "image", "inspect", "the tag"] in started
    assert [words for words in started if words[:2] == ["docker", "build"]]
    (place.parent / "record").unlink()
    started = make(place, "repro", "ENGINE=host", STAGE_ENGINE="docker")
    assert {words[0] for words in started} == {"python"}, "what is typed comes first"


@pytest.mark.fault(114)
def test_the_flags_of_a_build_reach_the_images_of_single_stages(place: Path) -> None:
    (place / ".venv/bin/python").write_text(STAND_IN + 'echo "<$STAGE_BUILD_FLAGS>" >>"$RECORD"\n')
    make(place, "repro", "BUILD_FLAGS=--network=host")
    assert "<--network=host>" in (place.parent / "record").read_text()


@pytest.mark.fault(119)
def test_without_a_model_no_image_of_the_server_is_built(place: Path) -> None:
    with pytest.raises(subprocess.CalledProcessError) as caught:
        make(place, "image", "SERVE=1")
    line = "models/model.keras: expected a trained model, found no file; run `make repro`\n"
    assert caught.value.stderr.startswith(line)
    assert "docker" not in (place.parent / "record").read_text()
    (place / "models").mkdir()
    (place / "models/model.keras").touch()
    assert "serve.Dockerfile" in str(make(place, "image", "SERVE=1"))


def refused(place: Path, part: str, *words: str) -> list[str]:
    """Run make with a program that ends with 2; return which modules and programs it started."""
    with pytest.raises(subprocess.CalledProcessError):
        make(place, *words, REFUSED=part)
    started = (place.parent / "record").read_text().split("\0\n\0")[:-1]
    names = [line.split("\0") for line in started if "\0-c\0" not in line]
    return [words[3] if words[0] == "python" else words[0] for words in names]


@pytest.mark.fault(128)
def test_retrain_needs_no_outputs_and_a_damaged_one_still_fails(place: Path) -> None:
    started = make(place, "verify", "RETRAIN=1")
    assert [words[3:6] for words in started] == [
        ["sealed", "verify", "--allow-missing"],
        ["review", "retrain", "--portable-unless"],
    ]
    (place.parent / "record").unlink()
    assert refused(place, "sealed", "verify", "RETRAIN=1") == ["sealed", "review"]
    assert make(place, "verify")[-1] == [*PYTHON, "sealed", "verify"]


@pytest.mark.fault(129)
def test_repro_checks_what_it_is_told_before_it_changes_anything(place: Path) -> None:
    words = ["repro", "RECIPE=fast", "ENGINE=docker", "DVC_FLAGS=--force"]
    assert refused(place, "sealed.ready", *words) == ["sealed.ready"]
    (place.parent / "record").unlink()
    started = [words[3] if words[0] == "python" else words[0] for words in make(place, *words)]
    order = ["sealed.ready", "recipe", "mnist.configuration", "docker", "dvc", "mnist.gate"]
    assert [name for name in dict.fromkeys(started) if name in order] == order


@pytest.mark.parametrize(("target", "name"), [("repro", "DVC_FLAGS"), ("image", "BUILD_FLAGS")])
def test_a_quote_without_its_partner_is_named_with_the_variable(
    place: Path, target: str, name: str
) -> None:
    command = ["make", "--no-print-directory", "-C", str(place), target, f'{name}=--force "a b']
    environment = {"PATH": f"{place.parent}/bin:/usr/bin:/bin", "RECORD": "/dev/null"}
    done = subprocess.run(command, env=environment, check=False, capture_output=True, text=True)
    said, _ = done.stderr.splitlines()  # the last line is make's own
    assert said == f'{name}: expected each quote to be closed, found: --force "a b'
    assert done.returncode == 2

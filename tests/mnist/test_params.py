"""Rows 16 and 17 of the faults: every mistake in params.yaml is one line that names its key."""

import shutil
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

import samples
from mnist import document
from mnist.errors import UserError
from mnist.params import Params, pick, read
from mnist.params.evaluate import EvaluateParams
from mnist.params.model import ModelParams
from mnist.params.sections import SECTIONS, check
from mnist.params.train import TrainParams
from mnist.source import card
from mnist.task import Task

PROJECT = Path(__file__).parents[2]
GOOD: dict[str, Any] = document.load(PROJECT / "params.yaml")


def mistake(path: Path, text: str, section: str, kind: type[Params]) -> str:
    path.write_text(text, encoding="utf-8")
    with pytest.raises(UserError) as caught:
        read(section, kind, path)
    assert "\n" not in str(caught.value)
    return str(caught.value).removeprefix(f"{path}: ")


def edited(section: str, key: str, value: str) -> str:
    """Return params.yaml's section with one value as it is typed."""
    values = {name: str(item) for name, item in GOOD[section].items()} | {key: value}
    return f"{section}:\n" + "".join(f"  {name}: {item}\n" for name, item in values.items())


@pytest.mark.fault(16)
@pytest.mark.parametrize(
    ("section", "key", "value", "message"),
    [
        ("train", "learning_rate", ".nan", "expected a finite number, found nan"),
        ("train", "learning_rate", "fast", "expected a number, found the text 'fast'"),
        ("train", "steps", "-1", "expected greater than or equal to 1, found -1"),
        ("train", "steps", "10.5", "expected a whole number, found 10.5"),
        ("train", "steps", "1e3", "expected a whole number, found 1000.0"),
        ("train", "steps", "true", "expected a whole number, found true"),
        ("train", "steps", "", "expected a whole number, found nothing"),
        ("train", "steps", "x" * 99, f"expected a whole number, found the text '{'x' * 80}...'"),
        ("train", "betas", "[0.9, 0.9, 0.9]", "expected a list of 2, found [0.9, 0.9, 0.9]"),
        ("train", "validate_every", "150", "expected a multiple of 100, found 150"),
        ("train", "device", "tpu", "expected 'auto', 'cpu' or 'gpu', found the text 'tpu'"),
        ("train", "setps", "7", "unknown key; known are reproducible, device, steps, "),
        ("train", "precision", "bfloat16", "expected float32, found bfloat16, whose bits differ"),
        (
            "fetch",
            "dataset",
            "../x",
            "expected a text of the form ^[\\w-]+$, found the text '..",
        ),
        ("model", "dense", "1024", "expected a list, found 1024"),
        ("model", "dense.0", "[0]", "expected greater than or equal to 1, found 0"),
        ("model", "blocks.1", "[[32], []]", "expected the filters of one convolution or more, "),
        ("model", "1", "2", "unknown key; known are blocks, kernel_size, "),
    ],
)
def test_a_wrong_value_is_named_with_what_was_expected(
    tmp_path: Path, section: str, key: str, value: str, message: str
) -> None:
    text = edited(section, key.partition(".")[0], value)
    found = mistake(tmp_path / "p.yaml", text, section, SECTIONS[section])
    assert found.startswith(f"{section}.{key}: {message}")


@pytest.mark.fault(16)
@pytest.mark.parametrize(
    ("update", "message"),
    [
        ({"padding": "valid", "blocks": [[4, 4], [4, 4], [4, 4]], "kernel_size": 3}, "0 x 0 in b"),
        ({"padding": "valid", "kernel_size": 28, "blocks": [[4]]}, "1 x 1 in block 1"),
        ({"blocks": [[4]] * 5}, "1 x 1 in block 5"),
    ],
)
def test_a_network_that_leaves_nothing_of_the_image_is_refused(
    update: dict[str, Any], message: str
) -> None:
    params = pick({"model": GOOD["model"] | update}, "model", ModelParams)
    message = f"model: expected 2 x 2 or more pixels to pool, found {message}"
    with pytest.raises(UserError, match=message):
        params.require(Task((28, 28, 1), tuple("0123456789"), "ink"))


@pytest.mark.fault(16)
def test_a_data_set_without_a_card_is_refused_with_those_that_have_one(tmp_path: Path) -> None:
    path = tmp_path / "params.yaml"
    YAML(typ="safe").dump(GOOD | {"fetch": {"dataset": "digits"}}, path)
    message = (
        r"fetch\.dataset: expected a card in .*, kmnist, mnist, mnist-5k, qmnist, found 'digits'"
    )
    with pytest.raises(UserError, match=message):
        check(path, PROJECT / "datasets")


@pytest.mark.fault(38)
@pytest.mark.parametrize(("typed", "meant"), [("1e-4", 1e-4), ("5e-05", 5e-5), ("0.00005", 5e-5)])
def test_a_number_is_what_dvc_takes_it_for(tmp_path: Path, typed: str, meant: float) -> None:
    path = tmp_path / "p.yaml"
    path.write_text(edited("train", "learning_rate", typed), encoding="utf-8")
    assert read("train", TrainParams, path).learning_rate == meant
    path.write_text(edited("train", "steps", "017"), encoding="utf-8")
    assert read("train", TrainParams, path).steps == 17


@pytest.mark.fault(16)
def test_every_mistake_of_a_section_has_a_line(tmp_path: Path) -> None:
    path = tmp_path / "p.yaml"
    path.write_text("train: {steps: 0, batch_size: 0}", encoding="utf-8")
    with pytest.raises(UserError) as caught:
        read("train", TrainParams, path)
    lines = str(caught.value).splitlines()
    assert len(lines) == len(TrainParams.model_fields)
    assert f"{path}: train.steps: expected greater than or equal to 1, found 0" in lines
    assert f"{path}: train.seed: the key is missing; add it" in lines


@pytest.mark.fault(16)
def test_a_missing_key_and_a_missing_section_are_named(tmp_path: Path) -> None:
    path = tmp_path / "p.yaml"
    found = mistake(path, "evaluate: {}", "evaluate", EvaluateParams)
    assert found == "evaluate.confidence: the key is missing; add it"
    found = mistake(path, "fetch: {}", "evaluate", EvaluateParams)
    assert found == "evaluate: the section is missing; see recipes/ for examples"


@pytest.mark.fault(16, 44)
@pytest.mark.parametrize(
    ("section", "key", "value", "told"),
    [
        ("preprocess", "validation_one_in", 401, "expected at most 400, so that the 4000 training"),
        ("train", "batch_size", 3601, "expected at most the 3600 training images, found 3601"),
    ],
)
def test_the_check_knows_how_many_images_there_are(
    tmp_path: Path, section: str, key: str, value: int, told: str
) -> None:
    path = tmp_path / "params.yaml"
    params = {name: dict(values) for name, values in GOOD.items()}
    params["fetch"]["dataset"], params["preprocess"]["validation_one_in"] = "mnist-5k", 10
    YAML(typ="safe").dump(params, path)
    check(path, PROJECT / "datasets")
    params[section][key] = value
    YAML(typ="safe").dump(params, path)
    with pytest.raises(UserError, match=rf"^params.yaml: {section}.{key}: {told}"):
        check(path, PROJECT / "datasets")


@pytest.mark.fault(16, 44)
def test_the_check_of_all_sections_has_a_line_for_each_mistake(tmp_path: Path) -> None:
    path = tmp_path / "params.yaml"
    wrong: dict[Any, Any] = {name: dict(values) for name, values in GOOD.items() if name != "gate"}
    wrong |= {"trian": {}, 7: {}, "augment": None}
    wrong["train"] |= {"steps": 0, "setps": 1}
    wrong["evaluate"]["minimum_accuracy"] = 0.9  # where it was
    YAML(typ="safe").dump(wrong, path)
    done = subprocess.run(
        [sys.executable, "-m", "mnist.params"],
        cwd=tmp_path,
        env={"PYTHONPATH": str(PROJECT / "src"), "PYTHONDONTWRITEBYTECODE": "1"},
        check=False,
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stdout) == (2, "")
    known = "unknown section; known are fetch, preprocess, model, augment, train, evaluate, gate"
    expected = [
        f"trian: {known}",
        f"7: {known}",
        "augment: expected a section of `key: value`, found nothing",
        "train.steps: expected greater than or equal to 1, found 0",
        f"train.setps: unknown key; known are {', '.join(TrainParams.model_fields)}",
        "evaluate.minimum_accuracy: unknown key; known are confidence",
        "gate: the section is missing; see recipes/ for examples",
    ]
    assert sorted(done.stderr.splitlines()) == sorted(f"params.yaml: {line}" for line in expected)


@pytest.mark.fault(16, 44)
def test_of_very_many_mistakes_the_first_are_told(tmp_path: Path) -> None:
    path = tmp_path / "p.yaml"
    path.write_text("\n".join(f"k{i}: 1" for i in range(5000)), encoding="utf-8")
    with pytest.raises(UserError) as caught:
        check(path, PROJECT / "datasets")
    assert len(str(caught.value).splitlines()) == 21
    assert str(caught.value).endswith("... and 4987 more")


@pytest.mark.fault(16)
@pytest.mark.parametrize("name", ["none", "0x" + "f" * 5000], ids=["none", "no file's name"])
def test_a_data_set_without_a_card_is_told_however_long_its_name(name: str) -> None:
    with pytest.raises(
        UserError, match=r"^params.yaml: fetch.dataset: expected a card in "
    ) as told:
        card.read(name, PROJECT / "datasets")
    assert len(str(told.value)) < 1000


PIECES = st.sampled_from(
    ["", " ", "-", "[", "]", "{", ":", "&a ", "*a", "1e999", "0x" + "f" * 5000]
)
PIECES |= st.text(max_size=5) | st.integers().map(str) | st.floats().map(str)


@pytest.mark.fault(16, 17, 44)
@settings(max_examples=samples.many(50))
@given(st.lists(st.tuples(st.integers(0, 1500), st.integers(0, 9), PIECES), min_size=1, max_size=3))
def test_any_change_of_params_yaml_is_taken_or_told(changes: list[tuple[int, int, str]]) -> None:
    text = (PROJECT / "params.yaml").read_text(encoding="utf-8")
    for at, length, piece in changes:
        text = text[:at] + piece + text[at + length :]
    with TemporaryDirectory() as folder:
        path = Path(folder) / "params.yaml"
        path.write_bytes(text.encode(errors="surrogatepass"))
        try:
            check(path, PROJECT / "datasets")
        except UserError as error:
            lines = str(error).splitlines()
            assert 0 < len(lines) <= 21
            assert all(
                line.startswith((f"{path}: ", "params.yaml: ", "... and ")) for line in lines
            )
            assert max(map(len, lines)) < 1000


@pytest.mark.fault(17)
@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "expected sections of `key: value`, found an empty file"),
        ("a: [1", "expected plain YAML, found "),
        ("train: !!python/object/apply:os.system ['touch pwned']", "expected plain YAML, found "),
        ("train: {seed: 1, seed: 2}", "expected plain YAML, found "),
    ],
)
def test_what_is_not_plain_yaml_is_refused_and_nothing_is_executed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    assert mistake(tmp_path / "p.yaml", text, "train", TrainParams).startswith(message)
    assert not (tmp_path / "pwned").exists()


@pytest.mark.parametrize("path", sorted(PROJECT.glob("recipes/*.yaml")), ids=lambda path: path.stem)
def test_every_recipe_loads_and_says_why_it_exists(path: Path, tmp_path: Path) -> None:
    cards = shutil.copytree(PROJECT / "datasets", tmp_path / "datasets")
    shutil.copy(cards / "mnist.yaml", cards / "mine.yaml")  # a data set of one's own
    assert path.read_text(encoding="utf-8").startswith("# ")
    assert list(document.load(path)) == list(GOOD) == list(SECTIONS)
    check(path, cards)


def test_all_sections_are_read_without_tensorflow_or_numpy() -> None:
    heavy = "{'numpy', 'scipy', 'tensorflow'}"
    code = f"import sys, mnist.params.sections; sys.exit(len({heavy} & set(sys.modules)))"
    env = {"PYTHONPATH": str(PROJECT / "src"), "PYTHONDONTWRITEBYTECODE": "1"}
    subprocess.run([sys.executable, "-c", code], env=env, check=True)

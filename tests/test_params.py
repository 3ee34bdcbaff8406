"""Rows 16 and 17 of the faults: every mistake in params.yaml is one line that names its key."""

from pathlib import Path

import pytest
import yaml

from mnist.errors import UserError
from mnist.metrics import EvaluateParams
from mnist.model import ModelParams
from mnist.params import Params, read
from mnist.training import TrainParams

PROJECT = Path(__file__).parent.parent
GOOD = yaml.safe_load((PROJECT / "params.yaml").read_text(encoding="utf-8"))


def mistake(path: Path, text: str, section: str, kind: type[Params]) -> str:
    path.write_text(text, encoding="utf-8")
    with pytest.raises(UserError) as caught:
        read(section, kind, path)
    assert "\n" not in str(caught.value)
    return str(caught.value).removeprefix(f"{path}: ")


@pytest.mark.fault(16)
@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        (
            "learning_rate",
            "1e-4",
            "train.learning_rate: expected a number, found the text '1e-4'; write 0.0001",
        ),
        ("learning_rate", ".nan", "train.learning_rate: expected a finite number, found nan"),
        ("steps", "-1", "train.steps: expected greater than or equal to 1, found -1"),
        ("steps", "10.5", "train.steps: expected a whole number, found 10.5"),
        ("steps", "1e3", "train.steps: expected a whole number, found the text '1e3'; write 1000"),
        ("steps", "true", "train.steps: expected a whole number, found true"),
        ("steps", "", "train.steps: expected a whole number, found nothing"),
        ("validate_every", "150", "train.validate_every: expected a multiple of 100, found 150"),
        ("device", "tpu", "train.device: expected 'auto', 'cpu' or 'gpu', found the text 'tpu'"),
        ("setps", "7", "train.setps: unknown key; known are "),
    ],
)
def test_a_wrong_value_is_named_with_what_to_write(
    tmp_path: Path, key: str, value: str, message: str
) -> None:
    values = {name: str(item) for name, item in GOOD["train"].items()} | {key: value}
    text = "train:\n" + "".join(f"  {name}: {item}\n" for name, item in values.items())
    assert mistake(tmp_path / "p.yaml", text, "train", TrainParams).startswith(message)


@pytest.mark.fault(16)
def test_a_missing_key_and_a_missing_section_are_named(tmp_path: Path) -> None:
    path = tmp_path / "p.yaml"
    found = mistake(path, "evaluate: {confidence: 0.9}", "evaluate", EvaluateParams)
    assert found == "evaluate.minimum_accuracy: the key is missing; add it"
    found = mistake(path, "fetch: {}", "evaluate", EvaluateParams)
    assert found == "evaluate: the section is missing; see recipes/ for examples"


@pytest.mark.fault(17)
@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "expected sections of `key: value`, found an empty file"),
        ("a: [1", "expected plain YAML, found "),
        ("train: !!python/object/apply:os.system ['touch pwned']", "expected plain YAML, found "),
    ],
)
def test_what_is_not_plain_yaml_is_refused_and_nothing_is_executed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    assert mistake(tmp_path / "p.yaml", text, "train", TrainParams).startswith(message)
    assert not (tmp_path / "pwned").exists()


@pytest.mark.parametrize("path", sorted(PROJECT.glob("recipes/*.yaml")), ids=lambda path: path.stem)
def test_every_recipe_loads_and_says_why_it_exists(path: Path) -> None:
    assert path.read_text(encoding="utf-8").startswith("# ")
    assert list(yaml.safe_load(path.read_text(encoding="utf-8"))) == list(GOOD)
    read("model", ModelParams, path)
    read("train", TrainParams, path)
    read("evaluate", EvaluateParams, path)

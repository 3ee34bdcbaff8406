"""A training that cannot be is refused with the figure, before TensorFlow starts."""

import math
import os
import re
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

import in_process
from mnist import document
from mnist.errors import UserError
from mnist.machine import cores, memory
from mnist.network import model
from mnist.params import read
from mnist.params.model import ModelParams
from mnist.params.sections import check
from mnist.params.train import TrainParams
from mnist.task import Task

PROJECT = Path(__file__).parents[2]
GOOD: dict[str, Any] = document.load(PROJECT / "params.yaml")
DIGITS = Task((28, 28, 1), tuple("0123456789"), "ink")
RECIPES = sorted(PROJECT.glob("recipes/*.yaml"))


def design(**update: Any) -> ModelParams:
    good = read("model", ModelParams, PROJECT / "params.yaml").model_dump()
    return ModelParams.model_validate(good | update)


def training(**update: Any) -> TrainParams:
    good = read("train", TrainParams, PROJECT / "params.yaml").model_dump()
    return TrainParams.model_validate(good | update)


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_weights_and_values_are_those_that_keras_counts(path: Path) -> None:
    params = read("model", ModelParams, path)
    network = model.build(params, DIGITS, 1)
    layers = list(params.layers(DIGITS))
    assert sum(layer.weights for layer in layers) == network.count_params()
    of_weights = ("conv", "dense", "logits")
    shapes = [layer.output.shape for layer in network.layers if layer.name.startswith(of_weights)]
    assert [layer.values for layer in layers] == [math.prod(shape[1:]) for shape in shapes]


def test_what_a_step_holds_by_hand() -> None:
    """784 pixels to 10 classes: 7,850 weights four times over, ten values an image."""
    params = design(blocks=(), dense=())
    assert (
        memory.needed(params, training(batch_size=3, shards=1), DIGITS) == 4 * 4 * 7850 + 4 * 3 * 10
    )


@pytest.mark.fault(66)
def test_it_is_refused_where_it_does_not_fit_and_nowhere_else() -> None:
    params, train = design(), training()
    enough = memory.needed(params, train, DIGITS)
    memory.require(params, train, DIGITS, there=enough)
    message = (
        r"expected a training that fits into the 0\.06 GB of memory here, found one that takes"
    )
    with pytest.raises(UserError, match=message):
        memory.require(params, train, DIGITS, there=enough - 1)
    memory.require(params, training(device="gpu"), DIGITS, there=enough - 1)


def test_images_may_take_what_is_given_else_half_and_no_more_than_a_step_leaves(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    params, train = design(), training()
    step = memory.needed(params, train, DIGITS)
    for there, left in ((10 * step, 5 * step), (step + 7, 7), (step - 1, 0)):
        monkeypatch.setattr(memory, "available", lambda there=there: there)
        assert memory.for_images(params, train, DIGITS, None) == left
    for text, given in (("4g", 4 * 10**9), (" 500M ", 5 * 10**8), ("0", 0), ("123", 123)):
        assert memory.for_images(params, train, DIGITS, text) == given


@pytest.mark.fault(84)
@pytest.mark.parametrize("text", ["four", "4 g", "-1", "4gib", "1.5g", "9" * 16])
def test_a_text_that_is_no_size_is_a_line(text: str) -> None:
    with pytest.raises(UserError, match="TRAIN_MEMORY: expected a size, 500m or 4g say, found "):
        memory.for_images(design(), training(), DIGITS, text)


@pytest.mark.parametrize(
    ("groups", "files", "limit"),
    [
        ("0::/a/b\n", {"sys/fs/cgroup/a/memory.max": "1000\n"}, 1000),
        ("0::/\n", {"sys/fs/cgroup/memory.max": "1000\n"}, 1000),
        ("0::/a\n", {"sys/fs/cgroup/a/memory.max": "max\n"}, None),
        ("0::/a\n", {}, None),
        (
            "3:cpu,memory:/docker/x\n0::/\n",
            {
                "sys/fs/cgroup/memory/memory.limit_in_bytes": "2000\n",
                "sys/fs/cgroup/memory/docker/x/memory.limit_in_bytes": "9223372036854771712\n",
            },
            2000,
        ),
        ("", {}, None),
    ],
)
def test_the_memory_is_that_of_the_machine_or_of_the_control_group(
    tmp_path: Path, groups: str, files: dict[str, str], limit: int | None
) -> None:
    machine = memory.available(tmp_path)
    for path, text in {"proc/self/cgroup": groups, **files}.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text, encoding="utf-8")
    meminfo = Path("/proc/meminfo").read_text(encoding="utf-8").split()
    assert machine == 1024 * int(meminfo[meminfo.index("MemTotal:") + 1])
    assert memory.available(tmp_path) == (limit or machine)


@pytest.mark.fault(16, 66)
@pytest.mark.parametrize(
    ("section", "update", "message"),
    [
        (
            "model",
            {"dense": [10**9]},
            "model: expected at most 2,147,483,648 weights, found 3,147,",
        ),
        ("model", {"blocks": [[10**5, 10**5]], "kernel_size": 28}, "which take 31,441 GB; "),
        ("model", {"dense": [8] * 200}, "expected at most 97 convolutions and hidden layers, foun"),
        ("model", {"blocks": [[1] * 120]}, "convolutions and hidden layers, found 121; take from"),
        ("model", {"dense": [2**31]}, "model.dense.0: expected less than 2147483648, found 21474"),
        (
            "train",
            {"batch_size": 10**9},
            "expected at most the 3666 training images, found 10000000",
        ),
        (
            "model",
            {"blocks": [[10**7]], "kernel_size": 1, "dense": [1]},
            "of memory here, found one that takes ",
        ),
        ("train", {"steps": 10**18}, "train.steps: expected less than 2147483648, found 1000000"),
        ("train", {"validate_every": 10**18}, "train.validate_every: expected less than 21474836"),
        ("train", {"checkpoint_every": 10**18}, "train.checkpoint_every: expected less than 2147"),
        ("train", {"betas": [0.9, 0.9999999999999999]}, "expected less than or equal to 0.999999"),
        ("train", {"average": 0.9999999999999999}, "expected less than or equal to 0.999999"),
        ("evaluate", {"confidence": 0.9999999999999999}, "expected less than or equal to 0.999999"),
    ],
)
def test_sizes_that_cannot_be_are_a_line_before_anything_starts(
    tmp_path: Path, section: str, update: dict[str, Any], message: str
) -> None:
    """The check of params.yaml, as it is: a line on stderr, nothing written, status 2."""
    text = GOOD | {section: GOOD[section] | update}
    YAML(typ="safe").dump(text, tmp_path / "params.yaml")
    (tmp_path / "datasets").symlink_to(PROJECT / "datasets")
    done = in_process.call(check, folder=tmp_path)
    [line] = done.stderr.splitlines()
    assert (done.returncode, done.stdout) == (2, "")
    assert line.startswith("params.yaml: ")
    assert message in line
    assert len(list(tmp_path.iterdir())) == 2


@pytest.mark.fault(117)
@pytest.mark.parametrize(
    ("groups", "files", "expected"),
    [
        ("0::/a/b\n", {"a/b/cpu.max": "max 100000\n", "a/cpu.max": "250000 100000\n"}, 3),
        ("0::/\n", {"cpu.max": "50000 100000\n"}, 1),
        ("0::/\n", {"cpu.max": "900000 100000\n"}, 8),
        ("0::/\n", {"cpu.max": "max 100000\n"}, 8),
        (
            "4:cpu,cpuacct:/docker/x\n0::/\n",
            {"cpu/cpu.cfs_quota_us": "200000\n", "cpu/cpu.cfs_period_us": "100000\n"},
            2,
        ),
        ("1:cpu:/\n", {"cpu/cpu.cfs_quota_us": "-1\n", "cpu/cpu.cfs_period_us": "100000\n"}, 8),
        ("0::/a\n", {}, 8),
        ("", {}, 8),
    ],
)
def test_the_cores_are_those_of_the_machine_or_of_the_quota_rounded_up(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    groups: str,
    files: dict[str, str],
    expected: int,
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {*range(8)})
    below = {f"sys/fs/cgroup/{path}": text for path, text in files.items()}
    for path, text in {"proc/self/cgroup": groups, **below}.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text, encoding="utf-8")
    assert cores.count(tmp_path) == expected


@pytest.mark.fault(117)
def test_no_other_module_counts_cores() -> None:
    """A count that knows no quota starts 64 threads where a container has two cores."""
    root = Path(__file__).parents[2]
    files = [path for top in ("src/mnist", "stages") for path in (root / top).rglob("*.py")]
    counting = re.compile(r"cpu_count|sched_getaffinity|PoolExecutor\(\)")
    found = [path.name for path in files if counting.search(path.read_text(encoding="utf-8"))]
    assert found == ["cores.py"]

"""An export is run in its own runtime and compared with the model on every test image."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

import servers
import small_model
from mnist.arrays import dataset
from mnist.errors import UserError
from mnist.export import __main__ as exporting
from mnist.export import comparison
from mnist.machine import processor


def test_won_and_lost_are_counted_and_weighed_exactly() -> None:
    labels = np.zeros(100, np.uint16)
    model, export = np.tile(np.array([0.9, 0.1], np.float32), (2, 100, 1))
    model[:2] = [0.2, 0.8]
    export[90:99] = [0.25, 0.75]
    found = comparison.compare(model, export, labels)
    assert (found["won"], found["lost"], found["other_classes"]) == (2, 9, 11)
    assert found["p"] == pytest.approx(stats.binomtest(2, 11).pvalue, abs=1e-6)
    assert found["farthest"] == pytest.approx(0.7, abs=0.01)
    assert (found["accuracy"], found["accuracy_of_model"]) == (0.91, 0.98)
    assert comparison.compare(model, model, labels)["p"] == 1


def export(folder: Path, name: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-P", "-m", "mnist.export", name]
    env = {"PYTHONPATH": str(servers.SOURCE)}
    return subprocess.run(
        command, cwd=folder, env=env, check=False, capture_output=True, text=True, timeout=300
    )


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("export")
    small_model.copy(folder)
    servers.save_test_set(folder, servers.digits()[1])
    return folder


def test_a_format_that_is_not_kept_is_refused_in_a_line_that_says_so(project: Path) -> None:
    done = export(project, "onnx")
    assert done.returncode == 2
    expected = "FORMAT: expected savedmodel or litert, found 'onnx' (onnx: Keras' exporter needs"
    assert done.stderr.startswith(expected)
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "files"),
    [("litert", ["model.tflite", "model-int8.tflite"]), ("savedmodel", ["savedmodel"])],
)
def test_an_export_reads_every_test_image_as_the_model_does(
    project: Path, name: str, files: list[str]
) -> None:
    done = export(project, name)
    assert done.returncode == 0, done.stderr
    told = json.loads((project / f"exports/{name}.json").read_text())
    assert list(told) == ["model", *files]
    assert told["model"]["md5"] == servers.digest(project / "models/model.keras")
    whole = told[files[0]]
    assert (whole["images"], whole["other_classes"]) == (1000, 0)
    assert whole["farthest"] <= 1e-4
    if name == "litert":
        small = told["model-int8.tflite"]
        assert small["bytes"] < whole["bytes"] / 2
        before = {file: told[file]["sha256"] for file in files}
        assert export(project, name).returncode == 0
        again = json.loads((project / f"exports/{name}.json").read_text())
        assert {file: again[file]["sha256"] for file in files} == before


@pytest.mark.fault(155)
def test_an_export_refuses_a_test_set_of_another_size(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, test = servers.digits()
    large = test._replace(
        images=test.images[:20].repeat(2, axis=1).repeat(2, axis=2),
        labels=test.labels[:20],
        task=test.task._replace(shape=(56, 56, 1)),
    )
    dataset.save(large, project / "data/prepared/large.npz")
    monkeypatch.chdir(project)
    monkeypatch.setattr(exporting, "TEST", Path("data/prepared/large.npz"))
    monkeypatch.setattr(processor, "prepare", lambda **_: None)
    monkeypatch.setattr(sys, "argv", ["export", "litert"])
    with pytest.raises(UserError, match=r"large\.npz: expected the images that .* 56 x 56 x 1 in"):
        exporting.main()

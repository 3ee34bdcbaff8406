"""A user's own Keras settings, in a file or in variables, change nothing of what we run."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import steps
from mnist.machine import processor

SHOW = """
from mnist.machine import processor
processor.prepare(reproducible="portable", device="cpu")
import keras
config = keras.config
print(config.backend(), config.floatx(), config.image_data_format(), config.epsilon())
print(config.max_epochs(), config.is_nnx_enabled())
"""
SETTINGS = {
    "backend": "torch",
    "floatx": "float16",
    "image_data_format": "channels_first",
    "epsilon": 0.5,
    "nnx_enabled": True,
}
VARIABLES = {"KERAS_BACKEND": "jax", "KERAS_MAX_EPOCHS": "1", "KERAS_NNX_ENABLED": "true"}


@pytest.mark.fault(150)
def test_keras_starts_with_its_defaults_whatever_the_user_has_set(tmp_path: Path) -> None:
    (tmp_path / ".keras").mkdir()
    (tmp_path / ".keras/keras.json").write_text(json.dumps(SETTINGS))
    env = {"PYTHONPATH": os.pathsep.join(sys.path), "HOME": str(tmp_path), **VARIABLES}
    done = subprocess.run(
        [sys.executable, "-c", SHOW], env=env, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == "tensorflow float32 channels_last 1e-07\nNone False\n"
    assert json.loads((tmp_path / ".keras/keras.json").read_text()) == SETTINGS


@pytest.mark.fault(150)
def test_all_variables_of_keras_are_replaced_and_no_other() -> None:
    environ = {"PATH": "/bin", "KERAS_HOME": "/home/me/.keras", **VARIABLES}
    processor.ignore_keras_settings(environ)
    assert environ == {"PATH": "/bin"} | processor.KERAS


@pytest.mark.fault(150)
def test_the_tests_and_the_programs_of_the_benchmarks_ignore_them_too(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert {name: os.environ.get(name) for name in processor.KERAS} == processor.KERAS
    monkeypatch.setenv("KERAS_HOME", "/home/me/.keras")
    monkeypatch.setenv("KERAS_MAX_EPOCHS", "1")
    found = steps.environment()
    assert {name: found[name] for name in found if name.startswith("KERAS_")} == processor.KERAS

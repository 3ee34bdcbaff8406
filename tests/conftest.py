"""What all tests keep to, and what those of sealed stages share."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from mnist.machine import cores, processor
from sealed_project import Project, on

# git sets GIT_DIR, GIT_INDEX_FILE and others in its hooks; the `git` of a test would follow them
# into the repository of whoever runs the tests
_GIT_VARIABLES = ("git", "rev-parse", "--local-env-vars")
for _name in subprocess.run(
    _GIT_VARIABLES, check=True, capture_output=True, text=True
).stdout.split():
    os.environ.pop(_name, None)

processor.ignore_keras_settings(os.environ)  # before a test module imports Keras

# a shared machine stalls for a second now and then, which is no fault of what is tested
settings.register_profile(
    "shared", settings.default, deadline=5000, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("shared")


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """Name bytes by their argument: gzip's hold the time, and workers must agree on the names."""
    return argname if isinstance(val, bytes) else None


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """Start no more workers than the quota of a container has cores (`-n logical`)."""
    return cores.count()


@pytest.fixture(autouse=True)
def _bits_are_those_of_the_machine() -> Iterator[None]:
    """Fail where a test held TensorFlow to other instructions: it would do so for all after it."""
    yield
    assert "ONEDNN_MAX_CPU_ISA" not in os.environ, "prepare it in a process of its own"


@pytest.fixture
def engine() -> str:
    """Name where the stages of a project run; a module may have its tests on several."""
    return "host"


@pytest.fixture
def project(tmp_path: Path, engine: str) -> Project:
    """Make a project at a path with a space, a comma and an accent in it."""
    return on(engine, Project(tmp_path / "a clone, à moi"))

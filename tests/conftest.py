"""What all tests keep to, and what those of sealed stages share."""

import os
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

import leftovers
import samples
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

# Seconds that a test may take without a mark that says why it takes more. Processor time counts,
# of the test's own process and of those that it waited for, because it is nearly the same on a busy
# machine. A test that only waits is found by the clock: there it may take BY_THE_CLOCK times as
# many seconds, and on a busy machine more, in proportion to the load.
QUICK, SLOW, BY_THE_CLOCK = 5, 60, 3
# Machines of CI differ in speed: TEST_SLACK=3 lets each test take three times as long.
SLACK = float(os.environ.get("TEST_SLACK", "1"))

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


@pytest.fixture(autouse=True, scope="session")
def _nothing_is_left_behind(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Fail where a test left a process, a mount, a container or a file."""
    own, temporary = tmp_path_factory.getbasetemp(), tmp_path_factory.mktemp("temporary")
    leftovers.adopt_orphans()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TMPDIR", str(temporary))
        patch.setattr(tempfile, "tempdir", str(temporary))
        before = leftovers.on_the_machine(own, temporary)
        yield
        if left := leftovers.since(before, own, temporary):
            pytest.fail("the tests left behind:\n" + "\n".join(left), pytrace=False)


@pytest.fixture(autouse=True)
def _takes_no_longer_than_it_says(request: pytest.FixtureRequest) -> Iterator[None]:
    """Fail where a test takes longer than others do, and no mark says why."""
    clock, processor = time.monotonic(), _processor_seconds()
    yield
    clock, processor = time.monotonic() - clock, _processor_seconds() - processor
    mark = request.node.get_closest_marker("takes")
    usual = SLOW if request.node.get_closest_marker("slow") else QUICK
    limit = (mark.args[0] if mark else usual) * SLACK
    busy = max(1, os.getloadavg()[0] / len(os.sched_getaffinity(0)))
    took = f"{processor:.1f} s of the processor, {clock:.1f} s by the clock"
    fits = processor <= limit and clock <= limit * BY_THE_CLOCK * busy
    if not fits and samples.TIMES == 1:
        expected = f"{request.node.name}: expected at most {limit} s, found {took}"
        advice = "make it faster, or mark it @pytest.mark.takes(SECONDS, 'why')"
        pytest.fail(f"{expected}; {advice}", pytrace=False)


def _processor_seconds() -> float:
    return sum(os.times()[:4])


@pytest.fixture
def engine() -> str:
    """Name where the stages of a project run; a module may have its tests on several."""
    return "host"


@pytest.fixture
def project(tmp_path: Path, engine: str) -> Project:
    """Make a project at a path with a space, a comma and an accent in it."""
    return on(engine, Project(tmp_path / "a clone, à moi"))

"""Rows 30 and 31: a checkpoint is whole or passed over, wherever the process was killed."""

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import samples
from mnist.training import checkpoint
from mnist.training.checkpoint import Checkpoint


def standing(step: int, *, megabytes: int = 0) -> Checkpoint:
    values = np.full((megabytes * 250_000 + 3,), step, np.float32) / 3
    return Checkpoint(step, [values, np.array(step, np.int64)], [[0, 1 / 3], [step, 0.1]])


def same(found: Checkpoint | None, expected: Checkpoint) -> bool:
    assert found is not None
    arrays = [[(v.dtype, v.tobytes()) for v in c.arrays] for c in (found, expected)]
    return (found.step, arrays[0], found.curve) == (expected.step, arrays[1], expected.curve)


def test_what_is_saved_is_loaded_bit_for_bit_and_two_are_kept(tmp_path: Path) -> None:
    assert checkpoint.load(tmp_path) is None
    for step in (100, 200, 300):
        checkpoint.save(standing(step), tmp_path)
        assert same(checkpoint.load(tmp_path), standing(step))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["step-00000200", "step-00000300"]


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-9])


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def drop(path: Path) -> None:
    path.unlink()


@pytest.mark.fault(30)
@pytest.mark.parametrize("name", [checkpoint.STATE, checkpoint.CURVE, checkpoint.MANIFEST])
@pytest.mark.parametrize("damage", [cut, flip, drop])
def test_a_damaged_checkpoint_is_passed_over_with_a_warning(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    name: str,
    damage: Callable[[Path], None],
) -> None:
    for step in (100, 200):
        checkpoint.save(standing(step), tmp_path)
    damage(tmp_path / "step-00000200" / name)
    assert same(checkpoint.load(tmp_path), standing(100))
    warning = capsys.readouterr().err
    assert warning.startswith("warning: checkpoint step-00000200 is passed over: ")
    checkpoint.save(standing(200), tmp_path)  # the run comes here again
    assert same(checkpoint.load(tmp_path), standing(200))


@pytest.mark.fault(35)
def test_a_checkpoint_with_a_pickle_is_not_executed(tmp_path: Path) -> None:
    checkpoint.save(Checkpoint(100, [np.array([{}], object)], []), tmp_path)
    assert checkpoint.load(tmp_path) is None


@pytest.mark.fault(30)
def test_a_save_killed_at_any_moment_leaves_a_whole_checkpoint(tmp_path: Path) -> None:
    """Processes that save without pause, each killed after a random time."""
    code = (
        "import sys; from pathlib import Path; from mnist.training import checkpoint; "
        "from test_checkpoint import standing\n"
        "for step in range(int(sys.argv[2]), 10**6):\n"
        "    checkpoint.save(standing(step, megabytes=1), Path(sys.argv[1]))\n"
        "    print(step, flush=True)"
    )
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    generator, done, cut_short = random.Random(0), 0, 0
    for _ in range(samples.many(8)):
        command = [sys.executable, "-c", code, str(tmp_path), str(done + 1)]
        with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE) as process:
            assert process.stdout
            process.stdout.readline()
            time.sleep(generator.uniform(0, 0.05))
            process.send_signal(signal.SIGKILL)
        found = checkpoint.load(tmp_path)
        assert found is not None
        assert found.step > done
        assert same(found, standing(found.step, megabytes=1))
        cut_short += any(tmp_path.glob(".fresh-*"))
        done = found.step
    assert cut_short  # or nothing was tested

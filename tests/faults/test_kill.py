"""Row 29: a training killed ten times, resumed on other threads, ends in the same bytes."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

import samples

KILLS = samples.many(10)  # at other steps in each run


@pytest.mark.slow
@pytest.mark.takes(180, "it trains again after each of ten kills")
@pytest.mark.fault(29)
def test_a_training_killed_at_random_steps_ends_in_the_same_bytes(tmp_path: Path) -> None:
    script = Path(__file__).with_name("killed.py")
    seed = samples.seed()
    done = subprocess.run(
        [sys.executable, str(script), str(tmp_path), str(KILLS), str(seed)],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    whole, *killed = done.stdout.splitlines()
    assert len(killed) == KILLS
    assert {line.split()[0] for line in killed} == {whole}
    steps = {int(line.split()[1]) for line in killed}
    assert len(steps) > 3
    assert min(steps) >= 100

"""The benchmarks' arithmetic; what they measure is measured by `make bench`."""

from pathlib import Path

import pytest

import report
import steps
from check_locks import mistakes

ROOT = Path(__file__).parents[2]


def test_a_step_of_the_tutorials_network_is_4_gflop() -> None:
    forward = 2 * (784 * 800 + 196 * 51_200 + 3136 * 1024 + 10_240)
    unneeded = 2 * 784 * 800  # the gradient of the pixels
    assert report.gflop_of_a_step(1) == pytest.approx((3 * forward - unneeded) / 1e9)
    assert report.gflop_of_a_step(50) == pytest.approx(4.1, abs=0.01)


def test_a_ratio_is_that_of_the_medians() -> None:
    milliseconds = {"base": [10.0, 20.0, 40.0], "ours": [5.0, 10.0, 10.0]}
    found = steps.summarize(milliseconds, "base")
    assert found["ours"] == {"median": 10.0, "least": 5.0, "most": 10.0, "ratio": 0.5}


def test_the_share_of_the_limit_is_of_sgemm_in_the_same_run() -> None:
    one = {"least": 20.0, "most": 30.0, "ratio": 1.0, "peak_mb": 900}
    rate = report.SGEMM_GFLOP / 10 * 1000  # GFLOP/s, where a hundredth of a turn takes 10 ms
    table = report.steps({"ours": one | {"median": 25.0}, "sgemm": one | {"median": 10.0}})
    share = report.gflop_of_a_step() / rate / 0.025
    assert f"| ours | 25.0 (20.0 to 30.0) | 1.00 | {share:.0%} | 900 |" in table


def test_the_peers_locks_are_right() -> None:
    for name in ("requirements.lock", "flask.lock"):
        assert mistakes(ROOT / "benchmarks" / name) == []

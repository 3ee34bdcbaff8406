"""The benchmarks' arithmetic; what they measure is measured by `make bench`."""

import sys
from pathlib import Path

import pytest

import recipes
import report
import run
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


@pytest.mark.fault(156)
def test_a_part_that_does_not_exist_is_refused_with_those_that_do(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sys, "argv", ["run.py", "steps", "step"])
    expected = "PARTS: expected some of steps, scaling, stages, nothing_to_do, time_to_target; "
    with pytest.raises(SystemExit, match=f"^{expected}found step$"):
        run.main()


@pytest.mark.fault(156)
@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ["fats:3"],
            "RECIPES: expected NAME:SEEDS .*, found fats:3; recipes: best, fashion-best, ",
        ),
        (["fast"], "RECIPES: expected NAME:SEEDS .*, found fast;"),
        (["fast:1"], "RECIPES: expected NAME:SEEDS .* 2 seeds or more, found fast:1;"),
        (["fast:x"], "RECIPES: expected NAME:SEEDS .*, found fast:x;"),
    ],
)
def test_a_recipe_that_does_not_exist_is_refused_with_those_that_do(
    words: list[str], message: str
) -> None:
    with pytest.raises(SystemExit, match=f"^{message}"):
        recipes.wanted(words)
    assert recipes.wanted(["fast:3", "best:2"]) == {"fast": 3, "best": 2}


@pytest.mark.fault(156)
def test_a_processor_without_bfloat16_does_not_emulate_it_and_the_report_says_so(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    programs: dict[str, run.Program] = dict.fromkeys(["a", "a in bfloat16"], pytest.fail)
    for flags, names in (("fma avx512_bf16", {"a", "a in bfloat16"}), ("fma avx512f", {"a"})):
        (tmp_path / "cpuinfo").write_text(f"flags\t\t: {flags}\n\nflags\t\t: {flags}\n")
        found = steps.has_bfloat16(tmp_path / "cpuinfo")
        monkeypatch.setattr(run, "has_bfloat16", lambda found=found: found)
        assert run.measurable(programs).keys() == names
    one = {"median": 10.0, "least": 10.0, "most": 10.0, "ratio": 1.0, "peak_mb": 900}
    without = "Not measured: this processor has no instructions for bfloat16"
    assert without in report.steps({"a": one, "sgemm": one})
    assert without not in report.steps({"a": one, "a in bfloat16": one, "sgemm": one})
    assert without in report.scaling({"float32": {"batch 50": one}})
    both = report.scaling({"float32": {"batch 50": one}, "bfloat16": {"batch 50": one}})
    assert both.endswith("| batch 50 | 10.0 | 10.0 |")

"""The statistics agree with examples that others worked out and published."""

import numpy as np
import pytest

from review.verdict.statistics import Pairing, mcnemar, newcombe, pair, seed_noise


def counts(both_right: int, fixed: int, broken: int, both_wrong: int) -> Pairing:
    return Pairing(np.arange(fixed), np.arange(broken), both_right, both_wrong)


def test_mcnemars_p_is_that_of_fagerland() -> None:
    """Fagerland, Lydersen, Laake 2013, BMC Medical Research Methodology 13:91: 1 and 7 of 21."""
    assert mcnemar(1, 7) == pytest.approx(0.0703, abs=5e-5)
    assert mcnemar(7, 1) == mcnemar(1, 7)


def test_mcnemars_p_is_a_fair_coin() -> None:
    assert mcnemar(0, 5) == pytest.approx(2 / 2**5)
    assert mcnemar(8, 1) == pytest.approx(2 * (1 + 9) / 2**9)
    assert mcnemar(0, 0) == mcnemar(4, 4) == 1


@pytest.mark.parametrize(
    ("table", "low", "high"),
    [
        ((1, 1, 7, 12), -0.507, -0.026),  # airway hyper-responsiveness, Bentur et al. 2009
        ((59, 6, 16, 80), -0.1186, -0.0046),  # complete response, Cavo et al. 2012
    ],
)
def test_the_interval_of_a_paired_difference_is_that_of_newcombe(
    table: tuple[int, int, int, int], low: float, high: float
) -> None:
    """Both are worked in Fagerland, Lydersen, Laake 2017, Contingency Tables, chapter 8."""
    assert newcombe(counts(*table), 0.95) == pytest.approx((low, high), abs=5e-4)


def test_the_interval_turns_with_the_pair_and_narrows_as_two_models_agree() -> None:
    low, high = newcombe(counts(90, 6, 2, 2), 0.95)
    assert newcombe(counts(90, 2, 6, 2), 0.95) == pytest.approx((-high, -low))
    for table in ((974, 0, 0, 26), (1000, 0, 0, 0)):
        low, high = newcombe(counts(*table), 0.95)
        assert -0.005 < low <= 0 <= high < 0.005


def test_images_are_paired_by_index() -> None:
    labels = np.array([1, 2, 3, 4, 5])
    pairing = pair(labels, np.array([1, 2, 9, 9, 9]), np.array([1, 9, 3, 4, 8]))
    assert (pairing.fixed.tolist(), pairing.broken.tolist()) == ([2, 3], [1])
    assert (pairing.both_right, pairing.both_wrong, pairing.images) == (1, 1, 5)
    assert pairing.difference == pytest.approx(1 / 5)


def test_the_noise_of_seeds_is_students_t_times_the_sd_of_a_difference() -> None:
    """Student's t at 97.5 % with 4 degrees of freedom is 2.776 in every table."""
    assert seed_noise(0.001, 5, 0.95) == pytest.approx(2.776 * 0.001 * 2**0.5, rel=1e-3)
    with pytest.raises(ValueError, match="expected at least 2 seeds, found 1"):
        seed_noise(0.001, 1, 0.95)

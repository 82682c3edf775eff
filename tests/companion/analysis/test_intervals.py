"""Means and their intervals; the largest change of a rate."""

import numpy as np
import pandas as pd
import pytest

from companion.analysis.intervals import largest_change, mean_interval, power_of_size


def test_the_interval_of_a_mean_is_students():
    values = pd.DataFrame({"n": 1, "x": [1.0, 2.0, 4.0]})
    found = mean_interval(values, "n", "x").loc[1]
    # t(0.975, 2) = 4.302653
    assert found["high"] - found["mean"] == pytest.approx(4.302653 * found["error"], rel=1e-6)


def runs(**counts):
    rows = [
        (start, 64, 2.0, replica, replica < count)
        for start, count in counts.items()
        for replica in range(100)
    ]
    return pd.DataFrame(rows, columns=["start", "n", "alpha", "replica", "recovered"])


@pytest.mark.parametrize(("gained", "small"), [(2, True), (30, False)])
def test_a_change_is_measured_by_the_interval_of_the_rate(gained, small):
    assert (largest_change(runs(a=50), runs(a=50 + gained)) < 1) == small


def test_without_a_common_cell_there_is_no_change_to_speak_of():
    assert pd.isna(largest_change(runs(a=50), runs(b=50)))


def test_the_power_of_n_is_found_within_its_error_whatever_the_factors():
    rng = np.random.default_rng(0)
    rows = pd.DataFrame({"n": [64, 128, 256] * 100, "alpha": [1.0, 2.0] * 150})
    rows["x"] = rows["alpha"] ** 3 * rows["n"] ** -0.7 * rng.lognormal(size=300)
    power, error, count = power_of_size(rows, "x")
    assert abs(power - 0.7) < 3 * error < 0.4
    assert count == 298

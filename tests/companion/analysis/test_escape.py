"""Times to recover: when theory expects them, and how they rise with N."""

import numpy as np
import pandas as pd
import pytest
from scipy.special import erfcinv

from companion.analysis.escape import escape_slope, escape_times

TIMES = np.linspace(0.0, 5.0, 51)
THEORY = pd.DataFrame({"alpha": 5.0, "t": TIMES, "variance": np.exp(2 * TIMES)})
THEORY["variance_error"] = 0.02 * THEORY["variance"]


def runs(n, median, *, failed=0.0):
    rng = np.random.default_rng(n)
    time = median + 0.2 * rng.standard_normal(400)
    recovered = rng.random(400) >= failed
    return pd.DataFrame({"alpha": 5.0, "n": n, "time": time, "recovered": recovered})


def test_the_time_of_theory_is_when_v_has_grown_enough():
    found = escape_times(runs(128, 3.0), THEORY, 0.7).loc[(5.0, 128)]
    assert np.exp(2 * found["expected"]) == pytest.approx(
        128 * 0.49 / (2 * erfcinv(0.5) ** 2), rel=1e-6
    )
    assert found["rate"] == pytest.approx(2.0)
    assert found["expected_error"] == pytest.approx(0.01)
    assert found["time"] == pytest.approx(3.0, abs=4 * found["error"])
    assert found["error"] == pytest.approx(0.2 * np.sqrt(np.pi / 800), rel=0.4)


def test_sizes_of_which_half_never_recover_or_beyond_the_theory_are_left_out():
    table = pd.concat([runs(128, 3.0), runs(256, 3.0, failed=0.7), runs(10**6, 9.0)])
    assert list(escape_times(table, THEORY, 0.7).index) == [(5.0, 128)]


def test_a_logarithm_has_the_slope_of_the_rate():
    sizes = [64, 128, 256, 512]
    table = pd.concat([runs(n, 1 + np.log(n) / 2) for n in sizes])
    slope, error = escape_slope(escape_times(table, THEORY, 0.7))
    assert slope == pytest.approx(1.0, abs=4 * error)
    assert error < 0.05

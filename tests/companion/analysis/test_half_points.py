"""Half points and their shifts are found where runs were given them."""

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit

from companion.analysis.half_points import (
    FIXED,
    GROWING,
    half_point_shifts,
    half_points,
    near_half,
    resampled_halves,
    rise,
    steepened,
    under_limits,
)


def runs(halves, *, seed=0):
    rng = np.random.default_rng(seed)
    rows = [
        (n, alpha, replica, rng.random() < expit(4 * (alpha - half)))
        for n, half in halves.items()
        for alpha in np.arange(1.5, 5.6, 0.5)
        for replica in range(150)
    ]
    columns = ["n", "alpha", "replica", "recovered"]
    return pd.DataFrame(rows, columns=columns).assign(start="random")


def test_a_half_point_is_found_within_its_error():
    found = half_points(near_half(runs({64: 2.7, 256: 3.2})), ["random"]).set_index("n")
    for n, half in ((64, 2.7), (256, 3.2)):
        assert abs(found.loc[n, "half"] - half) < 4 * found.loc[n, "error"]
        assert found.loc[n, "error"] < 0.1


def test_runs_that_do_not_pass_one_half_have_no_half_point():
    assert half_points(near_half(runs({64: 9.0})), ["random"]).empty


def test_one_run_an_alpha_gives_a_half_point_without_an_error():
    table = runs({64: 2.7, 256: 3.2}).query("replica == 0")
    steps = table.assign(recovered=table["alpha"] > 3)
    found = half_points(near_half(steps), ["random"])
    assert found["half"].tolist() == [3.25, 3.25]
    assert found["error"].isna().all()


def test_a_shift_is_found_with_an_interval_that_holds_it():
    base, changed = runs({64: 3.0, 256: 3.0}), runs({64: 3.5, 256: 4.0}, seed=1)
    shifts = half_point_shifts(base, changed, 0)
    assert shifts["shift"].tolist() == pytest.approx([0.5, 1.0], abs=0.15)
    assert ((shifts["low"] < shifts["shift"]) & (shifts["shift"] < shifts["high"])).all()
    # Pairs that share nothing are as uncertain as both their half points.
    errors = [half_points(one, ["random"])["error"].to_numpy() for one in (base, changed)]
    assert shifts["error"].to_numpy() == pytest.approx(np.hypot(*errors), rel=0.25)


def test_resampled_half_points_are_those_of_the_fits_with_their_errors():
    table = near_half(runs({64: 2.7, 256: 3.2}))
    fitted = half_points(table, ["random"]).set_index("n")
    halves = resampled_halves(table, ["start", "n"])
    for n, row in fitted.iterrows():
        place, error = halves.of(lambda x, n=n: x["random", n])
        assert place == pytest.approx(row["half"], abs=0.02 * row["error"])
        assert error == pytest.approx(row["error"], rel=0.25)


def test_one_instance_has_half_points_and_no_error():
    table = runs({64: 2.7, 256: 3.2}).query("n == 64 or replica == 0")
    table["recovered"] |= (table["n"] == 256) & (table["alpha"] > 3)
    halves = resampled_halves(near_half(table), ["start", "n"])
    assert np.isfinite(halves.best).all()
    assert np.isfinite(halves.of(lambda x: x["random", 64])[1])
    assert np.isnan(halves.of(lambda x: x["random", 256] - x["random", 64])[1])


def test_a_rise_per_decade_is_found_within_its_error():
    halves = resampled_halves(near_half(runs({64: 2.7, 128: 2.85, 256: 3.0})), ["start", "n"])
    slope, error = rise(halves.group("random"))
    assert abs(slope - 0.3 / np.log10(4)) < 3 * error < 0.5


def test_what_two_limits_share_is_not_in_the_error_of_their_difference():
    rng = np.random.default_rng(1)
    table = runs({64: 2.7, 640: 3.0})
    late = 100 * rng.random(len(table)) * (table["n"] / 64) ** 0.12
    limited = resampled_halves(
        under_limits(table.assign(time=late), 100.0), ["limit", "start", "n"]
    )
    steeper, error = steepened(limited, "random")
    assert steeper > error
    assert error < 0.8 * np.hypot(*(rise(limited.group(x, "random"))[1] for x in (FIXED, GROWING)))
    nearer = under_limits(table.replace({"n": {640: 256}}).assign(time=late), 100.0)
    halves = resampled_halves(nearer, ["limit", "start", "n"])
    assert np.isnan(steepened(halves, "random")).all()

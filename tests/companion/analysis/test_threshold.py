"""The threshold of the dynamics, found again where it was put."""

import numpy as np
import pandas as pd
import pytest

from companion.analysis.threshold import (
    by_loss,
    crossing,
    crossings,
    edge_exponents,
    edge_limit,
    late_limit,
)
from companion.thresholds import dynamical_threshold, plus_minus
from prlib.losses import as_loss
from prlib.transitions import thresholds

TIMES = (5.0, 10.0, 20.0, 40.0, 80.0, 160.0, 320.0)


def held(n=500, *, limit=4.1, turn=-1.0, power=0.8, noise=0.03, replicas=40, size=-1.0):
    """Held descents that turn unstable at limit + turn t^-power, with an edge that freezes."""
    rng = np.random.default_rng(n)
    rows = pd.DataFrame(
        {"alpha": alpha, "n": n, "replica": replica, "time": time}
        for alpha in (3.75, 4.0, 4.25, 4.5)
        for replica in range(replicas)
        for time in TIMES
    )
    own = noise * rng.standard_normal((4, replicas)).repeat(len(TIMES))
    above = rows["alpha"] - limit - turn * rows["time"] ** -power
    return rows.assign(
        loss="normalized(a=0.01)",
        bbp=1 + 0.25 * above - 0.05 * above**2 + own,
        edge=-(rows["time"] ** -0.5) + size * n ** (-2 / 3) * (rows["time"] > 100) + 0.1 * own,
    )


@pytest.mark.parametrize(("limit", "power"), [(4.1, 0.8), (3.9, 0.5)])
def test_the_limit_is_found_and_its_error_covers_it(limit, power):
    found = late_limit(crossing(held(limit=limit, power=power)))
    assert abs(found.alpha - limit) < 3 * found.error
    assert 0.005 < found.sampling < found.error < 0.1


def test_errors_are_those_of_repeated_draws():
    at = [crossing(held(n)) for n in range(100, 115)]
    spread = np.std([each.alpha for each in at], axis=0, ddof=1)
    assert np.mean([each.error for each in at], axis=0) == pytest.approx(spread, rel=0.5)


def test_a_rise_with_the_size_is_told_with_its_error():
    still, moved = (
        by_loss(pd.concat([held(500), held(1000, limit=limit)])).iloc[0] for limit in (4.1, 4.4)
    )
    assert abs(still["size"]) < 4 * still["size_error"]
    assert moved["size"] == pytest.approx(0.3, abs=4 * moved["size_error"])
    assert still["alpha_threshold"] == thresholds(0.01).alpha_threshold


def test_two_alphas_have_no_crossing():
    few = held().query("alpha in (4.0, 4.25)")
    assert crossings(few) == []
    assert by_loss(few)["alpha"].isna().all()
    assert [at.n for at in crossings(pd.concat([few.assign(n=1000), held(500)]))] == [500]


def test_edges_of_finite_descents_extrapolate_to_zero():
    both = pd.concat([held(500), held(1000)])
    both["edge"] += both["time"] ** -0.5 * (both["time"] > 100)
    edge, error, count = edge_limit(both)
    assert abs(edge) < 4 * error < 0.02
    assert count == 2 * 4 * 39
    assert np.isnan(edge_limit(held())[0])


def test_the_power_of_the_edge_is_one_half_throughout():
    fits = edge_exponents(held())
    assert fits.loc["all", "exponent"] == pytest.approx(0.5, abs=4 * fits.loc["all", "error"])
    assert abs(fits.loc["bend", "exponent"]) < 4 * fits.loc["bend", "error"]
    assert edge_exponents(held(replicas=1).query("alpha == 4")).empty


def test_without_held_descents_the_minima_bound_the_threshold():
    loss = as_loss(0.05)
    found, lines = dynamical_threshold(loss), thresholds(loss)
    assert not found.measured
    assert found.alpha - found.error == pytest.approx(lines.alpha_minima)
    assert found.alpha + found.error == pytest.approx(lines.alpha_minima_low)


def test_held_descents_of_the_book_put_it_among_the_minima():
    found, lines = dynamical_threshold(0.01), thresholds(0.01)
    assert found.measured
    assert lines.alpha_minima < found.alpha < lines.alpha_minima_low < lines.alpha_threshold
    assert str(found) == plus_minus(found.alpha, found.error)


def test_numbers_are_written_to_two_digits_of_their_error():
    assert plus_minus(0.5, 0.1) == "0.50 ± 0.10"
    assert plus_minus(123.4, 12.0) == "123 ± 12"

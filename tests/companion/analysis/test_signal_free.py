"""The condition of the transition in descents without the signal: control, extrapolation."""

import numpy as np
import pandas as pd
import pytest

from companion.analysis.signal_free import at_infinite_size, conditions, covariance, pooled_gap
from prlib.losses import NormalizedIntensity
from prlib.measures import LabelMeasure, initial
from prlib.spectra.bulk import left_edge
from prlib.spectra.outlier import bbp, outlier

LOSS = NormalizedIntensity(1.0)


def drawn(n, count, *, noise=0.01):
    """Instances whose condition is off at the start, and by half as much later."""
    rng = np.random.default_rng(n)
    law = initial(LOSS, 3.0)
    off = rng.normal(scale=0.1, size=count)
    start = bbp(law, left_edge(law).chi) + off
    later = 0.95 + 2 / n + 0.5 * off + noise * rng.standard_normal(count)
    rows = [
        (3.0, n, replica, time, value)
        for time, values in ((0.0, start), (1.0, later))
        for replica, value in enumerate(values)
    ]
    return pd.DataFrame(rows, columns=["alpha", "n", "replica", "time", "bbp"])


def test_what_the_start_is_off_is_subtracted():
    found = conditions(LOSS, drawn(100, 200)).iloc[0]
    assert found["mean"] == pytest.approx(0.97, abs=4 * found["error"])
    assert found["error"] == pytest.approx(0.01 / np.sqrt(200), rel=0.3)


def test_sizes_are_extrapolated_to_infinity():
    both = conditions(LOSS, pd.concat([drawn(100, 400), drawn(200, 400)]))
    found = at_infinite_size(both).loc[(3.0, 1.0)]
    assert found["mean"] == pytest.approx(0.95, abs=4 * found["error"])
    assert found["error"] > both["error"].max()


def test_one_size_is_not_extrapolated_and_one_instance_has_no_error():
    one = conditions(LOSS, drawn(100, 1))
    assert np.isnan(one["error"]).all()
    alone = conditions(LOSS, drawn(100, 50))
    assert at_infinite_size(alone)["mean"].iloc[0] == pytest.approx(alone["mean"].iloc[0])


def test_times_of_one_instance_vary_together_and_alphas_by_their_slope():
    rows = pd.concat([drawn(100, 400, noise=0.03), drawn(200, 400, noise=0.03)])
    later = rows[rows["time"] > 0].assign(time=2.0)
    found = covariance(LOSS, pd.concat([rows, later]))
    whole = at_infinite_size(conditions(LOSS, pd.concat([rows, later])))
    assert np.sqrt(np.diag(found)) == pytest.approx(whole["error"].to_numpy())
    assert found.iloc[0, 1] == pytest.approx(found.iloc[0, 0])


def test_a_pooled_law_of_random_starts_has_the_gap_of_their_law():
    alpha, rng = 1.5, np.random.default_rng(0)
    law = initial(LOSS, alpha)
    edge = left_edge(law)
    drawn_laws = []
    for _ in range(40):
        y, yhat = rng.standard_normal((2, 4000))
        drawn_laws.append(LabelMeasure(LOSS, alpha, y, y, yhat, np.full(4000, 1 / 4000), 0.0, -1.0))
    gap, error, count = pooled_gap(LOSS, alpha, drawn_laws)
    assert count == 20
    assert gap == pytest.approx(outlier(law, edge).position - edge.position, abs=4 * error)
    assert np.isnan(pooled_gap(LOSS, alpha, drawn_laws[:1])[1])

"""Runs of the dynamical theory: comings and goings of the outlier, and the growth of V."""

import numpy as np
import pandas as pd
import pytest

from companion.analysis.dynamics import (
    after_the_outlier,
    at_times,
    border,
    by_paths,
    most_paths,
    pooled,
    transition_times,
)

TIMES = np.array([0.0, 0.01, 0.1, 1.0, 3.0])


def run(alpha, bbp):
    columns = {"t": TIMES, "bbp": bbp, "variance": 1 + TIMES, "overlap2": 0.3}
    return pd.DataFrame({"alpha": alpha, **columns, "bbp_error": 1e-3, "variance_error": 0.01})


@pytest.fixture
def theory():
    return pd.concat(
        [
            run(2.0, [0.9, 0.9, 0.9, 0.8, 0.7]),
            run(2.8, [0.99, 1.02, 1.03, 0.9, 0.8]),
            run(3.2, [1.05, 1.06, 1.02, 0.95, 0.9]),
        ]
    )


def test_comings_and_goings_are_found(theory):
    found = transition_times(theory)
    events = [(row.alpha, row.event) for row in found.itertuples()]
    assert events == [(2.8, "appears"), (2.8, "disappears"), (3.2, "disappears")]
    assert found["t"].between(0, 3).all()


def test_the_border_lies_between_alphas_with_and_without_an_outlier(theory):
    found = border(theory, np.array([0.01, 1.0]))
    assert 2.0 < found[0] < 2.8
    assert found[1] == 3.2  # no alpha has one: the last


def test_growth_after_the_outlier_is_counted_from_its_loss(theory):
    found = after_the_outlier(theory, 3.0)
    assert list(found.index) == [2.8, 3.2]
    value, _ = at_times(theory[theory["alpha"] == 3.2], "variance", [found.loc[3.2, "lost"], 3.0])
    assert found.loc[3.2, "growth"] == pytest.approx(np.log(value[1] / value[0]))


def test_runs_that_differ_in_their_seeds_alone_are_one_with_smaller_errors(theory):
    one = theory[theory["alpha"] == 3.2]
    both = pd.concat([one, one.assign(variance=3 * one["variance"])])
    found = pooled(both)
    assert np.allclose(found["variance"], 2 * one["variance"])
    assert np.allclose(found["variance_error"], 0.01 / np.sqrt(2))


def test_what_paths_and_steps_change_is_told_apart(theory):
    one = theory[theory["alpha"] == 3.2].assign(batches=4, seed=1)
    few, many, long = (
        one.assign(paths=paths, tolerance=tolerance, variance=factor * one["variance"])
        for paths, tolerance, factor in ((64, 1e-4, 1.0), (256, 1e-4, 2.0), (256, 1e-3, 5.0))
    )
    runs = pd.concat([few, many, long])
    found = by_paths(runs, 3.0)
    expected = {(3.2, 1e-4, 16): 4.0, (3.2, 1e-4, 64): 8.0, (3.2, 1e-3, 64): 20.0}
    assert found["value"].to_dict() == pytest.approx(expected)
    assert most_paths(runs, 1e-4).equals(many)

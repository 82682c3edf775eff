"""How well a score tells who recovers, and two scores on the same runs."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from companion.analysis.prediction import LEAST, auc, auc_difference


def scored(runs=100, seed=0):
    rng = np.random.default_rng(seed)
    fates = np.arange(runs) < 0.4 * runs
    common = rng.standard_normal(runs)
    one = 0.8 * fates + common + 0.5 * rng.standard_normal(runs)
    other = 0.2 * fates + common + 0.5 * rng.standard_normal(runs)
    return pd.DataFrame({"alpha": 2.0, "recovered": fates, "one": one, "other": other})


def test_the_difference_is_that_of_the_two_areas():
    rows = scored()
    areas = [auc(rows[name], rows["recovered"])[0] for name in ("one", "other")]
    assert auc_difference(rows, "one", "other")[0] == pytest.approx(areas[0] - areas[1])


def test_its_error_is_the_spread_of_repeated_experiments():
    # Scores that share most of their noise: the two areas apart would have a larger error.
    found = np.array([auc_difference(scored(seed=seed), "one", "other") for seed in range(200)])
    assert found[:, 1].mean() == pytest.approx(found[:, 0].std(ddof=1), rel=0.2)
    rows = scored()
    apart = np.hypot(*(auc(rows[name], rows["recovered"])[1] for name in ("one", "other")))
    assert found[:, 1].mean() < 0.7 * apart


def test_too_few_of_a_fate_say_nothing():
    rows = scored().iloc[40 - LEAST + 1 :]
    assert np.isnan(auc_difference(rows, "one", "other")).all()

"""Ensembles: the same rows however they are computed, and the means that figures draw."""

import numpy as np
import pandas as pd
import pytest

from companion.ensembles import (
    OBSERVED_TIMES,
    data_folder,
    descents,
    instance,
    mean_interval,
    start_spectra,
    start_spectrum,
)
from prlib.losses import NormalizedIntensity
from prlib.sweeps import Sweep

LOSS = NormalizedIntensity(0.01)


@pytest.fixture(scope="module")
def rows():
    return start_spectra(LOSS, [2.0, 6.0], [20, 40], 3, seed=5)


def test_rows_do_not_depend_on_what_else_is_computed(rows):
    alone = start_spectra(LOSS, [6.0], [40], 3, seed=5)
    same = rows[(rows["alpha"] == 6.0) & (rows["n"] == 40)].reset_index(drop=True)
    pd.testing.assert_frame_equal(alone, same)


def test_smaller_sizes_get_more_replicas(rows):
    assert rows.groupby("n")["replica"].nunique().to_dict() == {20: 6, 40: 3}


def test_another_seed_is_another_instance():
    first, second = (instance(LOSS, 2.0, 20, 0, seed)[0] for seed in (1, 2))
    assert not np.allclose(first.X, second.X)


def test_the_spectrum_is_that_of_the_first_replica(rows):
    lowest = start_spectrum(LOSS, 6.0, 40, seed=5)[0][0]
    first = rows[(rows["alpha"] == 6.0) & (rows["n"] == 40) & (rows["replica"] == 0)]
    assert first["lowest"].item() == pytest.approx(lowest, rel=1e-9)


def test_every_run_is_observed_at_every_time():
    found = descents(LOSS, [2.0, 6.0], 24, 2, 5.0, seed=1, points=6)
    assert found.groupby(["alpha", "replica"])["time"].nunique().eq(7).all()
    assert found["time"].max() == pytest.approx(5.0)
    assert (found["rises"] == 0).all()


def test_the_interval_of_a_mean_is_students():
    values = pd.DataFrame({"n": 1, "x": [1.0, 2.0, 4.0]})
    found = mean_interval(values, "n", "x").loc[1]
    # t(0.975, 2) = 4.302653
    assert found["high"] - found["mean"] == pytest.approx(4.302653 * found["error"], rel=1e-6)


def test_notebooks_observe_at_the_times_of_the_data():
    spec = Sweep.load(data_folder() / "specs" / "alignment.toml")
    assert all(grid.observe == OBSERVED_TIMES for grid in spec.grids)

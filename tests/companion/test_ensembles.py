"""Ensembles: the same rows however they are computed, with the instances of the sweeps."""

import numpy as np
import pandas as pd
import pytest

from companion.ensembles import (
    OBSERVED_TIMES,
    constrained_descents,
    constrained_spectrum,
    data_folder,
    start_spectra,
    start_spectrum,
)
from prlib.descent import instance
from prlib.losses import NormalizedIntensity
from prlib.sweeps import Sweep
from prlib.sweeps.descents import replica_seed

LOSS = NormalizedIntensity(0.01)


@pytest.fixture(scope="module")
def rows():
    return start_spectra(LOSS, [2.0, 6.0], [20, 40], 3, seed=5)


def test_rows_do_not_depend_on_what_else_is_computed(rows):
    alone = start_spectra(0.01, [6.0], [40], 3, seed=5)
    same = rows[(rows["alpha"] == 6.0) & (rows["n"] == 40)].reset_index(drop=True)
    pd.testing.assert_frame_equal(alone, same)
    assert set(rows["loss"]) == {"normalized(a=0.01)"}


def test_smaller_sizes_get_more_replicas(rows):
    assert rows.groupby("n")["replica"].nunique().to_dict() == {20: 6, 40: 3}


def test_a_replica_is_the_instance_that_a_sweep_gives_it(rows):
    problem, w = instance(LOSS, 6.0, 40, replica_seed(5, 1), dtype=np.float64)
    found = rows[(rows["alpha"] == 6.0) & (rows["n"] == 40) & (rows["replica"] == 1)]
    assert found["mu"].item() == pytest.approx(problem.mu(w))


def test_the_spectrum_is_that_of_the_first_replica(rows):
    lowest = start_spectrum(LOSS, 6.0, 40, seed=5)[0][0]
    first = rows[(rows["alpha"] == 6.0) & (rows["n"] == 40) & (rows["replica"] == 0)]
    assert first["lowest"].item() == pytest.approx(lowest, rel=1e-9)


@pytest.fixture(scope="module")
def held():
    return constrained_descents(LOSS, [6.0], [24, 48], 2, 2.0, seed=1, points=5)


def test_constrained_descents_stay_on_the_equator_and_go_down(held):
    assert held["abs_overlap"].max() < 1e-10
    assert (held["rises"] == 0).all()
    assert held.groupby("n")["replica"].nunique().to_dict() == {24: 4, 48: 2}
    energies = held.sort_values("time").groupby(["n", "replica"])["energy"]
    assert (energies.last() < energies.first()).all()


def test_the_constrained_spectrum_is_that_of_the_first_replica(held):
    eigenvalues, law = constrained_spectrum(LOSS, 6.0, 48, 2.0, seed=1)
    found = held[(held["n"] == 48) & (held["replica"] == 0)].sort_values("time").iloc[-1]
    # The runs record at other times: their steps differ, so the states do a little.
    assert eigenvalues[0] == pytest.approx(found["lowest"], abs=0.3)
    assert law.energy == pytest.approx(found["energy"], rel=0.05)


def test_notebooks_observe_at_the_times_of_the_data():
    spec = Sweep.load(data_folder() / "specs" / "alignment.toml")
    assert all(grid.observe == OBSERVED_TIMES for grid in spec.grids)

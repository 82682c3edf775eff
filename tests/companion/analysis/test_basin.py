"""The overlap that recovers in time, from courses whose answer is known."""

import numpy as np
import pandas as pd
import pytest

from companion.analysis.basin import basin, basins, constants_compared, probes, share_from
from companion.analysis.finite_size import recovery_probability

RATE = 0.5


def course(alpha, start, seed, faster=1.0):
    """An overlap that grows as an exponential, and closes in on the signal as another."""
    t = np.linspace(0.0, 20.0, 2001)
    grown = start * np.exp(RATE * faster * t)
    half = np.log(0.5 / start) / (RATE * faster)
    overlap = np.where(grown < 0.5, grown, 1 - 0.5 * np.exp(-2 * np.maximum(t - half, 0)))
    columns = {
        "t": t,
        "overlap": overlap,
        "overlap_error": 0.0,
        "log_distance": np.log(1 - overlap),
    }
    return pd.DataFrame({"alpha": alpha, "start_overlap": start, "seed": seed, **columns})


def courses(alpha=3.0, starts=(1e-6, 0.005, 0.01, 0.02)):
    return pd.concat(
        [
            course(alpha, start, seed, faster)
            for start in starts
            for seed, faster in ((1, 0.98), (2, 1.02))
        ],
        ignore_index=True,
    )


def test_it_is_the_overlap_whose_descent_arrives_just_in_time():
    # From 1/2 it takes log(50)/2 to 0.99; half is reached from m after log(1/2m)/RATE.
    time = 9.0
    found = basin(courses(), time).loc[3.0]
    assert found["overlap"] == pytest.approx(
        0.5 * np.exp(-RATE * (time - np.log(50) / 2)), rel=0.01
    )
    assert found["growth"] == pytest.approx(np.exp(RATE * time), rel=0.01)
    # What one seed grows faster it needs less of: the product hardly scatters.
    constants = [0.5 * 50 ** (RATE * faster / 2) for faster in (0.98, 1.02)]
    assert found["constant"] == pytest.approx(np.mean(constants), rel=1e-4)
    assert found["constant_error"] == pytest.approx(abs(np.diff(constants)[0]) / 2, rel=1e-2)
    assert found["seeds"] == 2
    each = basins(courses(), time)
    assert each["seed"].tolist() == [1, 2]
    assert each["constant"].to_numpy() == pytest.approx(constants, rel=1e-4)


def test_an_alpha_at_which_nothing_arrives_is_left_out():
    none = courses(4.0, (1e-6, 1e-5, 2e-5))
    assert basin(pd.concat([courses(), none]), 9.0).index.tolist() == [3.0]
    assert basin(none, 9.0).empty


def test_beyond_the_alphas_of_theory_nothing_is_expected(monkeypatch):
    monkeypatch.setattr(
        "companion.analysis.basin.constants",
        lambda *_: pd.DataFrame({"c": [0.7, 0.8], "standard error": 0.01}, [64, 128]),
    )
    monkeypatch.setattr(
        "companion.analysis.basin.half_points",
        lambda *_: pd.DataFrame({"n": [64, 128], "half": [2.75, 9.0]}),
    )
    monkeypatch.setattr("companion.analysis.basin.near_half", lambda table: table)
    found = basin(pd.concat([courses(2.5), courses(3.0)]), 9.0)
    compared = constants_compared(pd.DataFrame({"start": ["random"]}), None, found)
    assert compared["expected"].tolist() == pytest.approx(
        [found["constant"].mean(), np.nan], nan_ok=True
    )


def test_probes_are_shares_of_what_grows_to_one():
    theory = pd.DataFrame({"alpha": 3.0, "t": [0.0, 1.0, 10.0]})
    theory = theory.assign(amplification=[1.0, 2.0, 12.3], amplification_error=0.1)
    assert probes(theory, 3.0, 10.0, [0.01, 0.55]) == (0.00081, 0.045)


def test_where_theory_reached_nothing_the_runs_stand_alone(monkeypatch):
    monkeypatch.setattr(
        "companion.analysis.basin.constants",
        lambda *_: pd.DataFrame({"c": [0.7], "standard error": 0.01}, [64]),
    )
    monkeypatch.setattr(
        "companion.analysis.basin.half_points", lambda *_: pd.DataFrame({"n": [64], "half": [2.75]})
    )
    monkeypatch.setattr("companion.analysis.basin.near_half", lambda table: table)
    none = basin(courses(4.0, (1e-6, 1e-5, 2e-5)), 9.0)
    compared = constants_compared(pd.DataFrame({"start": ["random"]}), None, none)
    assert compared["constant"].tolist() == [0.7]
    assert compared.dropna().empty


def test_the_share_from_the_overlap_is_that_from_the_constant():
    variance, growth = 500.0, 20.0
    constant = 0.01 * growth
    expected = recovery_probability(4096, variance, constant)
    assert share_from(0.01, 4096, variance / growth**2) == pytest.approx(float(expected))

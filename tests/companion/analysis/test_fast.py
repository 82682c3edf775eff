"""What fast transforms change, against free probability and made-up runs."""

import math

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit

from companion.analysis.fast import (
    biases,
    chosen_ratio,
    corner_edge,
    edge_factor,
    edge_shifts,
    fitted_bias,
    halves_by_ratio,
    straight_on,
    without_bias,
)
from companion.ensembles import start_spectra
from companion.fast_rows import fast_runs, gaussian_beside
from prlib.losses import NormalizedIntensity
from prlib.measures import initial
from prlib.problem import Problem, random_on_sphere
from prlib.sensing import Sensing
from prlib.sensing.hadamard import Hadamard
from prlib.spectra.bulk import left_edge

LOSS = NormalizedIntensity(1.0)


@pytest.mark.parametrize("alpha", [2.0, 2.6])
def test_corners_tend_to_gaussian_rows_in_the_first_order_of_the_share(alpha):
    law = initial(LOSS, alpha)
    gaussian = left_edge(law).position + law.mu
    far, farther = (corner_edge(law, ratio) - gaussian for ratio in (512, 1024))
    assert far / farther == pytest.approx(2, rel=0.01)


def test_whole_blocks_have_the_edge_of_rotations():
    """At L = N, with independent curvatures, against the spectrum of one large matrix."""
    n, alpha, rng = 1500, 2.0, np.random.default_rng(0)
    problem = Problem.random(LOSS, n, alpha, rng, sensing=Sensing.read("orthogonal"))
    w = random_on_sphere(n, rng)
    found = np.linalg.eigvalsh(problem.dense_hessian(w))
    law = initial(LOSS, alpha)
    # The second eigenvalue: the lowest is toward the signal. At this size it lies above the edge by
    # about N^(-2/3) of the depth.
    assert found[1] + problem.mu(w) == pytest.approx(corner_edge(law, 1.0), rel=0.05)
    assert abs(corner_edge(law, 1.0) / (left_edge(law).position + law.mu) - 1) > 0.1


@pytest.mark.slow
def test_the_edge_of_fast_rows_is_that_of_corners():
    laws = {math.inf: "gaussian", 2.0: "hadamard(ratio=2)"}
    spectra = [
        start_spectra(0.01, [2.0], [256], 100, 5, sensing=text).assign(ratio=ratio)
        for ratio, text in laws.items()
    ]
    found = edge_shifts(0.01, pd.concat(spectra)).loc[2.0]
    assert found["mean"] == pytest.approx(found["expected"], abs=4 * found["error"])
    assert found["mean"] < -4 * found["error"]
    factor, error = edge_factor(0.01, pd.concat(spectra))
    # Of two ratios the straight line is the difference itself.
    assert factor == pytest.approx(found["mean"] / found["expected"])
    assert error == pytest.approx(found["error"] / abs(found["expected"]))


def made_up(slope, limit=0.0):
    rng = np.random.default_rng(1)
    rows = [
        (start, n, f"hadamard(ratio={ratio})" if ratio else "gaussian", alpha, replica, recovered)
        for start, half in (("random", 3.0), ("spectral", 2.5))
        for n in (64, 256)
        for ratio in (0, 4, 8, 16)
        for alpha in (2.0, 2.5, 3.0, 3.5)
        for replica in range(300)
        for recovered in [
            rng.random() < expit(4 * (alpha - half - (limit + slope / ratio if ratio else 0)))
        ]
    ]
    columns = ["start", "n", "sensing", "alpha", "replica", "recovered"]
    return halves_by_ratio(pd.DataFrame(rows, columns=columns))


@pytest.mark.parametrize(("slope", "limit"), [(0.0, 0.0), (-1.5, 0.0), (0.0, 0.2)])
def test_a_bias_is_told_from_what_is_left_of_it(slope, limit):
    halves = made_up(slope, limit)
    fit = fitted_bias(halves)
    assert fit.loc["slope", "mean"] == pytest.approx(slope, abs=3 * fit.loc["slope", "error"])
    assert fit.loc["limit", "mean"] == pytest.approx(limit, abs=3 * fit.loc["limit", "error"])
    found = biases(halves)
    assert len(found) == 12
    apart = found["mean"] - limit - slope / found["ratio"]
    assert (apart.abs() < 4 * found["error"]).all()


def test_the_ratio_chosen_is_the_first_whose_bias_surely_does_not_matter():
    halves = made_up(0.5)
    slope, error = fitted_bias(halves).loc["slope"]
    reach = 3 * (abs(slope) + error)
    for least in (4, 8, 16):
        used = pd.DataFrame({"error": [reach / least * 1.01]})
        assert chosen_ratio(halves, used) == least
    assert chosen_ratio(halves, pd.DataFrame({"error": [reach / 16 * 0.99]})) == math.inf


def test_the_default_ratio_is_the_one_that_the_runs_of_the_book_choose():
    bias, scaling = (fast_runs(0.01, what) for what in ("bias", "scaling"))
    compared = halves_by_ratio(pd.concat([bias, gaussian_beside(0.01, bias)]))
    assert chosen_ratio(compared, halves_by_ratio(scaling)) == Hadamard().ratio


def test_without_half_points_no_bias_is_told():
    laws = ["gaussian", "hadamard(ratio=4)"]
    runs = [("random", 64, law, alpha, 0, True) for law in laws for alpha in (2.0, 3.0)]
    columns = ["start", "n", "sensing", "alpha", "replica", "recovered"]
    halves = halves_by_ratio(pd.DataFrame(runs, columns=columns))
    assert biases(halves).empty
    assert fitted_bias(halves).isna().all(axis=None)


def test_a_straight_line_goes_on_with_an_error_that_grows():
    n = np.array([64, 128, 256, 512])
    halves = pd.DataFrame({"n": n, "half": 2 + 0.3 * np.log(n), "error": 0.02})
    found = straight_on(halves, [1024.0, 16384.0])
    assert np.allclose(found["half"], 2 + 0.3 * np.log(found["n"]))
    assert 0.02 < found["error"][0] < found["error"][1]
    assert straight_on(halves[:2], [1024.0]).isna().any(axis=None)


def test_what_goes_as_the_share_of_places_is_extrapolated_away():
    rows = pd.DataFrame({"alpha": 3.0, "time": [0.1, 1.0], "error": 0.001, "count": 8, "n": 64})
    found = {one: rows.assign(mean=[1.1 - 0.2 / one, 0.9 + 0.1 / one]) for one in (4, 8, 16)}
    assert without_bias(found)["mean"].to_numpy() == pytest.approx([1.1, 0.9])

"""What fast transforms change, against free probability and made-up runs."""

import math

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit

from companion.analysis.fast import (
    biases,
    corner_edge,
    edge_factor,
    edge_shifts,
    fitted_bias,
    halves_by_ratio,
    least_ratio,
)
from companion.ensembles import start_spectra
from prlib.losses import NormalizedIntensity
from prlib.measures import initial
from prlib.problem import Problem, random_on_sphere
from prlib.sensing import Sensing
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


def test_the_least_ratio_is_the_first_whose_bias_does_not_matter():
    assert least_ratio(0.5, 0.1, [4, 8, 16, 32]) == 16
    assert least_ratio(0.0, 0.1, [8, 4]) == 4
    assert least_ratio(9.0, 0.1, [4, 8]) == math.inf

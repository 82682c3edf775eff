"""The outlier toward the signal: where it is, where it points, when it exists."""

import numpy as np
import pytest
from scipy.linalg import eigh

from prlib.losses import Intensity, NormalizedIntensity
from prlib.measures import LabelMeasure, empirical, initial
from prlib.problem import Problem, random_on_sphere
from prlib.spectra.bulk import left_edge
from prlib.spectra.outlier import bbp, outlier
from prlib.transitions import alpha_init


@pytest.mark.parametrize("a", [0.01, 1.0, 20.0])
def test_the_outlier_leaves_the_bulk_at_the_transition(a):
    loss = NormalizedIntensity(a)
    alpha = alpha_init(loss).alpha
    assert outlier(initial(loss, alpha * 0.999)) is None
    law = initial(loss, alpha * 1.001)
    found = outlier(law)
    edge = left_edge(law)
    assert found.position < edge.position
    assert found.position == pytest.approx(edge.position, abs=1e-3)
    assert bbp(law, edge.chi * (1 - 1e-12)) > 1


def test_at_a_soft_edge_the_overlap_starts_from_zero_and_grows():
    loss = NormalizedIntensity(0.01)
    alphas = alpha_init(loss).alpha * np.array([1.0001, 1.2, 1.5, 2.0, 4.0])
    overlaps = [outlier(initial(loss, alpha)).overlap2 for alpha in alphas]
    assert overlaps[0] < 0.01
    assert np.all(np.diff(overlaps) > 0)
    assert overlaps[-1] < 1


def test_without_a_bulk_edge_there_is_no_outlier():
    assert outlier(initial(Intensity(), 5.0)) is None


def test_fewer_measurements_than_dimensions_all_of_them_convex_show_nothing():
    rng = np.random.default_rng(0)
    problem = Problem.random(NormalizedIntensity(0.01), n=60, alpha=0.5, rng=rng)
    law = empirical(problem, problem.signal)
    edge = left_edge(law)
    assert np.isinf(edge.chi)
    # alpha E[1 - z²] is the rest at chi = infinity, minus what the plane itself takes.
    assert abs(bbp(law, edge.chi)) < 1
    assert outlier(law, edge) is None


def test_a_vanishing_overlap_changes_nothing():
    # The plane of w* and w at small m against the symmetric formula at m = 0: the law of a state
    # with overlap m is the symmetric one with ŷ -> m y + sqrt(1 - m²) ŷ, on nodes of all signs.
    loss = NormalizedIntensity(0.01)
    half = initial(loss, 4.0)
    signs = np.array([[1, 1], [1, -1], [-1, 1], [-1, -1]])
    y = (signs[:, :1] * half.y).ravel()
    free = (signs[:, 1:] * half.yhat).ravel()
    m = 1e-5
    yhat = m * y + np.sqrt(1 - m * m) * free
    whole = LabelMeasure(loss, 4.0, y, y, yhat, np.tile(half.weights, 4) / 4, m, half.floor)
    exact, found = outlier(half), outlier(whole)
    assert found.position == pytest.approx(exact.position, rel=1e-5)
    assert found.overlap2 == pytest.approx(exact.overlap2, rel=1e-3)


@pytest.mark.slow
@pytest.mark.parametrize("m", [0.0, 0.4])
@pytest.mark.parametrize(("a", "alpha"), [(0.01, 6.0), (1.0, 3.0)])
def test_theory_of_infinite_size_meets_actual_hessians(a, alpha, m):
    # N = 1500, with and without an overlap of the estimate with the signal. The bias is of order
    # 1/N, well inside the standard error of ten instances, which is of order (10 N)^(-1/2).
    loss, n = NormalizedIntensity(a), 1500
    rng = np.random.default_rng(11)
    rows = []
    for _ in range(10):
        problem = Problem.random(loss, n=n, alpha=alpha, rng=rng)
        free = random_on_sphere(n, rng)
        free -= (free @ problem.signal) / n * problem.signal
        w = m * problem.signal + np.sqrt((1 - m * m) * n) * free / np.linalg.norm(free)
        values, vectors = eigh(problem.dense_hessian(w), subset_by_index=[0, 0])
        law = empirical(problem, w)
        theory = outlier(law)
        rows.append(
            [
                values[0] - theory.position,
                (vectors[:, 0] @ problem.signal) ** 2 / n - theory.overlap2,
            ]
        )
    rows = np.array(rows)
    errors = rows.std(axis=0, ddof=1) / np.sqrt(len(rows))
    assert np.all(np.abs(rows.mean(axis=0)) < 4 * errors)

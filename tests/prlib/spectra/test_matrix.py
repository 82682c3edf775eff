"""Every loss with every source of the measure, against dense matrices of the same law."""

from functools import lru_cache

import numpy as np
import pytest
from scipy.linalg import eigh
from scipy.stats import t

from prlib.losses import Amplitude, Intensity, NormalizedIntensity, Poisson, PseudoHuber
from prlib.measures import LabelMeasure, empirical, initial, threshold_state
from prlib.measures.dynamical import dynamical
from prlib.problem import Problem, random_on_sphere
from prlib.spectra.bulk import left_edge
from prlib.spectra.outlier import outlier

N, MATRICES = 200, 3
LOSSES = {
    NormalizedIntensity(0.1): 8.0,
    NormalizedIntensity(10.0): 20.0,
    Intensity(): 24.0,
    Amplitude(0.3): 16.0,
    Poisson(1.0): 60.0,
    PseudoHuber(1.0): 20.0,
}
"""Each with an alpha above its transitions."""


def of_an_instance(loss, alpha):
    rng = np.random.default_rng(1)
    problem = Problem.random(loss, 1000, alpha, rng)
    law = empirical(problem, random_on_sphere(1000, rng))
    nodes = law.z, law.y, law.yhat, law.weights
    return LabelMeasure(loss, alpha, *nodes, 0.0, law.floor)


SOURCES = {
    "random start": initial,
    "threshold states": threshold_state,
    "descent": lambda loss, alpha: dynamical(
        loss, alpha, np.full(4, 0.01 / alpha), paths=4096, batches=2
    ).measure(-1),
    "instance": of_an_instance,
}


@lru_cache
def sampled(source, loss):
    """Energy, mu, lowest two eigenvalues and overlap of matrices whose rows follow a law."""
    law = SOURCES[source](loss, LOSSES[loss])
    rng, found = np.random.default_rng(3), []
    for _ in range(MATRICES):
        count = round(law.alpha * N)
        # One node in each share of 1/count of the probability, in the order of the curvature.
        order = np.argsort(law.curvature)
        ranks = (np.arange(count) + rng.random(count)) / count
        places = np.minimum(np.searchsorted(np.cumsum(law.weights[order]), ranks), len(order) - 1)
        nodes = order[places]
        signs = rng.choice([-1, 1], (2, count))
        X = rng.standard_normal((count, N))
        X[:, 0], X[:, 1] = signs[0] * law.z[nodes], signs[1] * law.yhat[nodes]
        y, yhat = law.y[nodes], law.yhat[nodes]
        mu = loss.derivative(y, yhat) @ yhat / N
        H = (X.T * loss.curvature(y, yhat)) @ X / N - mu * np.eye(N)
        values, vectors = eigh(H, subset_by_index=[0, 1])
        found.append([loss.value(y, yhat).sum() / N, mu, *values, vectors[0, 0] ** 2])
    return law, np.mean(found, axis=0)


@pytest.mark.parametrize("loss", LOSSES, ids=lambda loss: loss.id)
@pytest.mark.parametrize("source", SOURCES)
def test_energy_multiplier_edge_and_outlier_are_those_of_dense_matrices(source, loss):
    law, (energy, mu, lowest, second, overlap2) = sampled(source, loss)
    edge, found = left_edge(law), outlier(law)
    # Three matrices of this size scatter by a few per cent, in units of mu.
    assert energy == pytest.approx(law.energy, rel=0.05)
    assert mu == pytest.approx(law.mu, rel=0.05)
    if edge.position == -np.inf:
        assert found is None
        return
    assert found.position == pytest.approx(lowest, abs=0.1 * mu)
    assert found.overlap2 == pytest.approx(overlap2, abs=0.1)
    # Of order N^(-2/3), 0.03, inside the bulk.
    assert -0.05 * mu < second - edge.position < 0.2 * mu


# Above the transition at both overlaps: closer to it a law of 300 states may have no outlier, as
# that of the amplitude loss at alpha = 6 and m = 0.8, where larger ones do.
@pytest.mark.parametrize("m", [0.4, 0.8])
@pytest.mark.parametrize(
    ("loss", "alpha"),
    [(NormalizedIntensity(0.1), 6.0), (PseudoHuber(1.0), 6.0), (Amplitude(0.3), 16.0)],
    ids=str,
)
def test_with_an_overlap_the_outlier_is_that_of_dense_hessians(loss, alpha, m):
    rng, n, rows = np.random.default_rng(5), 300, []
    for _ in range(10):
        problem = Problem.random(loss, n, alpha, rng)
        free = random_on_sphere(n, rng)
        free -= (free @ problem.signal) / n * problem.signal
        w = m * problem.signal + np.sqrt((1 - m * m) * n) * free / np.linalg.norm(free)
        values, vectors = eigh(problem.dense_hessian(w), subset_by_index=[0, 0])
        found = outlier(empirical(problem, w))
        overlap2 = (vectors[:, 0] @ problem.signal) ** 2 / n
        rows.append([found.position / values[0] - 1, found.overlap2 - overlap2])
    means, errors = np.mean(rows, axis=0), np.std(rows, axis=0, ddof=1) / np.sqrt(len(rows))
    # Within the interval of Student's t of 99.8 %, narrow enough to see a fifth of either number.
    assert np.all(np.abs(means) < t.ppf(0.999, len(rows) - 1) * errors + 1 / n)
    assert np.all(t.ppf(0.999, len(rows) - 1) * errors < 0.2)

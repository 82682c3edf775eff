"""The dynamical theory from an overlap, against closed forms, its own limit, and simulation."""

from __future__ import annotations

import math

import numpy as np
import pytest

from prlib.losses import Amplitude, NormalizedIntensity
from prlib.measures import empirical
from prlib.measures.dynamical import dynamical
from prlib.parameters import ParameterError
from prlib.problem import Problem, random_on_sphere
from prlib.spectra.bulk import left_edge
from prlib.spectra.outlier import bbp
from prlib.transitions.time_dependent import dynamics

SIGMA = 4.0
"""Standard errors by which two results may differ: seeds are fixed, so the tests are not flaky."""


def agree(one, error, other, other_error=0.0):
    return np.all(np.abs(one - other) <= SIGMA * np.hypot(error, other_error) + 1e-12)


@pytest.mark.parametrize("loss", [NormalizedIntensity(1.0), Amplitude(0.3)], ids=str)
def test_one_step_is_that_of_two_gaussian_fields(loss):
    alpha, eta, m = 3.0, 0.02, 0.4
    # The label has a kink at z = 0, and half of the plane stands for all of it.
    nodes, weights = np.polynomial.legendre.leggauss(400)
    z, u = np.meshgrid(4 * (nodes + 1), 8 * nodes, indexing="ij")
    weight = np.outer(weights, weights) * np.exp(-(z**2 + u**2) / 2)
    weight /= weight.sum()
    field = m * z + math.sqrt(1 - m * m) * u
    r = loss.derivative(z, field)

    def mean(values):
        return alpha * float(np.sum(weight * values))

    shrink = 1 + eta * mean(r * field)
    along = m * shrink - eta * mean(r * z)
    across = math.sqrt(1 - m * m) * shrink - eta * mean(r * u)
    expected = along / math.sqrt(along**2 + across**2 + eta**2 * mean(r * r))
    run = dynamical(loss, alpha, [eta], paths=16384, batches=8, overlap=m)
    assert abs(run.overlap.value[1] - expected) < SIGMA * run.overlap.error[1]
    assert run.overlap.error[1] < 1e-3
    assert np.isnan(run.batch_variance).all()


def test_a_small_overlap_grows_as_the_fluctuations_say():
    given = (NormalizedIntensity(0.1), 3.0, np.geomspace(1e-3, 0.02, 40))
    small = dynamical(*given, paths=32768, batches=8, overlap=1e-3)
    zero = dynamical(*given, paths=32768, batches=8, seed=1)
    grown = small.overlap.value[-1] / 1e-3
    assert grown > 1.5
    error = small.overlap.error[-1] / 1e-3
    assert agree(grown, error, zero.amplification.value[-1], zero.amplification.error[-1])
    assert np.all(zero.batch_overlap == 0)
    assert agree(small.energy.value, small.energy.error, zero.energy.value, zero.energy.error)


def test_the_sign_of_the_signal_is_free():
    given = {"a": 1.0, "alpha": 3.0, "time": 0.2, "paths": 8192, "batches": 8}
    up, down = (dynamics(**given, overlap=m)[-1] for m in (0.3, -0.3))
    assert agree(up.overlap, up.overlap_error, -down.overlap, down.overlap_error)
    assert agree(up.energy, up.energy_error, down.energy, down.energy_error)
    assert up.variance is None
    assert up.amplification is None


def test_noisy_labels_and_impossible_overlaps_are_refused():
    with pytest.raises(ParameterError, match=r"channel = 'additive.*must be noiseless"):
        dynamics(1.0, 3.0, 0.1, overlap=0.3, channel="additive(sigma=0.3)")
    with pytest.raises(ParameterError, match="overlap = 1"):
        dynamics(1.0, 3.0, 0.1, overlap=1.0)


N, INSTANCES, STARTS = 2000, 8, 4
STEPS = np.minimum(1e-4 * 1.08 ** np.arange(100), 0.012)


def _simulated(loss, alpha, m, seed):
    rng = np.random.default_rng([2026_11_26, seed, int(10 * m)])
    problem = Problem.random(loss, N, alpha, rng)
    signal = problem.signal[:, None]
    w = np.stack([random_on_sphere(N, rng) for _ in range(STARTS)], axis=1)
    w -= signal * (signal.T @ w) / N
    w *= math.sqrt(N * (1 - m * m)) / np.linalg.norm(w, axis=0)
    w += m * signal
    for step in STEPS:
        fields = problem.X @ w
        residual = loss.derivative(problem.y[:, None], fields)
        w = w * (1 + step * np.sum(residual * fields, axis=0) / N)
        w -= step * (problem.X.T @ residual)
        w *= math.sqrt(N) / np.linalg.norm(w, axis=0)
    laws = [empirical(problem, one) for one in w.T]
    edges = [left_edge(law) for law in laws[:2]]
    return (
        np.mean([law.energy for law in laws]),
        np.mean([law.mu for law in laws]),
        np.mean(w.T @ problem.signal) / N,
        np.mean([edge.position for edge in edges]),
        np.mean([bbp(law, edge.chi) for law, edge in zip(laws, edges, strict=False)]),
    )


@pytest.mark.slow
@pytest.mark.parametrize("overlap", [0.1, 0.3, 0.5])
def test_theory_and_simulation_agree_at_an_overlap(overlap):
    loss, alpha = NormalizedIntensity(0.01), 2.5
    run = dynamical(loss, alpha, STEPS, paths=65536, overlap=overlap)

    def spectral(law):
        edge = left_edge(law)
        return edge.position, bbp(law, edge.chi)

    batches = np.array([spectral(run.measure(-1, batch)) for batch in range(16)])
    expected = np.array(
        [run.energy.value[-1], run.mu.value[-1], run.overlap.value[-1], *spectral(run.measure(-1))]
    )
    error = np.array(
        [
            run.energy.error[-1],
            run.mu.error[-1],
            run.overlap.error[-1],
            *(batches.std(axis=0, ddof=1) / 4),
        ]
    )
    seen = np.array([_simulated(loss, alpha, overlap, seed) for seed in range(INSTANCES)])
    scatter = seen.std(axis=0, ddof=1) / math.sqrt(INSTANCES)
    scores = (seen.mean(axis=0) - expected) / np.hypot(error, scatter)
    assert np.all(np.abs(scores) < SIGMA), scores

"""The matrix-tensor model: closed forms, two-time equations, and a simulation against both."""

import math

import numpy as np
import pytest

from prlib.models.matrix_tensor import (
    Instance,
    MatrixTensor,
    descend_strengths,
    flow_of,
    matrix_transition,
    two_time,
)
from prlib.parameters import ParameterError
from prlib.problem import random_on_sphere


@pytest.mark.parametrize("tensor", [0.3, 2.0, 1e6])
@pytest.mark.parametrize("order", [3, 4])
def test_the_transition_of_a_start_and_of_threshold_states_are_one(tensor, order):
    """Only mu moves along a descent: the outlier of every time has one threshold."""
    at = matrix_transition(tensor, order)
    for factor, there in ((0.999, True), (1.001, False)):
        model = MatrixTensor(at * factor, tensor, order)
        for mu in (0.0, model.threshold_mu):
            found = model.outlier(mu)
            assert (found is not None) == there
            assert found is None or found < model.left_edge(mu).position
    assert MatrixTensor(at, tensor, order).threshold_mu == pytest.approx(-2 / at)


def test_without_a_tensor_it_is_the_spiked_matrix():
    """The transition of Baik, Ben Arous and Péché: at Delta_2 = 1, with q = 1 - Delta_2."""
    assert matrix_transition(math.inf) == 1
    assert MatrixTensor(0.6, math.inf).overlap2 == pytest.approx(0.4)


def test_a_homogeneous_loss_has_mu_of_p_times_its_energy():
    for order in (3, 4):
        run = two_time(MatrixTensor(math.inf, 1.0, order), flow_of(MatrixTensor(1.0, 1.0), 20.0))
        assert np.allclose(run.mu, order * run.energy, atol=1e-12)


def test_the_pure_tensor_ages_towards_its_threshold_energy():
    r"""-2 sqrt(Q''(1))/p, as the power 2/3 of time: arXiv:cond-mat/9303036."""
    model = MatrixTensor(math.inf, 1.0)
    run = two_time(model, flow_of(model, 400.0))
    left = run.energy - model.threshold_mu / 3
    early, late = (left[np.argmin(np.abs(run.times - t))] for t in (50, 400))
    assert 0 < late < 0.02
    assert math.log(early / late) / math.log(8) == pytest.approx(2 / 3, abs=0.06)


def test_the_flow_is_the_limit_of_small_steps():
    model = MatrixTensor(0.7, 2.0)
    flow = two_time(model, flow_of(model, 5.0, growth=0.02))
    coarse, fine = (two_time(model, np.full(k, 5 / k)) for k in (200, 400))
    for name in ("variance", "energy", "mu"):
        ends = [getattr(run, name)[-1] for run in (flow, coarse, fine)]
        # Explicit steps are of first order: extrapolate.
        assert 2 * ends[2] - ends[1] == pytest.approx(ends[0], rel=1e-3)


@pytest.mark.parametrize("matrix", [0.35, 0.45])
def test_the_overlap_grows_at_the_rate_of_the_outlier_above_the_transition(matrix):
    model = MatrixTensor(matrix, 2.0)
    run = two_time(model, flow_of(model, 40.0))
    late = run.times > 20
    slope = np.polyfit(run.times[late], np.log(run.variance[late]), 1)[0]
    rate = -2 * model.outlier(run.mu[late].mean())
    assert slope == pytest.approx(rate, rel=0.03)


def test_below_the_transition_the_rate_of_growth_vanishes():
    model = MatrixTensor(1.0, 2.0)
    run = two_time(model, flow_of(model, 1000.0, growth=0.1))
    logs = np.interp(np.log([10, 100, 1000]), np.log(run.times[1:]), np.log(run.variance[1:]))
    # At most a power of time, where above the transition it would be an exponential.
    assert np.diff(logs)[1] < 1.5 * np.diff(logs)[0]
    assert np.allclose(np.diagonal(run.correlation), 1)


def test_gradient_and_hessian_are_derivatives_of_the_energy():
    rng = np.random.default_rng(0)
    instance = Instance.random(MatrixTensor(0.5, 1.5), 12, rng)
    w, v, u = random_on_sphere(12, rng), rng.standard_normal(12), rng.standard_normal(12)
    h = 1e-5
    slope = 12 * (instance.energy(w + h * v) - instance.energy(w - h * v)) / (2 * h)
    assert instance.gradient(w) @ v == pytest.approx(slope, rel=1e-7)
    bend = u @ (instance.gradient(w + h * v) - instance.gradient(w - h * v)) / (2 * h)
    mu = instance.gradient(w) @ w / 12
    assert u @ instance.hessian(w) @ v + mu * (u @ v) == pytest.approx(bend, rel=1e-6)


def test_the_loss_has_the_covariance_that_it_says():
    model, rng = MatrixTensor(0.8, 1.3), np.random.default_rng(1)
    w = random_on_sphere(10, rng)
    other = random_on_sphere(10, rng) + w
    other *= math.sqrt(10 / (other @ other))
    q, found = float(w @ other) / 10, []
    for _ in range(4000):
        instance = Instance.random(model, 10, rng)
        noise = [
            instance.energy(v) + float(model.covariance(instance.overlap(v))) for v in (w, other)
        ]
        found.append([10 * noise[0] ** 2, 10 * noise[0] * noise[1]])
    mean, error = np.mean(found, axis=0), np.std(found, axis=0) / math.sqrt(4000)
    assert np.all(np.abs(mean - model.covariance([1.0, q])) < 4 * error)


@pytest.mark.parametrize(
    ("numbers", "message"),
    [
        ((0.0, 1.0), "matrix = 0.0: must be a finite number > 0"),
        ((1.0, -1.0), "tensor = -1.0: must be a finite number > 0"),
        ((1.0, 1.0, 2), "order = 2: must be a whole number >= 3"),
    ],
)
def test_bad_numbers_are_named(numbers, message):
    with pytest.raises(ParameterError, match=message):
        MatrixTensor(*numbers)


@pytest.mark.slow
def test_hessians_meet_their_theory():
    """At N = 150, ten draws: outlier, edge and overlap, with corrections of order N^(-2/3)."""
    model, n, rng, rows = MatrixTensor(0.4, 2.0), 150, np.random.default_rng(3), []
    for _ in range(10):
        instance = Instance.random(model, n, rng)
        w = random_on_sphere(n, rng)
        w = w - instance.overlap(w) * instance.signal
        w *= math.sqrt(n / (w @ w))
        mu = float(instance.gradient(w) @ w) / n
        tangent = np.eye(n) - np.outer(w, w) / n
        values, vectors = np.linalg.eigh(tangent @ instance.hessian(w) @ tangent)
        rows.append(
            [
                values[0] - model.outlier(mu),
                values[1] - model.left_edge(mu).position,
                (vectors[:, 0] @ instance.signal) ** 2 / n - model.overlap2,
            ]
        )
    mean, error = np.mean(rows, axis=0), np.std(rows, axis=0, ddof=1) / np.sqrt(10)
    spread = -model.threshold_mu / 2
    assert np.all(np.abs(mean) < 4 * error + [2 * spread / n, 2 * spread * n ** (-2 / 3), 3 / n])


@pytest.mark.slow
@pytest.mark.parametrize("n", [50, 150])
def test_simulations_meet_the_two_time_equations(n):
    """Energy and V at early times, while N is far above V: within four standard errors."""
    model, steps, count = MatrixTensor(0.8, 2.0), np.full(30, 0.05), 60
    theory, rng, rows = two_time(model, steps), np.random.default_rng(4), []
    for _ in range(count):
        instance = Instance.random(model, n, rng)
        overlap, energy, _ = instance.descend(random_on_sphere(n, rng), steps)
        rows.append(np.concatenate([n * overlap[[0, 10, 20]] ** 2, energy[[10, 20, 30]]]))
    expected = np.concatenate([theory.variance[[0, 10, 20]], theory.energy[[10, 20, 30]]])
    mean, error = np.mean(rows, axis=0), np.std(rows, axis=0, ddof=1) / math.sqrt(count)
    # Corrections are of relative order V/N.
    allowed = 4 * error + np.concatenate([expected[:3] ** 2, np.ones(3)]) * 2 / n
    assert np.all(np.abs(mean - expected) < allowed)


def test_strengths_descend_together_as_each_does_alone():
    n, step = 12, 0.05
    matrices = np.array([0.2, 0.5])
    options = {"steps": 40, "step": step, "held": 10, "dtype": "float64"}
    start, end = descend_strengths(2.0, matrices, n, np.random.default_rng(3), **options)
    for k, matrix in enumerate(matrices):
        rng = np.random.default_rng(3)
        model = MatrixTensor(matrix, 2.0)
        drawn, point = Instance.random(model, n, rng), random_on_sphere(n, rng)
        free, _, _ = drawn.descend(point, np.full(40, step))
        held, _, _ = drawn.descend(point, np.full(50, step), held=10)
        assert np.allclose([free[0], free[-1]], [start[0, k], end[0, k]])
        assert np.isclose(start[1, k], 0, atol=1e-12)
        # A held one is free for as many steps again.
        assert np.isclose(held[-1], end[1, k])

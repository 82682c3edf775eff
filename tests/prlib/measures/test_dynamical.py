"""The dynamical theory against closed forms, the random start, and simulation."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import pytest
from scipy.linalg import eigvalsh

from prlib.losses import Amplitude, Loss, NormalizedIntensity, Poisson
from prlib.measures import empirical, initial
from prlib.measures.dynamical import Estimate, choose_flow, cost, dynamical
from prlib.measures.dynamical.flow import scheme, stability
from prlib.measures.dynamical.paths import FRESH, Noise, SamplePaths
from prlib.measures.dynamical.response import LANES, mean_response
from prlib.parameters import ParameterError
from prlib.problem import Problem, random_on_sphere
from prlib.spectra.bulk import left_edge
from prlib.spectra.outlier import outlier

SIGMA = 4.0
"""Standard errors by which two results may differ: seeds are fixed, so the tests are not flaky."""


@dataclass(frozen=True)
class Quadratic(Loss):
    """The loss whose descent is linear."""

    @staticmethod
    def l(y, yhat):  # noqa: ARG004
        return yhat * yhat / 2

    @staticmethod
    def dl(y, yhat):  # noqa: ARG004
        return yhat

    @staticmethod
    def d2l(y, yhat):  # noqa: ARG004
        return np.ones_like(yhat)

    @property
    def curvature_floor(self):
        return 1.0


def marchenko_pastur(alpha, order=400):
    """Eigenvalues of X^T X and their weights: Gauss-Chebyshev of the second kind."""
    angle = np.arange(1, order + 1) * np.pi / (order + 1)
    eigenvalues = 1 + alpha + 2 * math.sqrt(alpha) * np.cos(angle)
    weights = 2 * alpha * np.sin(angle) ** 2 / (order + 1) / eigenvalues
    return eigenvalues, weights


def agree(value, error, reference, reference_error=0.0, sigma=SIGMA):
    """Whether two results differ by no more than their standard errors allow."""
    total = np.sqrt(np.square(error) + np.square(reference_error))
    return np.all(np.abs(np.asarray(value) - reference) <= sigma * total)


@pytest.mark.parametrize(("a", "alpha"), [(0.01, 3.5), (1.0, 2.0)])
def test_at_the_start_it_is_the_initial_measure(a, alpha):
    loss = NormalizedIntensity(a)
    run, exact = dynamical(loss, alpha, [1e-4], paths=32768), initial(loss, alpha)
    assert agree(run.energy.value[0], run.energy.error[0], exact.energy)
    assert agree(run.mu.value[0], run.mu.error[0], exact.mu)
    laws = [run.measure(0, batch) for batch in range(16)]
    edges = [left_edge(law).position + law.mu for law in laws]
    error = np.std(edges) / math.sqrt(15)
    assert agree(np.mean(edges), error, left_edge(exact).position + exact.mu)
    found, expected = outlier(run.measure(0)), outlier(exact)
    assert abs(found.position - expected.position) < SIGMA * run.mu.error[0] + 0.01
    assert found.overlap2 == pytest.approx(expected.overlap2, abs=0.02)


def test_linear_descent_has_a_closed_form():
    alpha, steps = 2.0, np.geomspace(0.01, 0.3, 12)
    eigenvalues, weights = marchenko_pastur(alpha)
    run = dynamical(Quadratic(), alpha, steps, paths=16384)
    factor, mus, states = np.ones_like(eigenvalues), [], []
    for step in [*steps, 0.0]:
        mus.append(weights @ (eigenvalues * factor**2))
        states.append(factor)
        factor = factor * (1 + step * (mus[-1] - eigenvalues))
        factor = factor / math.sqrt(weights @ factor**2)
    states = np.array(states)
    correlation = states * weights @ states.T
    # Far below the sampling error of independent paths: the field is Gaussian at every time.
    np.testing.assert_allclose(run.mu.value, mus, atol=0.01)
    np.testing.assert_allclose(run.energy.value, run.mu.value / 2, rtol=1e-12)
    np.testing.assert_allclose(run.correlation.value, correlation, atol=0.003)
    assert agree(run.mu.value, run.mu.error, mus)
    assert agree(run.amplification.value, run.amplification.error + 1e-12, states @ weights)
    # Labels play no part: the overlap stays that of two independent directions.
    assert agree(run.variance.value, run.variance.error + 1e-12, 1.0)


def test_linear_flow_has_a_closed_form():
    eigenvalues, weights = marchenko_pastur(2.0)
    flow = choose_flow(Quadratic(), 2.0, 1.0, tolerance=1e-5)
    run = dynamical(Quadratic(), 2.0, flow, paths=16384)
    decay = np.exp(-np.outer(run.times, eigenvalues))
    norm = np.sqrt(decay**2 @ weights)
    correlation = run.correlation
    assert agree(correlation.value[:, 0], correlation.error[:, 0] + 1e-4, decay @ weights / norm)
    assert run.times[-1] == pytest.approx(1.0)


def test_the_backward_sweep_is_the_forward_recursion():
    rng = np.random.default_rng(3)
    times, paths = 11, 2 * LANES
    f = rng.standard_normal((times, paths))
    response = np.tril(rng.standard_normal((times, times)), -1)
    y2 = rng.standard_normal(paths) ** 2
    forward = np.zeros((times, times, paths))
    for t in range(times):
        forward[t, t] = f[t]
        forward[t, :t] = f[t] * np.einsum("k,ksp->sp", response[t, :t], forward[:t, :t])
    shares = np.stack([np.ones(paths), y2]) / paths
    tiles = np.ascontiguousarray(f.reshape(times, -1, LANES).swapaxes(0, 1))
    for precision, close in ((np.float64, 1e-12), (np.float32, 1e-5)):
        means, squares = np.zeros((2, times)), np.zeros((2, times))
        memory = np.ascontiguousarray(response.T, precision)
        mean_response(tiles.astype(precision), memory, shares, means, squares)
        exact = np.stack([forward[-1], forward[-1] * y2])
        scale = np.sqrt((exact**2).mean(axis=2))
        assert np.all(np.abs(means - exact.mean(axis=2)) < close * scale)
        np.testing.assert_allclose(squares, (exact**2).mean(axis=2) / paths, rtol=close)


def test_the_noise_has_its_covariance_with_few_variables():
    loss = NormalizedIntensity(1.0)
    run = dynamical(loss, 2.0, np.full(80, 0.02), paths=4096, batches=2)
    covariance = run.batch_correlation[0]
    times = len(covariance)
    noise = Noise(SamplePaths(1, 4096, 0, "plain"), 0)
    variables, sample = np.zeros((0, 4096)), []
    for t in range(times):
        row = noise.next(covariance[t, : t + 1])
        if noise.fresh() is not None:
            variables = np.vstack([variables, noise.fresh()])
        sample.append(row @ variables)
    sample = np.array(sample)
    assert noise.rank < times / 2
    exact = noise._coefficients[:times, : noise.rank]
    np.testing.assert_allclose(exact @ exact.T, covariance, atol=math.sqrt(FRESH))
    np.testing.assert_allclose(sample @ sample.T / 4096, covariance, atol=5 / math.sqrt(4096))


def test_the_noise_never_has_more_variance_than_its_covariance():
    # A smooth process on a fine grid: an unguarded factor divides rounding by its own smallness.
    times = np.concatenate([np.linspace(0, 1, 60), np.linspace(1, 40, 120)])
    covariance = np.exp(-((times[:, None] - times) ** 2) / 2) * (
        1 + 0.1 * np.cos(times[:, None] - times)
    )
    covariance /= covariance[0, 0]
    noise = Noise(SamplePaths(1, LANES, 0, "plain"), 0)
    rows = [noise.next(covariance[t, : t + 1]) for t in range(len(times))]
    exact = np.array([np.pad(row, (0, noise.rank - len(row))) for row in rows])
    assert np.max(np.sum(exact**2, axis=1)) < 1 + FRESH
    np.testing.assert_allclose(exact @ exact.T, covariance, atol=math.sqrt(FRESH))


def test_few_paths_are_noisy_and_do_not_run_away():
    loss = NormalizedIntensity(0.01)
    run = dynamical(loss, 3.0, choose_flow(loss, 3.0, 4.0, tolerance=5e-3), paths=512, batches=4)
    assert np.all(run.batch_energy[:, -1] < 1)


def test_errors_over_batches_are_those_of_student_and_of_the_jackknife():
    rng, covered = np.random.default_rng(7), 0
    for _ in range(2000):
        estimate = Estimate.log_of_mean(rng.lognormal(1.0, 0.3, size=4))
        low, high = estimate.interval(0.95)
        covered += low < 1.0 + 0.3**2 / 2 < high
    assert 0.92 < covered / 2000 < 0.97
    batches = rng.lognormal(0.0, 0.01, size=(50, 3))
    one, two = Estimate.log_of_mean(batches), Estimate.of(batches)
    np.testing.assert_allclose(one.value, np.log(two.value), atol=1e-5)
    np.testing.assert_allclose(one.error, two.error / two.value, rtol=0.01)


def test_weights_of_the_paths_give_the_moments_of_normal_labels():
    paths = SamplePaths(8, 2048, 0, "sobol", scale=0.1)
    y, z = paths.y, np.stack([paths.gaussian(batch, 0) for batch in range(8)])
    for values, exact in ((y**2, 1), (y**4, 3), (z**2, 1), (z**4, 3), (y**2 * z**2, 1)):
        means = (paths.weights * values).sum(axis=1)
        assert agree(means.mean(), means.std(ddof=1) / math.sqrt(8), exact)
        assert means.mean() == pytest.approx(exact, rel=0.02)


@pytest.mark.parametrize("stages", [2, 3, 7])
def test_the_scheme_is_of_second_order_and_stable_up_to_its_bound(stages):
    def amplification(z):
        states = [1.0]
        for stage in scheme(stages):
            before = states[-2] if len(states) > 1 else 0.0
            states.append(
                stage.start
                + stage.last * states[-1]
                + stage.before * before
                - z * (stage.velocity_start + stage.velocity_last * states[-1])
            )
        return states[-1]

    errors = [abs(amplification(z) - math.exp(-z)) for z in (0.02, 0.01)]
    assert errors[0] / errors[1] == pytest.approx(8, rel=0.1)
    assert all(abs(amplification(z)) < 1 + 1e-12 for z in np.linspace(0, stability(stages), 300))


def test_a_seed_fixes_every_digit_and_the_energy_falls():
    loss, steps = NormalizedIntensity(0.1), np.full(30, 0.01)
    first, again = (dynamical(loss, 3.0, steps, paths=1024, batches=4, seed=5) for _ in range(2))
    other = dynamical(loss, 3.0, steps, paths=1024, batches=4, seed=6)
    np.testing.assert_array_equal(first.batch_variance, again.batch_variance)
    assert not np.any(first.batch_energy == other.batch_energy)
    assert np.all(np.diff(first.batch_energy, axis=1) < 0)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"alpha": -1.0}, "alpha = -1.0: must be"),
        ({"schedule": [0.1, -0.1]}, "schedule has shape"),
        ({"batches": 1}, "batches = 1: must be"),
        ({"paths": 0}, "paths = 0: must be"),
        ({"paths": 10**12}, r"paths = 1000000000000: with 3 times takes .* GiB of memory"),
        ({"sampling": "best"}, "sampling = 'best': must be"),
    ],
)
def test_what_it_cannot_do_is_refused_in_a_sentence(change, words):
    arguments = {"loss": NormalizedIntensity(1.0), "alpha": 2.0, "schedule": [0.1, 0.1]} | change
    with pytest.raises(ParameterError, match=words):
        dynamical(**arguments)


def test_a_step_beyond_stability_is_an_error_and_not_a_number():
    with pytest.raises(FloatingPointError, match="too large for the curvature"):
        dynamical(NormalizedIntensity(0.01), 3.0, [0.5] * 20, paths=1024, batches=2)


def test_cost_grows_linearly_in_paths_and_as_the_cube_of_times():
    assert cost(2**18, 400).seconds == pytest.approx(4 * cost(2**16, 400).seconds, rel=0.05)
    assert cost(2**16, 4000).seconds == pytest.approx(1000 * cost(2**16, 400).seconds, rel=0.1)


# --- against simulation, step by step ------------------------------------------------------------

# The streams of both sides were chosen, and the number of instances fixed, before any was run.
STREAM, SIZES, INSTANCES, STARTS = 2026_11_24, (500, 1000), 16, 24
STEPS = {
    2.0: np.minimum(1e-4 * 1.08 ** np.arange(100), 0.012),
    3.5: np.minimum(1e-4 * 1.08 ** np.arange(90), 0.008),
    6.0: np.minimum(1e-4 * 1.08 ** np.arange(65), 0.005),
}
TRACY_WIDOM = 1.2065
"""Minus the mean of the Tracy-Widom law of real symmetric matrices."""


@lru_cache(maxsize=3)
def theory(alpha):
    return dynamical(NormalizedIntensity(0.01), alpha, STEPS[alpha], paths=65536, seed=STREAM)


@lru_cache(maxsize=6)
def simulation(alpha, n):
    """Observables of one instance a row: energy, mu, C(t, 0), V, edge, lowest eigenvalue."""
    return np.array([_simulate(alpha, n, seed) for seed in range(INSTANCES)])


def _simulate(alpha, n, seed):
    rng = np.random.default_rng([STREAM, n, seed, int(10 * alpha)])
    loss = NormalizedIntensity(0.01)
    problem = Problem.random(loss, n, alpha, rng)
    w = start = np.stack([random_on_sphere(n, rng) for _ in range(STARTS)], axis=1)
    y = problem.y[:, None]
    for step in STEPS[alpha]:
        fields = problem.X @ w
        residual = loss.derivative(y, fields)
        mu = np.sum(residual * fields, axis=0) / n
        w = w * (1 + step * mu) - step * (problem.X.T @ residual)
        w *= math.sqrt(n) / np.linalg.norm(w, axis=0)
    states = [empirical(problem, one) for one in w.T]
    return (
        np.mean([state.energy for state in states]),
        np.mean([state.mu for state in states]),
        np.mean(w * start),
        np.mean((problem.signal @ w) ** 2) / n,
        np.mean([left_edge(state).position for state in states[:4]]),
        eigvalsh(problem.dense_hessian(w[:, 0]), subset_by_index=[0, 0])[0],
    )


def z_scores(alpha):
    """Differences between theory and simulation in standard errors."""
    run = theory(alpha)
    measure = run.measure(-1)
    edge = left_edge(measure)
    scatter = [left_edge(run.measure(-1, batch)).position for batch in range(16)]
    expected = {
        "energy": (run.energy.value[-1], run.energy.error[-1]),
        "mu": (run.mu.value[-1], run.mu.error[-1]),
        "correlation": (run.correlation.value[-1, 0], run.correlation.error[-1, 0]),
        "variance": (run.variance.value[-1], run.variance.error[-1]),
        "edge": (edge.position, np.std(scatter) / math.sqrt(15)),
    }
    x = measure.curvature / (1 + measure.curvature * edge.chi)
    bend = abs(-2 / edge.chi**3 + 2 * alpha * measure.mean(x**3))
    shift = TRACY_WIDOM * (bend / 2) ** (1 / 3) * SIZES[1] ** (-2 / 3)
    found = outlier(measure, edge)
    separated = found is not None and edge.position - found.position > 4 * shift
    expected["lowest"] = (
        found.position if separated else edge.position + shift,
        expected["edge"][1],
    )
    small, large = (simulation(alpha, n) for n in SIZES)
    # What is left at finite size is of order V/N, the overlap squared: extrapolated linearly. An
    # eigenvalue at the edge of the bulk has its own correction.
    means, variances = small.mean(axis=0), small.var(axis=0, ddof=1) / INSTANCES
    means = 2 * large.mean(axis=0) - means
    variances = 4 * large.var(axis=0, ddof=1) / INSTANCES + variances
    if not separated:
        means[-1], variances[-1] = large[:, -1].mean(), large[:, -1].var(ddof=1) / INSTANCES
    return {
        name: float((means[i] - value) / math.sqrt(error**2 + variances[i]))
        for i, (name, (value, error)) in enumerate(expected.items())
    }


@pytest.mark.slow
@pytest.mark.parametrize("alpha", [2.0, 3.5, 6.0])
def test_theory_and_simulation_agree_step_by_step(alpha):
    scores = z_scores(alpha)
    assert all(abs(score) < SIGMA for score in scores.values()), scores


@pytest.mark.slow
def test_half_the_step_and_four_times_the_paths_move_nothing():
    loss, alpha = NormalizedIntensity(0.01), 3.5
    flow = choose_flow(loss, alpha, 1.0, tolerance=5e-4)
    run = dynamical(loss, alpha, flow, paths=16384)
    for other in (
        dynamical(loss, alpha, flow.halved(), paths=16384, seed=1),
        dynamical(loss, alpha, flow, paths=65536, seed=2),
    ):
        for name in ("energy", "mu", "variance", "amplification"):
            one, two = getattr(run, name), getattr(other, name)
            assert agree(one.value[-1], one.error[-1], two.value[-1], two.error[-1]), name
        assert agree(
            run.correlation.value[-1, 0],
            run.correlation.error[-1, 0],
            other.correlation.value[-1, 0],
            other.correlation.error[-1, 0],
        )
        np.testing.assert_allclose(other.times[-1], run.times[-1])


@pytest.mark.parametrize("loss", [NormalizedIntensity(1.0), Amplitude(0.3), Poisson(1.0)], ids=str)
def test_one_step_moves_the_overlap_as_means_over_the_start_say(loss):
    """V and A after one step, in closed form: means with z^2 along the signal alone."""
    alpha, eta = 3.0, 0.02
    run, law = dynamical(loss, alpha, [eta], paths=8192, batches=8), initial(loss, alpha)
    r2 = loss.derivative(law.y, law.yhat) ** 2

    def moved(z2):
        response, drive = alpha * law.mean(z2 * law.curvature), alpha * law.mean(z2 * r2)
        gain = 1 + eta * law.mu - eta * response
        return gain, gain**2 + eta**2 * drive

    (gain, variance), (_, norm2) = moved(law.z**2), moved(np.ones_like(law.z))
    for found, expected in (
        (run.variance, variance / norm2),
        (run.amplification, gain / math.sqrt(norm2)),
    ):
        assert abs(found.value[1] - expected) < 5 * found.error[1] + 1e-6

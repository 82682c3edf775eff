"""The landscape of one instance: its parts agree with one another."""

import numpy as np
import pytest
from scipy.sparse.linalg import aslinearoperator

from prlib.losses import Intensity, NormalizedIntensity
from prlib.parameters import ParameterError
from prlib.problem import Problem, random_on_sphere

LOSSES = [NormalizedIntensity(0.01), NormalizedIntensity(2.0), Intensity()]


@pytest.fixture(params=LOSSES, ids=str)
def instance(request):
    rng = np.random.default_rng(7)
    problem = Problem.random(request.param, n=30, alpha=3.0, rng=rng)
    return problem, random_on_sphere(30, rng), rng


def test_labels_and_fields_have_unit_variance():
    rng = np.random.default_rng(0)
    problem = Problem.random(NormalizedIntensity(1.0), n=400, alpha=20.0, rng=rng)
    w = random_on_sphere(400, rng)
    error = np.sqrt(2 / problem.m)
    assert abs(np.mean(problem.y**2) - 1) < 4 * error
    assert abs(np.mean(problem.fields(w) ** 2) - 1) < 4 * error


def test_the_gradient_is_the_slope_of_the_energy_along_the_sphere(instance):
    problem, w, rng = instance
    direction = rng.standard_normal(problem.n)
    direction -= (direction @ w) / problem.n * w
    h = 1e-6
    slope = (problem.energy(w + h * direction) - problem.energy(w - h * direction)) / (2 * h)
    slope *= problem.n
    # Central differences: an error of order h^2 and rounding of order eps E / h.
    bound = 1e-9 * problem.n * abs(problem.energy(w)) / h**0.5
    assert abs(slope - direction @ problem.gradient(w)) < max(bound, 1e-5 * abs(slope))
    assert abs(problem.gradient(w) @ w) < 1e-8 * np.linalg.norm(problem.gradient(w)) * problem.n


def test_the_hessian_is_the_second_derivative_along_the_sphere(instance):
    problem, w, rng = instance
    direction = rng.standard_normal(problem.n)
    direction -= (direction @ w) / problem.n * w
    direction /= np.linalg.norm(direction)

    def energy(angle):
        root = np.sqrt(problem.n)
        state = w * np.cos(angle / root) + root * np.sin(angle / root) * direction
        return problem.n * problem.energy(state)

    h = 1e-3
    second = (energy(h) - 2 * energy(0) + energy(-h)) / h**2
    exact = direction @ problem.dense_hessian(w) @ direction
    assert second == pytest.approx(exact, rel=1e-3)


def test_the_operator_is_the_matrix(instance):
    problem, w, rng = instance
    block = rng.standard_normal((problem.n, 3))
    dense, operator = problem.dense_hessian(w), problem.hessian(w)
    scale = np.abs(dense).max()
    assert np.allclose(operator @ block, dense @ block, atol=1e-11 * scale * problem.n)
    assert np.allclose(operator @ block[:, 0], dense @ block[:, 0], atol=1e-11 * scale * problem.n)


def test_the_signal_has_no_energy_and_no_negative_curvature(instance):
    problem, _, _ = instance
    assert problem.energy(problem.signal) == 0
    assert np.linalg.eigvalsh(problem.dense_hessian(problem.signal))[0] > 0
    assert problem.overlap(problem.signal) == pytest.approx(1)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"signal": np.ones(3)}, r"signal has shape \(3,\): must be \(2,\)"),
        ({"y": np.ones(2)}, r"y has shape \(2,\): must be \(3,\)"),
        ({"X": np.ones(3)}, "X has shape"),
        ({"X": np.full((3, 2), np.nan)}, "X holds NaN"),
        ({"y": np.full(3, np.nan)}, "y holds NaN"),
        ({"signal": np.array([1.0, np.inf])}, "signal holds NaN or infinite"),
    ],
)
def test_bad_arrays_are_refused(change, message):
    given = {"X": np.ones((3, 2)), "y": np.ones(3), "signal": np.ones(2)} | change
    with pytest.raises(ValueError, match=message):
        Problem(NormalizedIntensity(1.0), **given)


def test_a_problem_may_know_no_signal_and_hold_an_operator(instance):
    problem, w, _ = instance
    other = Problem(problem.loss, aslinearoperator(problem.X), problem.y)
    assert other.energy(w) == pytest.approx(problem.energy(w))
    assert np.allclose(other.gradient(w), problem.gradient(w))
    assert np.allclose(other.dense_hessian(w), problem.dense_hessian(w))
    with pytest.raises(ValueError, match="signal: this problem has none"):
        other.overlap(w)


def test_an_estimate_of_the_wrong_size_is_refused(instance):
    problem, _, _ = instance
    with pytest.raises(ValueError, match="w has shape"):
        problem.energy(np.ones(problem.n + 1))


def test_too_few_measurements_are_refused():
    with pytest.raises(ValueError, match="M = 0 measurements"):
        Problem.random(NormalizedIntensity(1.0), n=4, alpha=0.1, rng=np.random.default_rng(0))


@pytest.mark.parametrize("dtype", [np.int64, np.int8, bool, np.float16, np.longdouble])
def test_whole_numbers_and_other_precisions_are_converted(dtype):
    X, signal = np.array([[1, 0], [0, 1], [1, 1]]).astype(dtype), np.array([1, 1]).astype(dtype)
    problem = Problem(NormalizedIntensity(1.0), X, X.astype(int) @ [1, 1], signal)
    assert {problem.X.dtype, problem.y.dtype, problem.signal.dtype} == {np.dtype(np.float64)}
    assert problem.energy(problem.signal) == 0


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"X": np.ones((3, 2), complex)}, "X holds complex numbers: must be real numbers"),
        ({"X": aslinearoperator(np.ones((3, 2), complex))}, "X holds complex numbers"),
        ({"y": np.ones(3, complex)}, "y holds complex numbers: must be real numbers"),
        ({"X": np.array([["a", "b"]] * 3)}, "X holds values of type <U1: must be real numbers"),
        ({"signal": np.array([0.6, 0.8])}, "signal has norm 1: must be the root of N = 2, 1.41421"),
        ({"signal": np.zeros(2)}, "signal has norm 0: must be the root of N = 2"),
    ],
)
def test_what_is_not_real_or_not_on_the_sphere_is_refused_in_a_line(change, message):
    given = {"X": np.ones((3, 2)), "y": np.full(3, 2.0), "signal": np.ones(2), **change}
    with pytest.raises(ParameterError, match=message) as refusal:
        Problem(NormalizedIntensity(1.0), **given)
    assert "\n" not in str(refusal.value)

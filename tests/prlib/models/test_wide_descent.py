"""Wide students descend as one unit does, only several at once."""

import numpy as np
import pytest

from prlib.descent import descend, instance
from prlib.losses import NormalizedIntensity
from prlib.models.wide import subspace_overlap2, wide_energy, wide_hessian
from prlib.models.wide_descent import _Runs, descend_wide
from prlib.parameters import ParameterError
from prlib.problem import Problem, random_on_sphere

LOSS = NormalizedIntensity(0.1)


def drawn(p, *, n=40, alpha=3.0, seed=1):
    problem, point = instance(LOSS, alpha, n, seed, np.float64)
    rng = np.random.default_rng(seed)
    return problem, np.array([point, *(random_on_sphere(n, rng) for _ in range(p - 1))])


@pytest.mark.parametrize("hold", [0.0, 1.0])
def test_one_unit_descends_as_phase_retrieval_does(hold):
    problem, W = drawn(1)
    W = W - hold * (W @ problem.signal / problem.n) * problem.signal
    options = {"time": 5.0, "scheme": "descent(step=0.01)", "success": None, "stationary": 0.0}
    path = descend(problem, W[0], hold=hold, **options)
    ends = descend_wide([problem], W[None, None], hold=[hold], **options)
    assert np.allclose(ends.W[0, 0, 0], path.w, atol=1e-8)
    assert ends.steps[0, 0] == path.steps
    assert wide_energy(problem, ends.W[0, 0]) == pytest.approx(path.energy[-1], abs=1e-9)
    assert ends.share[0, 0] == pytest.approx(path.overlap[-1] ** 2, abs=1e-9)


def test_steps_that_adapt_find_the_same_signal():
    problem, W = drawn(1, alpha=5.0)
    path = descend(problem, W[0], time=200.0)
    ends = descend_wide([problem], W[None, None], time=200.0)
    assert path.recovered
    assert ends.recovered[0, 0]
    assert ends.time[0, 0] == pytest.approx(path.time[-1], rel=0.05)


def test_a_step_is_along_the_gradient_of_the_energy():
    problem, W = drawn(3)
    eta, h, n = 1e-5, 1e-5, problem.n
    options = {"time": eta, "scheme": f"descent(step={eta})", "success": None, "stationary": 0.0}
    moved = descend_wide([problem], W[None, None], **options).W[0, 0]
    gradient = np.zeros_like(W)
    for k, i in np.ndindex(*W.shape):
        up, down = W.copy(), W.copy()
        up[k, i] += h
        down[k, i] -= h
        gradient[k, i] = (wide_energy(problem, up) - wide_energy(problem, down)) / (2 * h) * n
    along = (gradient * W).sum(axis=1, keepdims=True) / n
    assert np.allclose((W - moved) / eta, gradient - along * W, atol=2e-3 * np.abs(gradient).max())


@pytest.mark.parametrize("p", [1, 2, 4])
def test_no_eigenvalue_of_the_hessian_passes_the_bound_by_much(p):
    problem, W = drawn(p)
    runs = _Runs([problem], W[None, None], 10.0, np.zeros(1))
    _, bound = runs._observe()
    largest = np.linalg.eigvalsh(wide_hessian(problem, W))[-1]
    assert largest < 1.05 * bound[0, 0]
    # The form in p fields is at most what bounds it, which is sharp for few units.
    assert bound[0, 0] < 3 * largest


def test_a_held_student_stays_at_overlap_zero_and_goes_down():
    problem, W = drawn(2)
    W = W - np.outer(W @ problem.signal / problem.n, problem.signal)
    ends = descend_wide([problem], W[None, None], time=10.0, hold=[10.0], success=None)
    assert ends.share[0, 0] < 1e-20
    assert wide_energy(problem, ends.W[0, 0]) < wide_energy(problem, W)
    assert ends.time[0, 0] == 10.0


def test_a_run_does_not_depend_on_those_beside_it():
    cases = [drawn(2, seed=seed) for seed in range(4)]
    points = np.array([[W, W[::-1]] for _, W in cases])
    together = descend_wide([problem for problem, _ in cases], points, time=30.0)
    alone = descend_wide([cases[2][0]], points[2:3], time=30.0)
    assert np.array_equal(together.W[2], alone.W[0])
    assert np.array_equal(together.time[2], alone.time[0])


def test_recovered_units_span_the_signal():
    problem, W = drawn(3, alpha=5.0)
    ends = descend_wide([problem], W[None, None], time=200.0)
    assert ends.recovered[0, 0]
    assert subspace_overlap2(problem, ends.W[0, 0]) >= ends.share[0, 0]


def test_a_scheme_with_inertia_is_refused():
    problem, W = drawn(2)
    with pytest.raises(ParameterError, match="momentum"):
        descend_wide([problem], W[None, None], time=1.0, scheme="momentum(beta=0.9)")
    with pytest.raises(ParameterError, match=r"\(B, S, p, N\)"):
        descend_wide([problem], W, time=1.0)


def test_a_problem_of_another_shape_is_refused():
    first, W = drawn(1)
    other = Problem.random(LOSS, 40, 2.0, np.random.default_rng(0))
    with pytest.raises(ParameterError, match="one shape"):
        descend_wide([first, other], np.array([[W], [W]]), time=1.0)

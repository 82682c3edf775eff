"""The compiled step against plain NumPy."""

import numpy as np
import pytest

from prlib.descent import reference
from prlib.descent.batch import RUNNING, STATIONARY, Batch, Limits
from prlib.descent.kernels import Workspace
from prlib.descent.noise import DRAWN, Noise
from prlib.losses import Intensity, NormalizedIntensity, PseudoHuber
from prlib.measures import empirical
from prlib.problem import Problem, random_on_sphere
from prlib.schemes import SCHEMES, GradientFlow, as_scheme

CAREFUL = GradientFlow(safety=0.8)
LIMITS = Limits(CAREFUL, success=2.0, stationary=0.0, max_steps=10**9)


def instance(n, alpha, count, dtype=np.float64, loss=None):
    rng = np.random.default_rng(n)
    problem = Problem.random(
        loss or NormalizedIntensity(0.01), n=n, alpha=alpha, rng=rng, dtype=dtype
    )
    return problem, np.array([random_on_sphere(n, rng) for _ in range(count)]).astype(dtype)


def noise_for(problem, seeds, limits=LIMITS):
    return Noise(limits.scheme.update, problem.m, problem.n, seeds, problem.X.dtype)


def compiled_descent(problem, starts, hold, until, limits=LIMITS, threads=1, seeds=None):
    noise = noise_for(problem, range(len(starts)) if seeds is None else seeds, limits)
    batch, space = Batch.at(starts, hold), Workspace(problem, len(starts), threads, noise)
    for stop in np.atleast_1d(until):
        space.advance(batch, stop, limits)
    return batch


def both(problem, starts, hold, until, limits=LIMITS, threads=1):
    compiled = compiled_descent(problem, starts, hold, until, limits, threads)
    plain, noise = Batch.at(starts, hold), noise_for(problem, range(len(starts)), limits)
    reference.advance(problem, plain, until, limits, noise)
    return compiled, plain


def one_step_of(problem, starts, hold, threads=1):
    return both(problem, starts, hold, np.inf, Limits(CAREFUL, 2.0, 0.0, max_steps=1), threads)


# Sizes that fill vectors, registers and blocks of rows, and sizes that fill none.
@pytest.mark.parametrize(("n", "alpha"), [(2, 1.0), (15, 3.0), (64, 3.0), (100, 1.7), (1100, 0.3)])
@pytest.mark.parametrize("count", [1, 2, 3, 4, 6, 7, 12])
def test_one_step_agrees_to_rounding(n, alpha, count):
    problem, starts = instance(n, alpha, count)
    hold = np.where(np.arange(count) % 2, 1.0, 0.0)
    compiled, plain = one_step_of(problem, starts, hold)
    # Sums of N and M terms, multiplied by curvatures up to f: eps sqrt(N M) f with room for ten.
    scale = 10 * np.finfo(float).eps * np.sqrt(problem.n * problem.m) * 1e3
    assert np.allclose(compiled.W, plain.W, rtol=0, atol=scale)
    for name in ("energy", "mu", "overlap", "gradient_norm", "time", "largest_step"):
        assert np.allclose(compiled.records[name], plain.records[name], rtol=scale, atol=scale)


@pytest.mark.parametrize("count", [1, 3, 12])
def test_single_precision_agrees_to_its_rounding(count):
    problem, starts = instance(200, 3.0, count, np.float32)
    compiled, plain = one_step_of(problem, starts, np.zeros(count))
    assert compiled.W.dtype == np.float32
    assert np.allclose(compiled.W, plain.W, rtol=0, atol=1e-4)
    assert np.allclose(compiled.records["energy"], plain.records["energy"], rtol=1e-4)


def test_two_threads_agree_with_one():
    problem, starts = instance(100, 3.0, 2)
    compiled, plain = one_step_of(problem, starts, np.zeros(2), threads=2)
    assert np.allclose(compiled.W, plain.W, rtol=0, atol=1e-9)


def test_a_whole_descent_agrees_while_rounding_has_not_grown():
    problem, starts = instance(60, 3.0, 3)
    compiled, plain = both(problem, starts, np.array([0.0, 0.5, 9.0]), 1.0)
    assert np.array_equal(compiled.records["steps"], plain.records["steps"])
    assert np.array_equal(compiled.records["time"], np.ones(3))
    assert np.allclose(compiled.W, plain.W, atol=1e-8)
    assert np.allclose(compiled.records["sharpness"], plain.records["sharpness"], atol=1e-6)


@pytest.mark.parametrize("count", [2, 3, 5, 7])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_descent_does_not_depend_on_its_companions(count, dtype):
    problem, starts = instance(100, 3.0, count, dtype)
    together = compiled_descent(problem, starts, np.zeros(count), 2.0)
    for b in range(count):
        alone = compiled_descent(problem, starts[b : b + 1], np.zeros(1), 2.0)
        assert np.array_equal(together.W[b], alone.W[0])


NOISY = ["langevin(temperature=0.1)", "sgd(batch=0.5)"]


@pytest.mark.parametrize("scheme", NOISY)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_noise_depends_on_the_seed_alone(scheme, dtype):
    # One is held, and takes other steps; one stops on the way, with its noise half used.
    problem, starts = instance(60, 3.0, 3, dtype)
    hold, limits = np.array([0.0, 0.3, 0.0]), Limits(as_scheme(scheme), 2.0, 0.0, 10**9)
    together = compiled_descent(problem, starts, hold, [0.2, 5.0], limits)
    assert np.all(together.records["steps"] > 2 * DRAWN)
    for b in range(3):
        one = slice(b, b + 1)
        alone = compiled_descent(problem, starts[one], hold[one], [0.2, 5.0], limits, 1, [b])
        assert np.array_equal(together.W[b], alone.W[0])
        other = compiled_descent(problem, starts[one], hold[one], [0.2, 5.0], limits, 1, [9])
        assert not np.allclose(together.W[b], other.W[0])


def test_a_noisy_descent_goes_on_where_it_was_broken_off():
    problem, starts = instance(60, 3.0, 1)
    short, long = (Limits(as_scheme(NOISY[0]), 2.0, 0.0, steps) for steps in (DRAWN // 3, 10**9))
    whole = compiled_descent(problem, starts, np.zeros(1), 1.0, long)
    space = Workspace(problem, 1, 1, noise_for(problem, [0], long))
    batch = Batch.at(starts, np.zeros(1))
    space.advance(batch, 1.0, short)
    batch.records["status"] = RUNNING
    space.advance(batch, 1.0, long)
    assert np.array_equal(whole.W, batch.W)


def test_those_that_recover_leave_and_the_rest_go_on():
    problem, starts = instance(60, 6.0, 3)
    starts[1] = problem.signal
    limits = Limits(CAREFUL, 0.99, 1e-9, 10**9)
    batch = compiled_descent(problem, starts, np.zeros(3), 0.5, limits)
    assert batch.records["steps"][1] == 0
    assert batch.records["status"].tolist().count(RUNNING) == 2
    assert np.all(batch.records["time"][[0, 2]] == 0.5)


def test_another_loss_needs_no_other_kernel():
    problem, starts = instance(60, 5.0, 2, loss=Intensity())
    compiled, plain = both(problem, starts, np.zeros(2), 0.2)
    assert np.allclose(compiled.W, plain.W, atol=1e-8)


SCHEME_IDS = [
    *("flow", "flow(step=0.02)", "flow(safety=0.5)", "descent(step=0.002)"),
    *("momentum(beta=0.9)", "nesterov(beta=0.8)", "sgd(batch=0.5, step=0.01)"),
    *("langevin(temperature=0.3)", "annealed(temperature=1, cooling=0.2)"),
]


def test_every_scheme_is_compared():
    assert {as_scheme(scheme).name for scheme in SCHEME_IDS} == set(SCHEMES)


@pytest.mark.parametrize("scheme", SCHEME_IDS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("loss", [NormalizedIntensity(0.1), PseudoHuber(0.5)], ids=str)
def test_a_scheme_takes_the_steps_of_plain_numpy(scheme, dtype, loss):
    problem, starts = instance(60, 3.0, 2, dtype, loss)
    limits = Limits(as_scheme(scheme), 2.0, 0.0, 10**9)
    compiled, plain = both(problem, starts, np.array([0.0, 0.1]), 0.3, limits)
    room = 2e-3 if dtype == np.float32 else 1e-9
    assert np.array_equal(compiled.records["steps"], plain.records["steps"])
    assert np.allclose(compiled.W, plain.W, rtol=0, atol=room)
    for name in ("time", "energy", "overlap", "smallest_step", "largest_step"):
        assert np.allclose(compiled.records[name], plain.records[name], rtol=room, atol=room)


def test_descent_takes_equal_steps():
    problem, starts = instance(60, 3.0, 1)
    limits = Limits(as_scheme("descent(step=0.001)"), 2.0, 0.0, 10**9)
    for batch in both(problem, starts, np.zeros(1), 0.25, limits):
        (record,) = batch.records
        assert record["steps"] == 250
        assert record["smallest_step"] == record["largest_step"] == 0.001
        assert record["time"] == 0.25


def test_without_a_signal_no_overlap_is_known_and_nothing_is_recovered():
    problem, starts = instance(60, 6.0, 2)
    starts[1] = problem.signal
    blind = Problem(problem.loss, problem.X, problem.y)
    limits = Limits(GradientFlow(), success=0.5, stationary=1e-12, max_steps=10**9)
    compiled, plain = both(blind, starts, np.zeros(2), 0.2, limits)
    for batch in (compiled, plain):
        assert np.all(np.isnan(batch.records["overlap"]))
        assert batch.records["status"].tolist() == [RUNNING, STATIONARY]
    assert np.allclose(compiled.W, plain.W, atol=1e-8)


def test_labels_with_noise_are_not_the_signals_field():
    problem, starts = instance(60, 4.0, 2)
    noise = np.random.default_rng(5).standard_normal(problem.m)
    noisy = Problem(problem.loss, problem.X, problem.y + 0.5 * noise, problem.signal)
    compiled, plain = both(noisy, starts, np.array([0.0, 0.1]), 0.3)
    assert np.array_equal(compiled.records["steps"], plain.records["steps"])
    assert np.allclose(compiled.W, plain.W, atol=1e-8)


def test_the_bound_takes_the_signals_field_where_labels_have_noise():
    problem, starts = instance(60, 6.0, 1)
    w = np.sqrt(1 - 0.9**2) * starts[0] + 0.9 * problem.signal
    w *= np.sqrt(60 / (w @ w))
    noisy = Problem(problem.loss, problem.X, np.abs(problem.y) + 0.3, problem.signal)
    bound = reference.curvature_bound(empirical(noisy, w))
    step = one_step_of(noisy, w[None], np.zeros(1))[0].records["largest_step"][0]
    assert step == pytest.approx(0.8 / (bound - min(noisy.mu(w), 0.0)), rel=1e-9)

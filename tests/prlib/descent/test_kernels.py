"""The compiled step against plain NumPy, and what it leaves on disk."""

import os
import subprocess
import sys

import numpy as np
import pytest

from prlib.descent import reference
from prlib.descent.batch import RUNNING, Batch, Limits
from prlib.descent.kernels import Workspace
from prlib.losses import Intensity, NormalizedIntensity
from prlib.problem import Problem, random_on_sphere
from prlib.schemes import GradientFlow

CAREFUL = GradientFlow(safety=0.8)
LIMITS = Limits(CAREFUL, success=2.0, stationary=0.0, max_steps=10**9)


def instance(n, alpha, count, dtype=np.float64, loss=None):
    rng = np.random.default_rng(n)
    problem = Problem.random(
        loss or NormalizedIntensity(0.01), n=n, alpha=alpha, rng=rng, dtype=dtype
    )
    return problem, np.array([random_on_sphere(n, rng) for _ in range(count)]).astype(dtype)


def both(problem, starts, hold, until, limits=LIMITS, threads=1):
    compiled, plain = (Batch.at(starts, hold) for _ in range(2))
    Workspace(problem, len(starts), threads).advance(compiled, until, limits)
    reference.advance(problem, plain, until, limits)
    return compiled, plain


def one_step_of(problem, starts, hold, threads=1):
    return both(problem, starts, hold, np.inf, Limits(CAREFUL, 2.0, 0.0, max_steps=1), threads)


# Sizes that fill vectors, blocks and tiles of rows, and sizes that fill none.
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
    together = Batch.at(starts, np.zeros(count))
    Workspace(problem, count, 1).advance(together, 2.0, LIMITS)
    for b in range(count):
        alone = Batch.at(starts[b : b + 1], np.zeros(1))
        Workspace(problem, 1, 1).advance(alone, 2.0, LIMITS)
        assert np.array_equal(together.W[b], alone.W[0])


def test_those_that_recover_leave_and_the_rest_go_on():
    problem, starts = instance(60, 6.0, 3)
    starts[1] = problem.signal
    limits = Limits(CAREFUL, 0.99, 1e-9, 10**9)
    batch = Batch.at(starts, np.zeros(3))
    Workspace(problem, 3, 1).advance(batch, 0.5, limits)
    assert batch.records["steps"][1] == 0
    assert batch.records["status"].tolist().count(RUNNING) == 2
    assert np.all(batch.records["time"][[0, 2]] == 0.5)


def test_another_loss_needs_no_other_kernel():
    problem, starts = instance(60, 5.0, 2, loss=Intensity())
    compiled, plain = both(problem, starts, np.zeros(2), 0.2)
    assert np.allclose(compiled.W, plain.W, atol=1e-8)


@pytest.mark.slow
def test_a_second_process_compiles_nothing(tmp_path):
    program = (
        "import time; from prlib.descent import descend_instance; from numba.core import event\n"
        "with event.install_recorder('numba:compile') as rec:\n"
        "    descend_instance(1.0, 3.0, 32, time=0.1)\n"
        "print(len(rec.buffer))\n"
    )
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path)}
    command = [sys.executable, "-c", program]
    runs = [
        subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
        for _ in range(2)
    ]
    assert int(runs[0].stdout) > 0
    assert int(runs[1].stdout) == 0

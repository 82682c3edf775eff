"""The descent goes downhill, records what happens, and says how it ended."""

import subprocess
import sys

import numpy as np
import pytest
from scipy.sparse.linalg import aslinearoperator

from prlib.descent import descend, descend_instance, descend_starts, descend_together, instance
from prlib.descent.batch import RUNNING, Batch, Limits
from prlib.descent.noise import Noise
from prlib.descent.reference import advance, curvature_bound
from prlib.losses import Intensity, NormalizedIntensity
from prlib.measures import empirical
from prlib.parameters import ParameterError
from prlib.problem import Problem, random_on_sphere
from prlib.schemes import GradientFlow
from prlib.spectra.eigenpairs import eigenvalues


@pytest.fixture(scope="module")
def drawn():
    problem, point = instance(0.01, 3.0, 96, 2, dtype=np.float64)
    return problem, point


def test_the_energy_never_rises_and_the_sphere_is_kept(drawn):
    problem, point = drawn
    path = descend(problem, point, time=5.0, times=np.linspace(0, 5, 60), keep_states=True)
    assert np.all(np.diff(path.energy) < 0)
    assert path.step.rises == 0
    assert path.step.sharpness < 2
    assert np.allclose(np.sum(path.states**2, axis=1), problem.n)
    assert path.step.smallest < 1e-3
    assert path.step.largest > 1e-2


def test_what_is_recorded_is_what_the_problem_says_of_the_states(drawn):
    problem, point = drawn
    path = descend(problem, point, time=2.0, times=[0.1, 1.0], keep_states=True)
    assert path.time.tolist() == [0.0, 0.1, 1.0, 2.0]
    for i, w in enumerate(path.states):
        assert np.isclose(path.energy[i], problem.energy(w))
        assert np.isclose(path.mu[i], problem.mu(w))
        assert np.isclose(path.overlap[i], problem.overlap(w))
        norm = np.linalg.norm(problem.gradient(w)) / np.sqrt(problem.n)
        assert np.isclose(path.gradient_norm[i], norm)


def test_eigenpairs_on_the_way_are_those_of_the_dense_hessian(drawn):
    problem, point = drawn
    path = descend(problem, point, time=1.0, times=[0.2], eigenpairs=2, keep_states=True)
    for i, w in enumerate(path.states):
        values, vectors = np.linalg.eigh(problem.dense_hessian(w))
        assert np.allclose(path.eigenvalues[i], values[:2], rtol=1e-6)
        signal2 = (vectors[:, 0] @ problem.signal) ** 2 / problem.n
        assert np.isclose(path.signal_overlap2[i, 0], signal2, atol=1e-4)
    assert np.isclose(path.start_overlap2[0, 0], 1.0)
    assert np.all(np.isnan(path.displacement_overlap2[0]))
    assert np.all(path.gradient_overlap2 <= 1)


def test_each_way_to_end_is_named():
    problem, point = instance(1.0, 6.0, 60, 3, dtype=np.float64)
    assert descend(problem, point, time=60.0).stopped_by == "recovered"
    assert descend(problem, point, time=0.01).stopped_by == "time"
    assert descend(problem, point, time=60.0, max_steps=3).stopped_by == "steps"
    on = descend(problem, point, time=1e4, success=None)
    assert on.stopped_by == "stationary"
    assert abs(on.overlap[-1]) > 1 - 1e-6
    poor = Problem(NormalizedIntensity(1.0), np.full((4, 3), 1e200), np.full(4, 3e200), np.ones(3))
    with np.errstate(all="ignore"):
        assert descend(poor, np.array([1.0, 1.0, -1.0]), time=1.0).stopped_by == "diverged"


def test_a_constrained_descent_stays_on_the_equator_until_its_hold_ends():
    path = descend_instance(
        0.01, 3.0, 96, "constrained", 6.0, 2, hold=4.0, times=[1, 2, 4, 6]
    ).trajectory
    assert np.all(np.abs(path.overlap[path.time <= 4]) < 1e-6)
    assert abs(path.overlap[-1]) > 1e-4


def test_the_orthogonal_start_is_the_constrained_one_never_held():
    settings = {"hold": 1.0, "times": [0.5, 6.0]}
    held, free = (
        descend_instance(0.01, 3.0, 96, start, 6.0, 2, **settings).trajectory
        for start in ("constrained", "orthogonal")
    )
    assert abs(held.overlap[0]) < 1e-6 > abs(free.overlap[0])
    assert abs(held.overlap[1]) < 1e-6
    assert abs(free.overlap[1]) > 1e-4


def test_starts_of_one_seed_are_paired():
    ends = descend_starts(0.01, 3.0, 64, ["random", "spectral", "deflated"], 1.0, 7)
    alone = descend_instance(0.01, 3.0, 64, "spectral", 1.0, 7)
    assert alone == ends[1]
    assert np.array_equal(alone.trajectory.w, ends[1].trajectory.w)
    assert ends[2].abs_start_overlap < 1e-6
    assert len({end.start_overlap for end in ends}) == 3


def test_an_instance_depends_on_seed_n_and_m_and_on_nothing_else():
    problem, point = instance(0.01, 3.0, 20, 1)
    for other in (
        instance("poisson(background=1)", 3.0, 20, 1, np.float64),
        instance(1, 3.01, 20, 1),
    ):
        assert np.array_equal(other[0].X.astype(np.float32), problem.X)
        assert np.array_equal(other[1], point)
    # Fewer measurements of one seed are others, not the first of the same.
    for other in (instance(0.01, 2.0, 20, 1), instance(0.01, 3.0, 20, 2)):
        assert not np.any(problem.X[: other[0].m] == other[0].X)
        assert not np.any(other[1] == point)


def test_the_optimal_start_knows_more_than_the_spectral_one():
    overlaps = np.array(
        [
            [end.abs_start_overlap for end in descend_starts(0.01, 3.0, 200, names, 1e-3, seed)]
            for seed in range(5)
            for names in [("random", "optimal")]
        ]
    )
    assert np.all(overlaps[:, 1] > 0.7)
    assert np.all(overlaps[:, 0] < 0.3)


@pytest.mark.parametrize("loss", [NormalizedIntensity(0.01), NormalizedIntensity(1.0), Intensity()])
@pytest.mark.parametrize(("n", "alpha"), [(32, 2.0), (128, 3.0)])
def test_the_curvature_stays_near_its_bound_along_a_descent(loss, n, alpha):
    rng = np.random.default_rng(n)
    problem = Problem.random(loss, n=n, alpha=alpha, rng=rng)
    states = descend(
        problem,
        random_on_sphere(n, rng),
        time=3.0,
        times=[0.001, 0.01, 0.1, 1.0],
        keep_states=True,
        success=None,
    ).states
    for w in states:
        bound = curvature_bound(empirical(problem, w))
        largest = eigenvalues(problem, w)[-1] + problem.mu(w)
        # A step of one over the bound is stable up to twice the curvature. At finite N the squared
        # length of a measurement vector fluctuates by sqrt(2/N); three times that is the room.
        assert largest < bound * (1 + 3 * np.sqrt(2 / n))
        # A loose bound would be as safe, and slow.
        assert largest > bound / 3


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"time": -1}, r"time = -1: must be a finite number > 0"),
        ({"times": [0.5, 2.0]}, r"times: must be a list of numbers from 0 to time = 1"),
        ({"scheme": "flow(step=0)"}, r"step = 0: must be a finite number > 0"),
        ({"scheme": "flow(safety=2.5)"}, r"safety = 2.5: must be a number between 0 and 2"),
        ({"success": 1.5}, r"success = 1.5: must be a number in \(0, 1\]"),
        ({"stationary": -1}, r"stationary = -1: must be a finite number >= 0"),
        ({"max_steps": 0}, r"max_steps = 0: must be a whole number >= 1"),
        ({"eigenpairs": 97}, r"eigenpairs = 97: must be a whole number from 0 to N = 96"),
        ({"hold": -1.0}, r"hold = \[-1.0\]: must be a finite time >= 0"),
        ({"threads": 0}, r"threads = 0: must be a whole number >= 1"),
    ],
)
def test_bad_arguments_are_named(drawn, change, message):
    problem, point = drawn
    with pytest.raises(ParameterError, match=message):
        descend(problem, point, **{"time": 1.0, **change})


def test_a_start_of_another_shape_or_without_a_direction_is_refused(drawn):
    problem, _ = drawn
    with pytest.raises(ValueError, match=r"the start has shape \(3,\): must be \(96,\)"):
        descend(problem, np.ones(3), time=1.0)
    with pytest.raises(ValueError, match=r"holds NaN or infinite values, or is zero"):
        descend_together(problem, np.zeros((2, 96)), time=1.0)


def test_theory_alone_does_not_load_the_compiler():
    program = "import sys, prlib; prlib.thresholds(1.0); assert 'numba' not in sys.modules"
    subprocess.run([sys.executable, "-c", program], check=True)


# --- other problems, other schemes ----------------------------------------------------------------


def test_without_a_signal_a_descent_goes_down_and_claims_nothing(drawn):
    problem, point = drawn
    blind = Problem(problem.loss, problem.X, problem.y)
    path = descend(blind, point, time=30.0, eigenpairs=1)
    assert np.all(np.isnan(path.overlap))
    assert np.all(np.isnan(path.signal_overlap2))
    assert np.all(np.isfinite(path.eigenvalues))
    assert path.energy[-1] < path.energy[0] / 5
    assert (path.recovered, path.step.rises) == (False, 0)
    with pytest.raises(ParameterError, match="hold = 1: must be 0 where the problem has no signal"):
        descend(blind, point, time=2.0, hold=1.0)


def test_an_operator_descends_as_its_matrix(drawn):
    problem, point = drawn
    operator = Problem(problem.loss, aslinearoperator(problem.X), problem.y, problem.signal)
    settings = {"time": 0.5, "times": [0.1], "hold": 0.2, "eigenpairs": 1}
    found, dense = (descend(one, point, **settings) for one in (operator, problem))
    assert found.steps == dense.steps
    assert np.allclose(found.w, dense.w, atol=1e-8)
    assert np.allclose(found.energy, dense.energy)
    assert np.allclose(found.eigenvalues, dense.eigenvalues, rtol=1e-5)


def test_gradient_descent_is_recorded_after_whole_steps(drawn):
    problem, point = drawn
    path = descend(problem, point, time=0.01, times=[0.0011, 0.0049], scheme="descent(step=0.001)")
    assert np.allclose(path.time, [0.0, 0.001, 0.005, 0.01])
    assert path.steps == 10
    assert path.step.smallest == path.step.largest == 0.001
    with pytest.raises(ParameterError, match=r"time = 0.01: must be at least one step of descent"):
        descend(problem, point, time=0.01, scheme="descent(step=0.1)")


@pytest.mark.parametrize("step", [0.1, 0.01, 0.003])
def test_gradient_descent_takes_no_step_too_many(step):
    problem, point = instance(10.0, 3.0, 8, 0, np.float64)
    times = step * np.arange(1, 3001)
    settings = {"scheme": f"descent(step={step})", "success": None, "stationary": 0.0}
    path = descend(problem, point, time=3000 * step, times=times[::7], **settings)
    once = descend(problem, point, time=3000 * step, **settings)
    # Sums of a step that is no binary fraction are off by rounding, by then in the last digits.
    assert path.steps == once.steps == 3000
    assert len(path.time) == len(times[::7]) + 2


def test_small_steps_of_descent_are_the_flow(drawn):
    problem, point = drawn
    flow, descent = (
        descend(problem, point, time=0.05, scheme=scheme)
        for scheme in ("flow(safety=0.02)", "descent(step=2e-6)")
    )
    # Both are of first order: off by about half a step times the change of the gradient.
    assert np.linalg.norm(flow.w - descent.w) < 0.02 * np.linalg.norm(flow.w - point)


def test_a_step_that_is_too_large_says_so(drawn):
    problem, point = drawn
    path = descend(problem, point, time=10.0, scheme="descent(step=0.5)")
    assert path.step.rises > 0
    assert path.step.sharpness > 2


def test_energy_is_per_dimension_and_overlap_has_its_sign():
    ends = [descend_instance(1.0, 6.0, n, time=1e-3, seed=5) for n in (50, 400)]
    # At a random start the mean of the loss does not depend on N.
    assert ends[0].energy == pytest.approx(ends[1].energy, rel=0.5)
    problem, point = instance(1.0, 6.0, 50, 5)
    signed = problem.overlap(point.astype(np.float32))
    assert ends[0].start_overlap == pytest.approx(signed, rel=1e-5)
    assert ends[0].abs_start_overlap == abs(ends[0].start_overlap)
    assert ends[0].abs_overlap == abs(ends[0].overlap)
    assert any(descend_instance(1.0, 6.0, 20, time=1e-3, seed=s).overlap < 0 for s in range(8))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"n": 1}, "n = 1: must be a whole number >= 2"),
        ({"dtype": "float16"}, "dtype = 'float16': must be float32 or float64"),
        ({"dtype": "numbers"}, "dtype = 'numbers': must be float32 or float64"),
        ({"start": "somewhere"}, "start = 'somewhere': must be one of random"),
        ({"scheme": "leap"}, "scheme = 'leap': must be one of flow"),
        ({"loss": "leap"}, "loss = 'leap': must be one of"),
        ({"hold": -1.0}, "hold = -1.0: must be a finite number > 0"),
        ({"n": 1_000_000}, r"n = 1000000, alpha = 3: needs 1.12e\+04 GiB of memory; must fit into"),
    ],
)
def test_a_bad_descent_is_one_line_before_any_work(change, message):
    settings = {"loss": 0.01, "alpha": 3.0, "n": 20, "time": 0.1, **change}
    with pytest.raises(ParameterError, match=message) as refusal:
        descend_instance(**settings)
    assert "\n" not in str(refusal.value)


# --- whole runs, in distribution ------------------------------------------------------------------


@pytest.mark.slow
def test_compiled_and_plain_descents_recover_equally_often():
    scheme = GradientFlow()
    limits = Limits(scheme, 0.99, 1e-6, 10**9)
    compiled, plain = [], []
    for seed in range(60):
        problem, point = instance(0.01, 2.5, 48, seed, dtype=np.float64)
        batch = Batch.at(point[None], np.zeros(1))
        none = Noise(scheme.update, problem.m, problem.n, [0], np.float64)
        advance(problem, batch, 30.0, limits, none)
        plain.append(batch.records["status"][0] != RUNNING)
        compiled.append(descend(problem, point, time=30.0).recovered)
    # The same instances: only runs on the brink may differ, a few of 60.
    assert abs(sum(compiled) - sum(plain)) <= 3
    assert 10 < sum(plain) < 50


@pytest.mark.slow
def test_both_precisions_recover_equally_often_on_200_paired_runs():
    found = np.array(
        [
            [
                descend_instance(0.01, 2.5, 64, "random", 40.0, s, dtype=t).recovered
                for s in range(200)
            ]
            for t in (np.float32, np.float64)
        ]
    )
    gained, lost = (np.sum(found[i] & ~found[1 - i]) for i in range(2))
    # McNemar: of the pairs that differ, half should differ each way, within two deviations.
    assert abs(gained - lost) <= 2 * np.sqrt(gained + lost) + 1
    assert gained + lost < 20


@pytest.mark.slow
@pytest.mark.parametrize(("alpha", "expected"), [(2.5, (0.4, 0.8, 0.0)), (3.0, (0.9, 0.9, 0.2))])
def test_recovered_fractions_agree_with_an_independent_program(alpha, expected):
    # The book's table of values: 40 runs each of another implementation, N = 256, time 100.
    starts = ("random", "spectral", "constrained")
    ends = [descend_starts(0.01, alpha, 256, starts, 100.0, seed) for seed in range(40)]
    rates = np.mean([[end.recovered for end in one] for one in ends], axis=0)
    for rate, other in zip(rates, expected, strict=True):
        p = (rate + other) / 2
        # Two fractions of 40 runs, and the table's rounding to a tenth.
        assert abs(rate - other) < 3 * np.sqrt(2 * max(p * (1 - p), 0.02) / 40) + 0.05

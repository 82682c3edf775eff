"""The theory of schemes with inertia and noise: against closed forms, limits, and simulation."""

from __future__ import annotations

import math

import numpy as np
import pytest

from prlib.descent import descend_together
from prlib.losses import NormalizedIntensity
from prlib.measures import empirical
from prlib.measures.dynamical import Estimate, choose_steps, dynamical
from prlib.parameters import ParameterError
from prlib.problem import Problem, random_on_sphere
from prlib.schemes import SCHEMES, Update, as_scheme
from prlib.spectra.bulk import left_edge
from prlib.spectra.outlier import bbp

SIGMA = 4.0
"""Standard errors by which two results may differ: seeds are fixed, so the tests are not flaky."""

LOSS = NormalizedIntensity(1.0)


def squared_norm(run):
    # Before it is rescaled: w_0 . w_1 is one, because w . (g - mu w) = 0.
    return run.batch_correlation[:, 1, 0] ** -2


def test_one_step_of_white_noise_adds_its_variance():
    eta, temperature = 0.01, 0.7
    given = {"paths": 4096, "batches": 4}
    still = dynamical(LOSS, 3.0, [eta], **given)
    warm = dynamical(LOSS, 3.0, [eta], update=Update(temperature=temperature), **given)
    added = 2 * temperature * eta
    assert np.allclose(squared_norm(warm) - squared_norm(still), added, rtol=1e-3)
    before, after = (run.batch_variance[:, 1] * squared_norm(run) for run in (still, warm))
    assert np.allclose(after - before, added, rtol=1e-3)


def test_a_batch_adds_to_the_square_of_the_gradient_alone():
    eta, share = 0.1, 0.25
    given = {"paths": 2**18, "batches": 16}
    whole = dynamical(LOSS, 3.0, [eta], **given)
    part = dynamical(LOSS, 3.0, [eta], update=Update(batch=share), **given)
    square = LOSS.derivative(whole.y, whole.yhat[0]) ** 2
    for weight, before, after in (
        (1.0, squared_norm(whole), squared_norm(part)),
        (whole.z**2, *(run.batch_variance[:, 1] * squared_norm(run) for run in (whole, part))),
    ):
        added = eta**2 * (1 / share - 1) * 3.0 * np.sum(whole.weights * weight * square, axis=1)
        found = Estimate.of(after - before - added)
        assert abs(found.value) < SIGMA * found.error
        assert found.error < 0.1 * added.mean()  # 1/b in place of 1/b - 1 is a third more


@pytest.mark.parametrize("ahead", [False, True])
def test_inertia_is_a_longer_time(ahead):
    """At small steps a unit of time is worth 1/(1 - beta) of the flow's, once it has started."""
    beta, time = 0.8, 1.0
    slow = dynamical(LOSS, 3.0, [0.01] * round(time / 0.01), paths=16384, batches=8)
    step = 0.001
    steps = [step] * round(time * (1 - beta) / step)
    fast = dynamical(
        LOSS, 3.0, steps, paths=16384, batches=8, update=Update(inertia=beta, ahead=ahead), seed=1
    )
    # The delay is of order step / (1 - beta)^2, here 0.025 of a time in which energies halve.
    assert fast.energy.value[-1] == pytest.approx(slow.energy.value[-1], rel=0.03)
    assert fast.log_variance.value[-1] == pytest.approx(slow.log_variance.value[-1], rel=0.05)


def test_no_inertia_no_noise_and_whole_batches_are_gradient_descent():
    given = {"paths": 2048, "batches": 4, "overlap": 0.2}
    plain = dynamical(LOSS, 3.0, [0.01] * 6, **given)
    for small in (Update(inertia=1e-14), Update(temperature=1e-16), Update(batch=1 - 1e-12)):
        near = dynamical(LOSS, 3.0, [0.01] * 6, update=small, **given)
        assert np.allclose(plain.batch_energy, near.batch_energy, rtol=1e-6)
        assert np.allclose(plain.batch_overlap, near.batch_overlap, rtol=1e-6)


def test_a_warm_start_relaxes_to_the_temperature():
    """Where the loss is flat, white noise decorrelates: C(t, 0) = exp(-T t)."""
    flat, warm = NormalizedIntensity(1e6), Update(temperature=1.0)
    run = dynamical(flat, 3.0, [0.01] * 100, paths=256, batches=2, update=warm)
    # One step shrinks the past by 1/sqrt(1 + 2 T eta); the loss is a millionth of the noise.
    assert run.correlation.value[-1, 0] == pytest.approx(1.02**-50, rel=1e-4)
    assert run.variance.value[-1] == pytest.approx(1.0, rel=1e-4)


def test_steps_adapt_as_the_scheme_says():
    loss = NormalizedIntensity(0.1)
    part = choose_steps(loss, 2.0, 0.05, as_scheme("sgd(batch=0.5, step=0.02)"))
    whole = choose_steps(loss, 2.0, 0.05, as_scheme("momentum(0.5)"))
    assert part.sum() == pytest.approx(0.05)
    assert part[0] == pytest.approx(whole[0] / 2)
    assert np.array_equal(choose_steps(LOSS, 2.0, 0.024, as_scheme("descent(0.01)")), [0.01, 0.01])
    with pytest.raises(ParameterError, match=r"time = 1e\+06: takes .* steps of 0.5; must be"):
        choose_steps(LOSS, 2.0, 1e6, as_scheme("langevin(0.1)"))


# --- against simulation ---------------------------------------------------------------------------

N, INSTANCES, STARTS, ALPHA, OVERLAP = 2000, 8, 3, 2.0, 0.3

# To a time by which the overlap has risen by a third, before instances part.
COMPARED = {
    "descent": ("descent(step=0.005)", 0.6),
    "momentum": ("momentum(beta=0.9, step=0.005)", 0.15),
    "nesterov": ("nesterov(beta=0.9, step=0.005)", 0.15),
    "langevin": ("langevin(temperature=0.5, step=0.005)", 0.6),
    "annealed": ("annealed(temperature=2, cooling=0.4, step=0.005)", 0.6),
    "sgd": ("sgd(batch=0.3, step=0.003)", 0.45),
}


def test_every_scheme_is_compared():
    assert COMPARED.keys() == SCHEMES.keys() - {"flow"}  # the flow: test_dynamical


def _simulated(scheme, time, seed):
    rng = np.random.default_rng([2026_11_26, seed])
    problem = Problem.random(LOSS, N, ALPHA, rng, dtype=np.float32)
    signal = problem.signal.astype(float)
    starts = np.array([random_on_sphere(N, rng) for _ in range(STARTS)])
    starts -= (starts @ signal / N)[:, None] * signal
    starts *= math.sqrt(N * (1 - OVERLAP**2)) / np.linalg.norm(starts, axis=1)[:, None]
    starts += OVERLAP * signal
    seeds = np.random.SeedSequence(seed).spawn(STARTS)
    paths = descend_together(problem, starts, time=time, scheme=scheme, success=None, seeds=seeds)
    assert all(path.step.largest < scheme.step * (1 + 1e-6) for path in paths)
    assert all(path.steps == round(time / scheme.step) for path in paths)
    laws = [empirical(problem, path.w) for path in paths]
    edges = [left_edge(law) for law in laws]
    return np.mean(
        [
            (law.energy, law.mu, path.overlap[-1], edge.position, bbp(law, edge.chi))
            for law, path, edge in zip(laws, paths, edges, strict=True)
        ],
        axis=0,
    )


@pytest.mark.slow
@pytest.mark.parametrize("name", COMPARED)
def test_theory_and_simulation_agree(name):
    scheme, time = as_scheme(COMPARED[name][0]), COMPARED[name][1]
    steps = np.full(round(time / scheme.step), scheme.step)
    run = dynamical(
        LOSS, ALPHA, steps, paths=32768, batches=16, overlap=OVERLAP, update=scheme.update
    )

    def spectral(law):
        edge = left_edge(law)
        return edge.position, bbp(law, edge.chi)

    batches = np.array([spectral(run.measure(-1, batch)) for batch in range(16)])
    given = (run.energy, run.mu, run.overlap)
    expected = np.array([*(one.value[-1] for one in given), *spectral(run.measure(-1))])
    error = np.array([*(one.error[-1] for one in given), *(batches.std(axis=0, ddof=1) / 4)])
    seen = np.array([_simulated(scheme, time, seed) for seed in range(INSTANCES)])
    scatter = seen.std(axis=0, ddof=1) / math.sqrt(INSTANCES)
    scores = (seen.mean(axis=0) - expected) / np.hypot(error, scatter)
    assert np.all(np.abs(scores) < SIGMA), (scores, expected, error, scatter)


def _in_batches(scheme, time):
    steps = np.full(round(time / scheme.step), scheme.step)
    options = {"paths": 131072, "batches": 16, "overlap": OVERLAP, "update": scheme.update}
    run = dynamical(LOSS, ALPHA, steps, **options)
    edges = [left_edge(run.measure(-1, batch)).position for batch in range(16)]
    last = (run.batch_energy[:, -1], run.batch_mu[:, -1], run.batch_overlap[:, -1], edges)
    return np.stack(last, axis=1)


@pytest.mark.slow
def test_what_batches_change_is_what_theory_says():
    """Beside whole steps on the same instances, early, where the noise is large."""
    scheme, time = as_scheme("sgd(batch=0.1, step=0.0015)"), 0.15
    whole = as_scheme(f"descent(step={scheme.step:g})")
    expected = _in_batches(scheme, time) - _in_batches(whole, time)
    seen = np.array(
        [(_simulated(scheme, time, seed) - _simulated(whole, time, seed))[:4] for seed in range(12)]
    )
    errors = [one.std(axis=0, ddof=1) / math.sqrt(len(one)) for one in (expected, seen)]
    error = np.hypot(*errors)
    assert np.all(np.abs(seen.mean(axis=0) - expected.mean(axis=0)) < SIGMA * error)
    # The edge tells batches from none.
    assert abs(seen.mean(axis=0)[3]) > SIGMA * error[3]

"""Threshold states: the replica law against itself, against its limits, and against sampling."""

import itertools
import math
from dataclasses import dataclass, replace

import numpy as np
import pytest

from prlib.losses import Amplitude, Intensity, NormalizedIntensity, Poisson, PseudoHuber
from prlib.measures.random_start import initial
from prlib.measures.threshold_states import (
    branch_of,
    solve_threshold_state,
    threshold_state,
    tilted_law,
)
from prlib.spectra.bulk import left_edge

SMOOTH = [
    (NormalizedIntensity(0.01), 4.436),
    (NormalizedIntensity(0.01), 50.0),
    (NormalizedIntensity(1.0), 7.094),
    (NormalizedIntensity(0.001), 3.0),
    (Amplitude(0.2), 12.0),
]
JUMPING = [
    (Intensity(), 13.8),
    (NormalizedIntensity(100.0), 13.0),
    (NormalizedIntensity(1.0), 2.0),
    (Poisson(1.0), 30.0),
    (PseudoHuber(10.0), 10.0),
]


def state_id(value):
    return repr(value)


@pytest.mark.parametrize(("loss", "alpha"), SMOOTH, ids=state_id)
def test_left_edge_is_at_zero_where_no_proximal_map_jumps(loss, alpha):
    state = solve_threshold_state(loss, alpha)
    edge = left_edge(state.measure)
    assert edge.kind == "soft"
    # z' = 0 at the edge: its position has the error of mu alone.
    assert abs(edge.position) < 10 * state.mu_error
    assert edge.chi == pytest.approx(state.chi, rel=1e-8)


@pytest.mark.parametrize(("loss", "alpha"), JUMPING, ids=state_id)
def test_where_it_jumps_the_edge_sits_above_zero_by_the_weight_of_the_jump(loss, alpha):
    state = solve_threshold_state(loss, alpha)
    law = tilted_law(loss, state.chi, state.x)
    assert law.jump > 0
    assert state.gap == pytest.approx(alpha * law.jump, abs=100 * state.mu_error)
    assert left_edge(state.measure).position == pytest.approx(state.gap, abs=100 * state.mu_error)


@pytest.mark.parametrize(("loss", "alpha"), SMOOTH + JUMPING, ids=state_id)
def test_errors_cover_what_doubling_the_order_changes(loss, alpha):
    state = solve_threshold_state(loss, alpha)

    best = solve_threshold_state(loss, alpha, orders=(14, 20))
    for name in ("chi", "x", "energy", "mu"):
        moved = abs(getattr(best, name) - getattr(state, name))
        assert moved <= getattr(state, f"{name}_error"), name


@pytest.mark.parametrize(("loss", "alpha"), SMOOTH + JUMPING, ids=state_id)
def test_order_parameters_make_the_free_entropy_stationary(loss, alpha):
    """The derivatives of S(chi, x), taken numerically, against saddle and energy."""
    state = solve_threshold_state(loss, alpha)

    def entropy(chi, x):
        return math.log1p(x / chi) / 2 + alpha * tilted_law(loss, chi, x, order=16).log_z

    def slope(function, at):
        # Five points, relative step 0.01: the truncation is of relative order 0.01^4 / 30.
        h = 0.01 * at
        return (
            8 * (function(at + h) - function(at - h)) - function(at + 2 * h) + function(at - 2 * h)
        ) / (12 * h)

    in_chi = slope(lambda chi: entropy(chi, state.x), state.chi)
    in_x = slope(lambda x: entropy(state.chi, x), state.x)
    size = state.x / (2 * state.chi * (state.chi + state.x))
    assert abs(in_chi) < 1e-6 * size
    assert -in_x == pytest.approx(state.energy, rel=1e-6)


@pytest.mark.parametrize(("loss", "alpha"), SMOOTH + JUMPING, ids=state_id)
def test_labels_stay_normal(loss, alpha):
    law = threshold_state(loss, alpha)
    assert law.mean(law.y**2) == pytest.approx(1, abs=1e-9)
    assert law.mean(law.y**4) == pytest.approx(3, abs=1e-8)


def test_many_measurements_leave_the_fields_almost_normal():
    """For large alpha x V is small, and the law is that of a random start."""
    loss = NormalizedIntensity(1.0)
    start = initial(loss, 1.0)
    # Leading order: chi = 1/sqrt(alpha E[f^2]), and x/chi + 1 = E[f^2]/E[l'^2].
    second = start.mean(start.curvature**2)
    first = start.mean(loss.derivative(start.y, start.yhat) ** 2)

    def distances(alpha):
        state = solve_threshold_state(loss, alpha)
        return np.abs(
            [
                state.chi * math.sqrt(alpha * second) - 1,
                (1 + state.x / state.chi) * first / second - 1,
            ]
        )

    # The next order is relatively of order 1/sqrt(alpha): a factor of ten between these two.
    near, far = distances(1e8), distances(1e6)
    assert np.all(near < 0.12 * far)
    assert np.all(far < 0.1)


def test_states_follow_alpha_continuously():
    alphas = np.linspace(2, 6, 41)
    states = [solve_threshold_state(NormalizedIntensity(0.01), float(a)) for a in alphas]
    for name in ("chi", "x", "energy", "mu"):
        values = np.log(np.array([getattr(s, name) for s in states]) + (1 if name == "mu" else 0))
        # No jump: neighbouring steps differ by little, compared with the steps themselves.
        steps = np.diff(values)
        assert np.abs(np.diff(steps)).max() < 0.2 * np.abs(steps).max(), name


@pytest.mark.slow
def test_states_are_smooth_in_the_plane_of_a_and_alpha():
    # From above the turns of all branches: near one, energies fall with alpha, and chi bends.
    a, alphas = np.geomspace(3e-3, 3, 14), np.geomspace(1.95, 12, 14)
    states = [
        [solve_threshold_state(NormalizedIntensity(float(one)), float(alpha)) for alpha in alphas]
        for one in a
    ]
    for name in ("chi", "x", "energy"):
        values = np.log([[getattr(state, name) for state in row] for row in states])
        for w in (values, values.T):
            between = (9 * (w[2:-4] + w[4:-2]) - w[:-6] - w[6:]) / 16
            # The third difference bounds what cubic interpolation leaves; a jump onto another
            # kind of state would be of the size of the steps, half of which it would leave.
            left, step = np.abs(between - w[3:-3]).max(), np.abs(np.diff(w, axis=0)).max()
            assert left < step / 5, name


@pytest.mark.parametrize(
    ("loss", "alpha", "end"),
    [
        (NormalizedIntensity(0.01), 1.5, 1.618),
        pytest.param(NormalizedIntensity(0.001), 1.2, 1.566, marks=pytest.mark.slow),
        pytest.param(NormalizedIntensity(0.1), 1.0, 1.723, marks=pytest.mark.slow),
        pytest.param(NormalizedIntensity(0.2), 1.0, 1.774, marks=pytest.mark.slow),
        (PseudoHuber(0.3), 1.0, 1.398),
    ],
    ids=state_id,
)
def test_below_the_turn_of_the_branch_the_message_says_where_it_is(loss, alpha, end):
    with pytest.raises(ValueError, match=rf"^alpha = {alpha:g}: .* end at alpha = {end}"):
        solve_threshold_state(loss, alpha)
    assert solve_threshold_state(loss, end).alpha == end


def test_where_the_law_becomes_a_needle_the_message_says_so():
    loss = Amplitude(0.2)
    for alpha in (1.3, 2.0):
        with pytest.raises(ValueError, match=r"down to alpha = 2\.8\d\d, where .* a needle"):
            solve_threshold_state(loss, alpha)
    assert solve_threshold_state(loss, 2.9).x > 100


@pytest.mark.slow
@pytest.mark.parametrize("a", [0.003, 0.005, 0.01, 0.2])
def test_the_branch_is_followed_without_a_jump_to_its_end(a):
    loss = NormalizedIntensity(a)
    end = branch_of(loss).lowest_alpha()
    alphas = np.concatenate(
        [end * (1 + np.geomspace(1e-5, 0.1, 8)), np.geomspace(1.2 * end, 6, 12)]
    )
    states = [solve_threshold_state(loss, float(alpha)) for alpha in alphas]
    log_chi = np.log([state.chi for state in states])
    assert np.all(np.diff(log_chi) < 0)
    # Where two kinds of states merge chi leaves its end as the root of the distance: no jump.
    assert np.abs(np.diff(log_chi)).max() < 0.4


def test_near_the_turn_the_state_is_that_followed_from_above():
    state = solve_threshold_state(NormalizedIntensity(0.01), 1.63)
    assert (round(state.energy, 6), round(state.chi, 4)) == (0.004956, 1.0714)


@pytest.mark.parametrize("loss", [NormalizedIntensity(1.0), Amplitude(0.3)], ids=repr)
def test_mixing_of_a_weakly_tilted_law_is_a_covariance(loss):
    """At large alpha <h^2>_y - 1 is -x Cov(h^2, l) to first order, whatever the saddle."""
    state, start = solve_threshold_state(loss, 1e8), initial(loss, 1e8, order=12)
    size = round(math.sqrt(len(start.y)))
    h2, value = start.yhat**2, loss.value(start.y, start.yhat)
    weights = start.weights.reshape(size, size)
    mass = weights.sum(axis=1)

    def given_label(values):
        return (weights * values.reshape(size, size)).sum(axis=1) / mass

    covariance = given_label(h2 * value) - given_label(h2) * given_label(value)
    expected = 1e8 * (state.chi + state.x) ** 2 * mass @ covariance**2
    assert state.mixing == pytest.approx(expected, rel=0.02)


@pytest.mark.parametrize("loss", [NormalizedIntensity(1.0), Intensity()], ids=repr)
def test_towards_one_measurement_a_dimension_the_energy_vanishes(loss):
    energies = [solve_threshold_state(loss, alpha).energy for alpha in (3.0, 2.0, 1.5, 1.2)]
    assert all(low < high / 2 for high, low in itertools.pairwise(energies))
    with pytest.raises(ValueError, match=r"^alpha = 0.9: .*down to alpha = 1.2; their energy"):
        solve_threshold_state(loss, 0.9)


@dataclass(frozen=True)
class Wavy(Intensity):
    """A loss whose force turns back away from ŷ = 0: not for this theory."""

    @staticmethod
    def l(y, yhat):
        return 0.25 * (yhat * yhat - y * y) ** 2 - np.cos(6 * yhat)

    @staticmethod
    def dl(y, yhat):
        return yhat * (yhat * yhat - y * y) + 6 * np.sin(6 * yhat)

    @staticmethod
    def d2l(y, yhat):
        return 3 * yhat * yhat - y * y + 36 * np.cos(6 * yhat)

    jump = NormalizedIntensity.__mro__[1].jump


def test_a_loss_that_breaks_the_assumption_is_refused():
    with pytest.raises(ValueError, match="jumps away from h = 0"):
        tilted_law(Wavy(), 0.2, 0.2)


def test_the_internal_check_catches_a_wrong_law():
    state = solve_threshold_state(NormalizedIntensity(1.0), 7.0)
    from prlib.measures.threshold_states.solution import _require_consistent

    _require_consistent(state, 0.0)
    with pytest.raises(RuntimeError, match="the quadrature failed"):
        _require_consistent(replace(state, gap=1e-4), 0.0)


def best_fields(loss, y, h, chi):
    """Minimise l(y, ŷ) + (ŷ - h)^2/(2 chi) by looking at every ŷ, then closer, then closer."""

    def cost(yhat):
        return loss.value(y[:, None], yhat) + (yhat - h[:, None]) ** 2 / (2 * chi)

    reach = np.maximum(np.abs(y), np.abs(h))[:, None] + 0.1
    centre, width, points = np.zeros((len(y), 1)), reach, np.linspace(-1, 1, 201)
    while width.max() > 1e-9:
        grid = centre + width * points
        centre = np.take_along_axis(grid, np.argmin(cost(grid), axis=1)[:, None], axis=1)
        width, points = width * (points[1] - points[0]), np.linspace(-1, 1, 21)
    return centre[:, 0], cost(centre)[:, 0]


def sampled(loss, chi, x, size, rng):
    """Draw from the replica law: h normal, kept with probability exp(-x V), for each label."""
    y = rng.standard_normal(size)
    yhat, h = np.empty(size), np.empty(size)
    waiting = np.arange(size)
    while len(waiting):
        trial = rng.standard_normal(len(waiting))
        field, potential = best_fields(loss, y[waiting], trial, chi)
        kept = rng.random(len(waiting)) < np.exp(-x * potential)
        yhat[waiting[kept]], h[waiting[kept]] = field[kept], trial[kept]
        waiting = waiting[~kept]
    return y, yhat, h


@pytest.mark.slow
@pytest.mark.parametrize(
    ("loss", "alpha"),
    [(NormalizedIntensity(0.01), 4.436), (NormalizedIntensity(0.01), 50.0), (Intensity(), 13.8)],
    ids=state_id,
)
def test_sampling_the_replica_law_by_brute_force_agrees(loss, alpha):
    state = solve_threshold_state(loss, alpha)
    chi, x, batch, batches = state.chi, state.x, 20_000, 10
    rng, size = np.random.default_rng(7), batch * batches
    parts = [sampled(loss, chi, x, batch, rng) for _ in range(batches)]
    y, yhat, h = (np.concatenate(each) for each in zip(*parts, strict=True))
    law = state.measure

    def response(y, yhat):
        # Where the minimiser starts to jump the response has no fourth moment: clip it, on both
        # sides, so that the sample mean has a standard error. The clip at 4 cuts a kink into the
        # quadrature too, but one far below the sampling error.
        return np.clip(1 - 1 / (1 + chi * loss.curvature(y, yhat)), -4, 4)

    checks = {
        "saddle": (alpha * (yhat - h) ** 2, chi / (chi + x)),
        "energy": (alpha * loss.value(y, yhat), state.energy),
        "mu": (alpha * loss.derivative(y, yhat) * yhat, state.mu),
        "norm": (yhat**2, law.mean(law.yhat**2)),
        "marginality": (
            alpha * response(y, yhat) ** 2,
            alpha * law.mean(response(law.y, law.yhat) ** 2),
        ),
        "transition": (
            alpha * (1 - y**2) * response(y, yhat),
            alpha * law.mean((1 - law.y**2) * response(law.y, law.yhat)),
        ),
    }
    if isinstance(loss, NormalizedIntensity):
        # Nothing is clipped far from a jump: marginality itself is what was sampled.
        assert checks["marginality"][1] == pytest.approx(1, abs=1e-9)
    for name, (values, expected) in checks.items():
        error = values.std() / math.sqrt(size)
        # Eighteen comparisons: 3.5 standard errors fail by chance once in a hundred runs.
        assert abs(values.mean() - expected) < 3.5 * error, name

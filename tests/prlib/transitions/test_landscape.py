"""Lines and bands of minima, against values of an independent solution and against limits."""

import math

import numpy as np
import pytest
from scipy.linalg import null_space
from scipy.optimize import minimize

import prlib
from prlib.losses import Amplitude, Intensity, NormalizedIntensity, Poisson, PseudoHuber
from prlib.measures.landscape import Search, solve
from prlib.measures.landscape.law import Law
from prlib.measures.quadrature import UnresolvedError
from prlib.parameters import ParameterError
from prlib.spectra.outlier import outlier
from prlib.transitions.landscape import band, landscape, landscape_map
from prlib.transitions.minima import alpha_minima
from prlib.transitions.threshold_states import alpha_threshold, threshold_state


@pytest.mark.parametrize(
    ("a", "most", "low"),
    [
        (0.001, 3.5952, 4.0837),
        (0.01, 3.7109, 4.2425),
        (0.1, 4.2119, 4.8959),
        (1.0, 5.8664, 6.8963),
    ],
)
def test_minima_fall_toward_the_signal_before_threshold_states_do(a, most, low):
    found, lowest = alpha_minima(a), alpha_minima(a, lowest=True)
    assert found.alpha == pytest.approx(most, abs=6e-5)
    assert lowest.alpha == pytest.approx(low, abs=6e-5)
    assert found.alpha < lowest.alpha < alpha_threshold(a).alpha
    assert max(found.error, lowest.error) < 1e-6


@pytest.mark.parametrize(
    ("alpha", "values"),
    [
        (3.0, (0.5233, 1.0314, 0.2713, 0.3180, 0.0935, 0.0460)),
        (4.0, (0.3448, 0.3608, 0.1622, 0.5855, 0.6329, 0.0227)),
    ],
)
def test_the_most_numerous_minima_are_marginal(alpha, values):
    found = prlib.landscape(a=0.01, alpha=alpha)
    names = ("chi", "s", "eta", "energy", "mu", "complexity")
    np.testing.assert_allclose([getattr(found, name) for name in names], values, atol=6e-5)
    assert found.x == 0
    assert abs(found.left_edge) < 1e-10
    assert found.edge_kind == "soft"


@pytest.mark.parametrize(("alpha", "expected"), [(3.0, -0.0480), (4.0, -0.0245), (5.0, -0.0137)])
def test_threshold_states_of_one_step_typically_do_not_exist(alpha, expected):
    state = threshold_state(0.01, alpha)
    found = landscape(0.01, alpha, energy=state.energy)
    assert found.complexity == pytest.approx(expected, abs=1e-4)
    assert found.complexity == pytest.approx(state.complexity, abs=1e-8)
    assert found.mu == pytest.approx(state.mu, rel=1e-7)
    assert found.x == pytest.approx(state.x, rel=1e-7)
    assert band(0.01, alpha).energy_low > state.energy


@pytest.mark.parametrize(("alpha", "last"), [(2.0, 0.8675), (2.5, 0.6697), (5.0, 0.1495)])
def test_beyond_the_largest_overlap_no_minimum_is_left(alpha, last):
    found = band(0.01, alpha)
    assert found.overlap_max == pytest.approx(last, abs=6e-5)
    assert landscape(0.01, alpha, last - 0.01).complexity > 0
    assert landscape(0.01, alpha, last + 0.01).complexity < 0
    assert band(0.01, alpha, last + 0.01).energy_low is None


def test_complexity_vanishes_at_the_ends_of_the_band():
    found = band(0.01, 4.0)
    low = landscape(0.01, 4.0, energy=found.energy_low)
    assert abs(low.complexity) < 1e-7
    assert low.bbp == pytest.approx(found.bbp_low, abs=1e-6)
    assert landscape(0.01, 4.0).energy == pytest.approx(found.energy_high, abs=1e-9)


def test_a_band_tells_minima_that_are_not_there_from_those_it_cannot_resolve(monkeypatch):
    def ends(found):
        return found.energy_low, found.bbp_low, found.energy_high, found.bbp_high

    absent = band(0.01, 5.0, 0.5)
    assert ends(absent) == (None, None, None, None)
    assert absent.overlap_max == pytest.approx(0.1495, abs=6e-5)

    def too_sharp(*_):
        raise UnresolvedError("too sharp")

    monkeypatch.setattr(Search, "lowest", too_sharp)
    monkeypatch.setattr(Search, "last", too_sharp)
    unknown = band(0.01, 4.0)
    np.testing.assert_allclose(ends(unknown), (math.nan, math.nan, 0.5855, 1.058), atol=6e-4)
    assert math.isnan(unknown.overlap_max)
    monkeypatch.setattr(Search, "last", lambda *_: None)
    assert band(0.01, 4.0).overlap_max is None


@pytest.mark.slow
@pytest.mark.parametrize(("a", "alpha"), [(1.0, 1.5), (100.0, 3.0)])
def test_minima_that_nearly_fit_every_label_are_too_sharp_for_the_largest_overlap(a, alpha):
    found = band(a, alpha)
    assert 0 < found.energy_low < found.energy_high
    assert math.isnan(found.overlap_max)


@pytest.mark.parametrize(
    ("loss", "alpha", "overlap"),
    [
        (NormalizedIntensity(0.01), 3.0, 0.0),
        (NormalizedIntensity(0.01), 2.0, 0.5),
        (NormalizedIntensity(0.001), 4.0, 0.0),
        (NormalizedIntensity(1.0), 2.0, 0.0),
        (NormalizedIntensity(100.0), 6.0, 0.0),
        (Intensity(), 12.0, 0.0),
        (Amplitude(0.2), 8.0, 0.0),
        (PseudoHuber(0.3), 3.0, 0.3),
        (Poisson(0.5), 5.0, 0.0),
    ],
    ids=repr,
)
def test_errors_cover_what_doubling_the_order_changes(loss, alpha, overlap):
    found = landscape(loss, alpha, overlap)
    best = landscape(loss, alpha, overlap, orders=(12, 18))
    for name in ("complexity", "energy", "mu", "chi", "s", "eta", "lagrange", "bbp", "overlap2"):
        moved = abs(getattr(best, name) - getattr(found, name))
        assert moved <= getattr(found, f"{name}_error"), name


@pytest.mark.slow
def test_lines_are_smooth_over_five_decades():
    values = np.geomspace(1e-3, 1e2, 26)
    for lowest in (False, True):
        lines = np.log([alpha_minima(float(a), lowest=lowest).alpha for a in values])
        assert np.abs(np.diff(lines, 3)).max() < 0.01
    last = alpha_minima(None).alpha
    assert math.exp(lines[-1]) < alpha_minima(None, lowest=True).alpha
    assert alpha_minima(100.0).alpha < last


def test_many_measurements_leave_a_gaussian_landscape():
    """Then the complexity no longer depends on alpha, and few labels are unlike normal ones."""
    far, further = (landscape(1.0, alpha) for alpha in (1e6, 1e8))
    assert far.complexity == pytest.approx(further.complexity, rel=0.03)
    assert far.eta / far.chi == pytest.approx(further.eta / further.chi, rel=0.03)


def test_the_sign_of_the_overlap_makes_no_difference():
    assert landscape(0.01, 2.5, -0.4).complexity == landscape(0.01, 2.5, 0.4).complexity


def test_annealed_labels_reach_lower():
    held, annealed = (band(0.01, 4.0, labels=labels) for labels in ("held", "annealed"))
    assert annealed.energy_low < held.energy_low
    assert annealed.overlap_max > held.overlap_max


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"alpha": 1.0}, "alpha = 1: minima are followed down to alpha = 1.05"),
        ({"alpha": 4.0, "overlap": 1.0}, "overlap = 1.0: must be a number between -1 and 1"),
        ({"alpha": 4.0, "energy": -1}, "energy = -1: must be a finite number > 0"),
        ({"alpha": 4.0, "energy": 1e-6}, "energy = 1e-06: no minima of .* are found there"),
        ({"alpha": 4.0, "labels": "free"}, "labels = 'free': must be 'held' or 'annealed'"),
    ],
)
def test_what_is_not_there_is_refused_in_one_line(arguments, message):
    with pytest.raises(ParameterError, match=message) as caught:
        landscape(0.01, **arguments)
    assert "\n" not in str(caught.value)


def hessian_of(found, n, rng):
    """Draw the Hessian of a stationary point with the law found: its lowest eigenpair."""
    law, m = found.measure, found.overlap
    size = round(found.alpha * n)
    nodes = np.searchsorted(np.cumsum(law.weights), (np.arange(size) + rng.random()) / size)
    sign = rng.choice([-1, 1], size)
    y, yhat = sign * law.y[nodes], sign * law.yhat[nodes]
    force, f = law.loss.derivative(y, yhat), law.loss.curvature(y, yhat)
    toward = (y - m * yhat) / math.sqrt(1 - m * m)
    # No gradient, toward the signal or elsewhere.
    force -= toward * (toward @ force) / (toward @ toward)
    X = rng.standard_normal((size, n - 1))
    X -= np.outer(force, force @ X) / (force @ force)
    X[:, 0] = toward
    values, vectors = np.linalg.eigh((X.T * f) @ X / n)
    return values[0] - force @ yhat / n, (1 - m * m) * vectors[0, 0] ** 2


@pytest.mark.slow
def test_hessians_of_stationary_points_have_the_outlier_of_the_tangent_space():
    found = landscape(1.0, 7.0, 0.3)
    rng = np.random.default_rng(5)
    drawn = np.array([hessian_of(found, 800, rng) for _ in range(24)])
    mean, error = drawn.mean(0), drawn.std(0) / math.sqrt(len(drawn))
    assert error[0] < 0.01
    assert abs(mean[0] - found.outlier) < 3 * error[0]
    assert abs(mean[1] - found.overlap2) < 3 * error[1]
    # The plane of w* and w, which knows of no vanishing gradient, is somewhere else.
    assert abs(mean[0] - outlier(found.measure).position) > 3 * error[0]


def test_the_map_agrees_with_its_points():
    plane = landscape_map(0.1, [2.5, 4.0], [0.0, 0.2, 0.4])
    for row, alpha in enumerate(plane.alphas):
        for column, overlap in enumerate(plane.overlaps):
            point = landscape(0.1, alpha, overlap)
            for name in ("complexity", "energy", "bbp"):
                expected = getattr(point, name)
                assert getattr(plane, name)[row, column] == pytest.approx(expected, abs=2e-5)
    assert math.isnan(plane.overlap_max[0])  # beyond the overlaps asked for
    assert plane.overlap_max[1] == pytest.approx(band(0.1, 4.0).overlap_max, abs=1e-5)


def quenched(loss, n, alpha, starts, rng):
    """Minima of one instance from random points, a row each.

    Energy per dimension, modulus of the overlap, mu, size of the gradients, mean of |y yhat|, mean
    inverse and lowest eigenvalue of the Hessian in the space tangent to the sphere.
    """
    X = rng.standard_normal((round(alpha * n), n)) / math.sqrt(n)
    signal = rng.standard_normal(n)
    signal *= math.sqrt(n) / np.linalg.norm(signal)
    y = X @ signal

    def on_sphere(v):
        scale = math.sqrt(n) / np.linalg.norm(v)
        w = v * scale
        gradient = X.T @ loss.derivative(y, X @ w)
        return loss.value(y, X @ w).sum(), (gradient - w * (gradient @ w) / n) * scale

    rows = []
    for _ in range(starts):
        found = minimize(
            on_sphere,
            rng.standard_normal(n),
            jac=True,
            method="L-BFGS-B",
            options={"maxiter": 3000, "ftol": 1e-15, "gtol": 1e-9},
        )
        w = found.x * math.sqrt(n) / np.linalg.norm(found.x)
        yhat = X @ w
        force, f = loss.derivative(y, yhat), loss.curvature(y, yhat)
        mu = force @ yhat / n
        tangent = null_space(w[None])
        values = np.linalg.eigvalsh(tangent.T @ (X.T * f) @ X @ tangent) - mu
        told = mu, force @ force / n, np.abs(y * yhat).mean(), (1 / values).mean(), values[0]
        rows.append((found.fun / n, abs(w @ signal) / n, *told))
    rows = np.array([row for row in rows if row[0] > 1e-6])
    return rows[np.unique(np.round(rows[:, 0], 7), return_index=True)[1]]


@pytest.mark.slow
def test_minima_of_small_instances_are_as_many_and_as_high_as_counted():
    """At N = 28 corrections are of order log(N)/N = 0.12 in the complexity, 1/N in the energy."""
    loss, alpha, n = NormalizedIntensity(1.0), 2.0, 28
    most, ends = landscape(loss, alpha), band(loss, alpha)
    instances = [quenched(loss, n, alpha, 300, np.random.default_rng(seed)) for seed in range(12)]
    counted = np.array([math.log(len(rows)) / n for rows in instances])
    # Pairs w, -w count once here: log(2)/N is one such correction.
    assert abs(counted.mean() - most.complexity) < math.log(n) / n / 2
    energies = np.concatenate([rows[rows[:, 1] < 0.4, 0] for rows in instances])
    assert len(energies) > 200
    assert ends.energy_low - 0.5 / n < energies.mean() < ends.energy_high + 0.5 / n
    inside = (energies > ends.energy_low - 1 / n) & (energies < ends.energy_high + 1 / n)
    assert inside.mean() > 0.9
    # Threshold states of one step lie below what quenches reach.
    assert energies.mean() > threshold_state(loss, alpha).energy


def test_a_search_that_leads_nowhere_is_given_up(monkeypatch):
    # The branch of the most numerous minima ends at an overlap below that of the last ones.
    laws = []
    monkeypatch.setattr(
        solve, "Law", lambda *args, **kwargs: laws.append(0) or Law(*args, **kwargs)
    )
    found = band(None, 3.0)
    assert found.energy_low == pytest.approx(0.2580, abs=5e-5)
    assert math.isnan(found.overlap_max)
    assert len(laws) < 900


@pytest.mark.slow
def test_minima_of_small_instances_have_the_law_and_the_edge_that_are_counted():
    """Means over instances lie between the ends of the band, up to 1/N of each and their errors."""
    loss, alpha = NormalizedIntensity(1.0), 2.0
    low = landscape(loss, alpha, energy=band(loss, alpha).energy_low)
    ends = [
        (
            each.mu,
            1 / each.s,
            each.measure.mean(np.abs(each.measure.y * each.measure.yhat)),
            each.chi,
        )
        for each in (low, landscape(loss, alpha))
    ]
    lowest = {}
    for n in (20, 40):
        instances = [
            quenched(loss, n, alpha, 60, np.random.default_rng(seed)) for seed in range(16)
        ]
        means = np.array([rows[rows[:, 1] < 0.4, 2:].mean(axis=0) for rows in instances])
        mean, error = means.mean(axis=0), means.std(axis=0, ddof=1) / math.sqrt(len(means))
        reach = 3 * error[:4] + np.abs(ends).max(axis=0) / n
        assert np.all(mean[:4] > np.min(ends, axis=0) - reach)
        assert np.all(mean[:4] < np.max(ends, axis=0) + reach)
        # Tight enough to tell a wrong law: the errors of these means are a tenth of them.
        assert np.all(error[2:4] < 0.1 * mean[2:4])
        assert min(rows[:, 6].min() for rows in instances) > 0
        lowest[n] = mean[4]
    # The edge is at zero: the gap that a finite size leaves closes, as N^(-2/3) or more slowly.
    assert 0.5 < lowest[40] / lowest[20] < 0.95

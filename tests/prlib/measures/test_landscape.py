"""Laws over critical points: against themselves, the replica law, and sampling."""

import math

import numpy as np
import pytest

from prlib.losses import Amplitude, Intensity, NormalizedIntensity, Poisson, PseudoHuber
from prlib.measures.landscape import Search
from prlib.measures.landscape.law import ETA, OVERLAP, Law, Point, laid_out
from prlib.measures.landscape.solve import GAPPED, solved
from prlib.measures.threshold_states import solve_threshold_state

STATES = [
    (NormalizedIntensity(0.01), 3.0),
    (NormalizedIntensity(0.01), 5.0),
    (NormalizedIntensity(1.0), 7.0),
    (NormalizedIntensity(0.001), 2.5),
]
ENDED = [
    (NormalizedIntensity(1.0), 2.0),
    (NormalizedIntensity(100.0), 4.0),
    (Intensity(), 4.0),
    (Amplitude(0.2), 3.0),
    (Poisson(0.5), 5.0),
    (PseudoHuber(0.3), 2.0),
]
"""Laws whose support ends, or that are sharp for other reasons."""


def state_id(value):
    return repr(value)


@pytest.mark.parametrize("annealed", [False, True], ids=["held", "annealed"])
@pytest.mark.parametrize("overlap", [0.0, 0.3])
def test_derivatives_of_phi_are_those_of_its_values(overlap, annealed):
    loss = NormalizedIntensity(0.01)
    point = Point(0.52, 1.03, 0.1 if overlap else 0.0, 0.2, 0.27, overlap, 3.0)
    nodes = laid_out(loss, point, 8)

    def law(index, shift):
        values = list(point)
        values[index] += shift
        return Law(loss, Point(*values), nodes, annealed=annealed)

    here = law(0, 0.0)
    for index in range(len(point)):
        if overlap == 0 and index in {2, OVERLAP}:
            continue  # away from zero overlap positive fields no longer stand for both signs
        above, below = law(index, 1e-5), law(index, -1e-5)
        assert here.gradient[index] == pytest.approx((above.phi - below.phi) / 2e-5, abs=1e-8)
        np.testing.assert_allclose(
            here.hessian[index], (above.gradient - below.gradient) / 2e-5, atol=2e-7
        )
        slope = (above.softness - below.softness) / 2e-5
        assert here.softness_slope[index] == pytest.approx(slope, abs=1e-6)


@pytest.mark.parametrize(
    ("a", "alpha"), [(0.001, 5.0), (0.01, 4.0), (0.01, 8.0), (1.0, 7.0), (1.0, 20.0)]
)
def test_all_critical_points_counted_with_their_sign_cancel(a, alpha):
    """The signed count is the Euler characteristic of a sphere, and its law is that of replicas."""
    loss = NormalizedIntensity(a)
    point = Search(loss).equator(alpha).point
    start = point._replace(eta=0.0, chi=math.sqrt(point.s))
    found = solved(loss, start, GAPPED, 10)
    assert found.law.softness < 0  # no stability: the bulk straddles zero
    assert abs(found.law.complexity) < 1e-9
    assert found.point.s == pytest.approx(found.point.chi**2, rel=1e-8)


@pytest.mark.parametrize(("loss", "alpha"), STATES, ids=state_id)
def test_one_step_of_replica_symmetry_breaking_is_a_member_of_the_family(loss, alpha):
    replica = solve_threshold_state(loss, alpha, orders=(10, 14))
    assert replica.chi < 1
    search = Search(loss)
    found = search.at_energy(search.equator(alpha), replica.energy)
    law = search.minima(found, (10, 14)).fine.law
    assert law.point.x == pytest.approx(replica.x, rel=1e-8)
    assert law.complexity == pytest.approx(replica.complexity, abs=1e-8)
    assert law.point.chi + law.point.eta == pytest.approx(replica.chi, rel=1e-8)
    assert law.point.s == pytest.approx(replica.chi * (replica.chi + replica.x), rel=1e-8)
    # At this very energy stability stops binding: eta vanishes there.
    assert abs(law.point.eta) < 1e-6


@pytest.mark.parametrize(("loss", "alpha"), [*STATES, *ENDED], ids=state_id)
def test_x_is_the_slope_of_the_complexity_in_the_energy(loss, alpha):
    search = Search(loss, order=8)
    most = search.equator(alpha)
    here = search.tilted(most, 0.3 * most.point.s / most.point.chi)
    step = 1e-4 * here.law.energy
    above, below = (search.at_energy(here, here.law.energy + sign * step) for sign in (1, -1))
    slope = (above.law.complexity - below.law.complexity) / (2 * step)
    assert slope == pytest.approx(here.point.x, rel=1e-5)


@pytest.mark.parametrize(("loss", "alpha"), [*STATES, *ENDED], ids=state_id)
def test_labels_stay_normal_when_they_are_held(loss, alpha):
    search = Search(loss)
    measure = search.minima(search.equator(alpha)).measure
    assert measure.mean(measure.y**2) == pytest.approx(1, abs=1e-9)
    assert measure.mean(measure.y**4) == pytest.approx(3, abs=1e-8)


def test_annealed_labels_count_more_minima():
    loss = NormalizedIntensity(0.01)
    held, annealed = (Search(loss, annealed=each).equator(4.0) for each in (False, True))
    assert annealed.law.complexity > held.law.complexity


@pytest.mark.parametrize("overlap", [0.0, 0.5])
def test_at_a_small_overlap_nothing_jumps(overlap):
    search = Search(NormalizedIntensity(0.01), order=8)
    near = search.at_overlap(search.equator(2.0), overlap)
    far = search.at_overlap(near, overlap + 1e-5)
    assert far.law.complexity == pytest.approx(near.law.complexity, abs=1e-5)
    np.testing.assert_allclose(far.point, near.point, atol=2e-4)


def sampled(loss, point, labels, rng):
    """Draw a field for each label by rejection, straight from the formula of the law."""
    chi, s, lagrange, x, eta, m, _ = point
    width = math.sqrt(1 - m * m)

    def tilt(y, yhat):
        force, f = loss.derivative(y, yhat), loss.curvature(y, yhat)
        step = np.maximum(1 + chi * f, 1e-300)
        return (
            np.log(step)
            - (chi + eta) * force * yhat
            - s / 2 * force**2
            - lagrange * force * (y - m * yhat)
            - x * loss.value(y, yhat)
            + eta * f / step
        )

    grid_ = np.linspace(-8, 8, 4001)
    highest = np.array([tilt(y, grid_).max() for y in labels]) + 0.01
    yhat, waiting = np.empty(len(labels)), np.arange(len(labels))
    while len(waiting):
        trial = m * labels[waiting] + width * rng.standard_normal(len(waiting))
        kept = np.log(rng.random(len(waiting))) < tilt(labels[waiting], trial) - highest[waiting]
        yhat[waiting[kept]] = trial[kept]
        waiting = waiting[~kept]
    return yhat


@pytest.mark.slow
@pytest.mark.parametrize(
    ("a", "alpha", "overlap"),
    [(0.01, 4.0, 0.0), (1.0, 7.0, 0.0), (0.1, 2.5, 0.4), (10.0, 6.0, 0.2)],
)
def test_sampling_the_law_by_rejection_agrees(a, alpha, overlap):
    loss, search = NormalizedIntensity(a), Search(NormalizedIntensity(a))
    found = search.at_overlap(search.equator(alpha), overlap)
    law = search.minima(found).measure
    chi, rng, size = found.point.chi, np.random.default_rng(3), 60_000
    y = rng.standard_normal(size)
    yhat = sampled(loss, found.point, y, rng)

    def observables(y, yhat):
        force, ratio = loss.derivative(y, yhat), 1 - 1 / (1 + chi * loss.curvature(y, yhat))
        return {
            "energy": loss.value(y, yhat),
            "mu": force * yhat,
            "size": force**2,
            "toward": force * (y - overlap * yhat),
            "response": ratio,
            "softness": np.clip(ratio, -6, 6) ** 2,
            "signal": (1 - y**2) * np.clip(ratio, -6, 6),
        }

    exact = observables(law.y, law.yhat)
    for name, values in observables(y, yhat).items():
        error = values.std() / math.sqrt(size)
        expected = 0.0 if name == "toward" else law.mean(exact[name])
        # 28 comparisons: four standard errors fail by chance once in five hundred runs.
        assert abs(values.mean() - expected) < 4 * error, name


def test_where_the_bulk_is_free_the_edge_is_left_of_nothing():
    """Below the marginal energies minima have a gap: eta is zero and the edge above it."""
    loss, search = NormalizedIntensity(0.01), Search(NormalizedIntensity(0.01))
    replica = solve_threshold_state(loss, 4.0)
    gapped = search.at_energy(search.equator(4.0), 0.9 * replica.energy)
    assert ETA not in gapped.system
    assert gapped.law.softness > 0

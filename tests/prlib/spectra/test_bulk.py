"""Edge and density of the bulk, against closed forms and actual Hessians."""

from dataclasses import dataclass

import numpy as np
import pytest

from prlib.losses import Intensity, Loss, NormalizedIntensity
from prlib.measures import empirical, initial
from prlib.problem import Problem, random_on_sphere
from prlib.spectra.bulk import density, edge_scale, left_edge, softness


@dataclass(frozen=True)
class Quadratic(Loss):
    """The loss ŷ²/2: its Hessian is a Wishart matrix, with everything known."""

    @staticmethod
    def l(y, yhat):
        return yhat * yhat / 2 + 0 * y

    @staticmethod
    def dl(y, yhat):
        return yhat + 0 * y

    @staticmethod
    def d2l(y, yhat):
        return 1 + 0 * y * yhat

    @property
    def curvature_floor(self):
        return 1.0


@pytest.mark.parametrize("alpha", [1.5, 4.0])
def test_a_wishart_matrix_has_the_edge_and_density_of_marchenko_and_pastur(alpha):
    law = initial(Quadratic(), alpha)
    edge = left_edge(law)
    low, high = (1 - np.sqrt(alpha)) ** 2, (1 + np.sqrt(alpha)) ** 2
    assert edge.kind == "soft"
    assert edge.position + law.mu == pytest.approx(low, abs=1e-10)
    grid = np.linspace(low + 0.05, high - 0.05, 20)
    expected = np.sqrt((grid - low) * (high - grid)) / (2 * np.pi * grid)
    assert np.allclose(density(law, grid - law.mu), expected, atol=1e-5)


def test_fewer_measurements_than_dimensions_leave_an_edge_at_zero():
    law = initial(Quadratic(), 0.5)
    edge = left_edge(law)
    assert edge.kind == "hard"
    assert edge.position + law.mu == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize(("a", "alpha"), [(0.01, 4.0), (1.0, 2.0), (30.0, 20.0)])
def test_the_density_vanishes_left_of_the_edge_and_has_mass_one(a, alpha):
    law = initial(NormalizedIntensity(a), alpha)
    edge = left_edge(law).position
    assert np.all(density(law, edge - np.array([0.02, 0.2, 2.0])) < 1e-3)
    # Steps that grow with the distance: the right tail is heavy at small a.
    grid = edge + np.concatenate([[0.0], np.geomspace(1e-4, 1e5, 400)])
    mass = np.trapezoid(density(law, grid), grid)
    assert mass == pytest.approx(1, abs=5e-3)


@pytest.mark.parametrize("a", [0.01, 1.0])
def test_at_a_soft_edge_the_density_starts_as_its_root(a):
    law = initial(NormalizedIntensity(a), 3.0)
    edge = left_edge(law)
    distance = 1e-4 * edge_scale(law, edge)
    root = np.sqrt(distance / edge_scale(law, edge) ** 3) / np.pi
    found = density(law, [edge.position + distance], width=1e-9)[0]
    # The curvatures are binned to a relative 1e-3, which moves the edge by a part of the distance.
    assert found == pytest.approx(root, rel=0.1)


def test_the_edge_turns_hard_where_softness_stays_below_one():
    # Closed form at chi = 1: f/(1 + f) = (3ŷ² - y²)/(a + 3ŷ²).
    for a in (1.05, 2.0, 20.0):
        law = initial(NormalizedIntensity(a), 1.0)
        softness_end = law.mean(((3 * law.yhat**2 - law.y**2) / (a + 3 * law.yhat**2)) ** 2)
        turning = 1 / softness_end
        assert left_edge(initial(NormalizedIntensity(a), turning * 1.001)).kind == "soft"
        assert left_edge(initial(NormalizedIntensity(a), turning * 0.999)).kind == "hard"


def test_softness_rises_with_chi():
    law = initial(NormalizedIntensity(0.1), 2.0)
    values = [softness(law, chi) for chi in np.linspace(0.01, 0.99, 30)]
    assert np.all(np.diff(values) > 0)


def test_unbounded_curvature_leaves_no_edge():
    assert left_edge(initial(Intensity(), 3.0)).position == -np.inf


@pytest.mark.slow
@pytest.mark.parametrize(("a", "alpha"), [(0.01, 1.43)])
def test_the_lowest_eigenvalue_lies_at_the_empirical_edge(a, alpha):
    # Below the transition, in units of the Tracy-Widom scale, the mean distance is 1.2 plus
    # corrections of order N^(-1/3): 0.1 times a number of order one at N = 1000.
    rng = np.random.default_rng(5)
    n, gaps = 1000, []
    law = initial(NormalizedIntensity(a), alpha)
    unit = edge_scale(law, left_edge(law))
    for _ in range(12):
        problem = Problem.random(NormalizedIntensity(a), n=n, alpha=alpha, rng=rng)
        w = random_on_sphere(n, rng)
        lowest = np.linalg.eigvalsh(problem.dense_hessian(w))[0]
        gaps.append((lowest - left_edge(empirical(problem, w)).position) / unit * n ** (2 / 3))
    error = np.std(gaps, ddof=1) / np.sqrt(len(gaps))
    assert abs(np.mean(gaps) - 1.2065) < 4 * error

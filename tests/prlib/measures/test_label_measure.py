"""The measure, and the two sources that need no theory."""

import numpy as np
import pytest
from scipy import integrate

from prlib.losses import Intensity, NormalizedIntensity
from prlib.measures import LabelMeasure, empirical, initial
from prlib.problem import Problem, random_on_sphere

LOSSES = [
    NormalizedIntensity(1e-3),
    NormalizedIntensity(0.01),
    NormalizedIntensity(50.0),
    Intensity(),
]


@pytest.mark.parametrize("loss", LOSSES, ids=str)
def test_the_initial_law_agrees_with_adaptive_quadrature(loss):
    law = initial(loss, 1.0)
    chi = 0.5

    def inner(y):
        def integrand(yhat):
            f = float(loss.curvature(y, yhat))
            weight = np.exp(-(y**2 + yhat**2) / 2) / (2 * np.pi)
            return (f / (1 + f * chi) if loss != Intensity() else f) * weight

        return integrate.quad(integrand, 0, 12, epsabs=1e-11, epsrel=1e-11, limit=200)[0]

    expected, error = integrate.quad(
        lambda y: 4 * inner(y), 0, 12, epsabs=1e-9, epsrel=1e-9, limit=200
    )
    f = law.curvature
    found = law.mean(f / (1 + f * chi) if loss != Intensity() else f)
    assert abs(found - expected) < 1e-7 * abs(expected) + error


def test_mu_at_a_random_start_has_its_closed_form():
    # E[ŷ² (ŷ² - y²)/(a + y²)] for independent normals: (3 + a) E[1/(a + y²)] - 1.
    a = 0.3
    law = initial(NormalizedIntensity(a), 2.0)
    inverse = law.mean(1 / (a + law.y**2))
    assert law.mu == pytest.approx(2.0 * ((3 + a) * inverse - 1), rel=1e-12)


def test_the_empirical_law_is_the_state_itself():
    rng = np.random.default_rng(3)
    problem = Problem.random(NormalizedIntensity(0.01), n=60, alpha=2.5, rng=rng)
    w = random_on_sphere(60, rng)
    law = empirical(problem, w)
    assert law.energy == pytest.approx(problem.energy(w))
    assert law.mu == pytest.approx(problem.mu(w))
    assert law.overlap == pytest.approx(problem.overlap(w))
    assert law.alpha == problem.alpha


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"y": np.ones(3)}, "must be vectors of one length"),
        ({"z": np.full(2, np.inf)}, "z holds NaN"),
        ({"y": np.array([np.nan, 1.0])}, "y holds NaN"),
        ({"weights": np.array([0.5, 0.6])}, "weights sum to 1.1"),
        ({"weights": np.array([1.5, -0.5])}, "must be probabilities"),
        ({"overlap": 1.5}, "overlap = 1.5"),
        ({"alpha": 0.0}, "alpha = 0"),
    ],
)
def test_what_is_no_law_is_refused(change, message):
    fields = {
        "loss": NormalizedIntensity(1.0),
        "alpha": 1.0,
        "z": np.ones(2),
        "y": np.ones(2),
        "yhat": np.ones(2),
        "weights": np.full(2, 0.5),
        "overlap": 0.0,
        "floor": -1.0,
    }
    with pytest.raises(ValueError, match=message):
        LabelMeasure(**{**fields, **change})

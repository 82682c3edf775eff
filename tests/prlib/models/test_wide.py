"""Wide students: known values, both limits, and the law of p fields drawn as they are."""

import math

import numpy as np
import pytest
from scipy.linalg import eigh

import prlib
from prlib.losses import Amplitude, NormalizedIntensity
from prlib.models.wide import (
    as_width,
    turns_hard,
    wide_empirical,
    wide_hessian,
    wide_start,
    wide_thresholds,
)
from prlib.parameters import ParameterError
from prlib.problem import Problem, random_on_sphere
from prlib.spectra.bulk import left_edge, softness
from prlib.spectra.outlier import bbp, outlier
from prlib.transitions import alpha_init


@pytest.mark.parametrize(
    ("a", "width", "alpha", "kind"),
    [
        (0.01, 2, 1.43999, "soft"),
        (0.01, 3, 1.11640, "soft"),
        (0.01, 4, 0.96057, "soft"),
        (1.0, 2, 1.01838, "hard"),
        (1.0, 3, 1.01085, "hard"),
        (1.0, 4, 1.00713, "hard"),
    ],
)
def test_known_transitions(a, width, alpha, kind):
    found = wide_thresholds(a, width)
    assert found.alpha_init == pytest.approx(alpha, abs=6e-6)
    assert found.edge_init == kind


def test_where_the_edge_turns_hard():
    """Table of arXiv:2510.18435."""
    found = [turns_hard(p) for p in (1, 2, 3, 4)]
    assert found == pytest.approx([1.1088, 0.8304, 0.6936, 0.6033], abs=5e-5)


@pytest.mark.parametrize("loss", [0.01, 1.0, "amplitude(smoothing=0.2)"])
def test_one_unit_is_phase_retrieval(loss):
    wide, plain = wide_thresholds(loss, 1), alpha_init(loss)
    assert wide.alpha_init == pytest.approx(plain.alpha, rel=1e-7)
    assert wide.edge_init == plain.edge_kind


@pytest.mark.parametrize("a", [1e-3, 0.01, 0.5, 3.0])
def test_infinitely_many_units_have_a_hard_edge_in_closed_form(a):
    """(1 + a)/2: quadrature that took its largest label for the end of the law would miss it."""
    found = wide_thresholds(a, math.inf)
    assert found.alpha_init == pytest.approx((1 + a) / 2, rel=1e-9)
    assert found.edge_init == "hard"


def test_the_limit_is_approached_as_one_over_the_width():
    gaps = [wide_thresholds(0.5, p).alpha_init - 0.75 for p in (64, 128, 256)]
    assert gaps[0] / gaps[1] == pytest.approx(2, rel=0.03)
    assert gaps[1] / gaps[2] == pytest.approx(2, rel=0.015)


@pytest.mark.parametrize("loss", [NormalizedIntensity(0.1), Amplitude(0.5)], ids=repr)
@pytest.mark.parametrize("width", [2, 5])
def test_matrices_of_p_fields_have_the_means_of_the_two_curvatures(loss, width):
    """Resolvents of p x p curvatures, drawn: what the two scalar curvatures stand for."""
    law, chi, rng = wide_start(loss, 1.0, width, order=24), 0.4, np.random.default_rng(1)
    y, fields = rng.standard_normal(20_000), rng.standard_normal((20_000, width))
    output = np.sqrt((fields**2).mean(axis=1))
    # By differences of the loss itself, p l(y, sqrt S), in the p fields.
    h = 1e-4

    def slope(fields):
        size = np.sqrt((fields**2).mean(axis=1))
        return (loss.derivative(y, size) / size)[:, None] * fields

    block = np.empty((len(y), width, width))
    for k in range(width):
        step = h * np.eye(width)[k]
        block[:, :, k] = (slope(fields + step) - slope(fields - step)) / (2 * h)
    assert np.allclose(slope(fields), _gradient(loss, y, fields, h), rtol=1e-5, atol=1e-5)
    inner = chi * block @ np.linalg.inv(np.eye(width) + chi * block)
    soft = np.trace(inner @ inner, axis1=1, axis2=2) / width
    toward = (1 - y**2) * np.trace(inner, axis1=1, axis2=2) / width
    for drawn, mean in ((soft, softness(law, chi)), (toward, bbp(law, chi))):
        assert abs(drawn.mean() - mean) < 4 * drawn.std() / np.sqrt(len(y))
    pull = (loss.derivative(y, output) * output).mean()
    assert law.mu == pytest.approx(pull, abs=5 * np.std(y) / np.sqrt(len(y)) * 10)


def _gradient(loss, y, fields, h):
    width = fields.shape[1]

    def value(fields):
        return width * loss.value(y, np.sqrt((fields**2).mean(axis=1)))

    steps = h * np.eye(width)
    return np.stack([(value(fields + s) - value(fields - s)) / (2 * h) for s in steps], axis=1)


@pytest.mark.parametrize("value", [0, 1.5, "x", math.nan, True, None])
def test_a_bad_width_is_one_line(value):
    with pytest.raises(ParameterError, match="must be a whole number >= 1, or inf"):
        as_width(value)


def test_noise_moves_wide_students_too():
    plain, noisy = (
        prlib.wide_thresholds(0.1, 4, channel=text).alpha_init
        for text in ("noiseless", "additive(sigma=0.5)")
    )
    assert noisy > 1.2 * plain


@pytest.mark.slow
@pytest.mark.parametrize(("width", "alpha"), [(2, 3.0), (3, 3.0)])
def test_hessians_meet_their_theory(width, alpha):
    """The p-fold outlier and the overlap of its subspace, a = 0.5, N = 400, ten draws.

    Paired with the law of each instance, and before the shifts by the multipliers of the p
    spheres, which differ by more than the outlier's distance from the bulk at this size.
    """
    loss, n, rng, rows = NormalizedIntensity(0.5), 400, np.random.default_rng(2), []
    for _ in range(10):
        problem = Problem.random(loss, n, alpha, rng)
        W = np.array([random_on_sphere(n, rng) for _ in range(width)])
        law = wide_empirical(problem, W)
        theory, edge = outlier(law), left_edge(law)
        fields = W @ problem.X.T
        output = np.sqrt((fields**2).mean(axis=0))
        pulls = loss.derivative(problem.y, output) / output @ fields.T**2 / n
        assert pulls.mean() == pytest.approx(law.mu)
        H = wide_hessian(problem, W) + np.kron(np.diag(pulls), np.eye(n))
        values, vectors = eigh(H, subset_by_index=[0, width])
        signal = problem.signal / np.sqrt(n)
        inside = np.einsum("kni,n->ki", vectors[:, :width].reshape(width, n, width), signal)
        depth = abs(edge.position + law.mu)
        rows.append(
            [
                (values[:width].mean() - law.mu - theory.position) / depth,
                (values[width] - law.mu - edge.position) / depth,
                (inside**2).sum() / width - theory.overlap2,
            ]
        )
    mean, error = np.mean(rows, axis=0), np.std(rows, axis=0, ddof=1) / np.sqrt(10)
    # An eigenvalue at the edge lies above it by about N^(-2/3) of its depth.
    assert np.all(np.abs(mean) < 4 * error + [0.03, 3 * n ** (-2 / 3), 0.01])

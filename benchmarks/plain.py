"""The theory's numbers by plain means, from the formulas alone: scipy.integrate and Monte Carlo.

Nothing here is prlib's. Each solver returns numbers for `a` in the loss (ŷ² - y²)²/(4(a + y²)).
"""

import numpy as np
from scipy.integrate import quad_vec
from scipy.optimize import brentq, root

TAIL = 9.0
"""Standard deviations beyond which a Gaussian counts as zero."""


def curvature(y, yhat, a):
    """Second derivative of the loss."""
    return (3 * yhat**2 - y**2) / (a + y**2)


# --- the transition at the start ------------------------------------------------------------------


def _both(chi, y, yhat, a):
    """Both conditions, as one vector: softness and BBP, to be averaged at alpha = 1."""
    x = chi * curvature(y, yhat, a)
    ratio = x / (1 + x)
    return np.array([ratio**2, (1 - y**2) * ratio])


def _alpha_init(means):
    """Alpha at which both conditions hold at the same chi, from their means; soft edges only."""
    last = 1 - 1e-9

    def gap(chi):
        soft, signal = means(chi)
        return soft - signal

    chi = brentq(gap, 1e-3, last, rtol=1e-12)
    return 1 / means(chi)[0]


def alpha_init_quadrature(a, tolerance):
    """Two nested adaptive integrals."""

    def means(chi):
        def inner(y):
            found = quad_vec(
                lambda yhat: np.exp(-(yhat**2) / 2) * _both(chi, y, yhat, a),
                0,
                TAIL,
                epsabs=tolerance / 10,
                epsrel=tolerance / 10,
            )[0]
            return np.exp(-(y**2) / 2) * found

        return (
            2 / np.pi * quad_vec(inner, 0, TAIL, epsabs=tolerance, epsrel=tolerance, limit=2000)[0]
        )

    return _alpha_init(means)


def alpha_init_monte_carlo(a, samples, rng):
    """Means over independent labels and fields."""
    y, yhat = rng.standard_normal((2, samples))
    return _alpha_init(lambda chi: _both(chi, y, yhat, a).mean(1))


# --- threshold states -----------------------------------------------------------------------------


def _prox(y, h, chi, a):
    """Field of least energy for h >= 0: the positive root of a cubic, by Newton from the right."""
    c = chi / (a + y**2)
    yhat = np.maximum(h, np.abs(y))
    for _ in range(100):
        step = (yhat + c * yhat * (yhat**2 - y**2) - h) / (1 + c * (3 * yhat**2 - y**2))
        yhat = yhat - step
        if np.all(np.abs(step) <= 1e-13 * yhat):
            break
    return yhat


def _tilted(y, h, chi, x, a):
    """Weight by exp(-xV), and what is averaged: saddle and marginality."""
    yhat = _prox(y, h, chi, a)
    move = yhat - h
    weight = np.exp(-x * ((yhat**2 - y**2) ** 2 / (4 * (a + y**2)) + move**2 / (2 * chi)))
    f = chi * curvature(y, yhat, a)
    return weight, weight * move**2, weight * (f / (1 + f)) ** 2


def _solve(moments, alpha, guess):
    """Chi and x of the marginal state from the mean moments."""

    def residuals(point):
        chi, x = np.exp(point)
        saddle, marginality = moments(chi, x)
        return np.log([alpha * saddle * (1 + x / chi), alpha * marginality])

    found = root(residuals, np.log(guess), tol=1e-10)
    if not found.success:
        raise RuntimeError(found.message)
    return np.exp(found.x)


def threshold_state_quadrature(a, alpha, tolerance, guess):
    """Two nested adaptive integrals, split where a proximal map begins to jump: none the wiser."""

    def moments(chi, x):
        def inner(y):
            found = quad_vec(
                lambda h: np.exp(-(h**2) / 2) * np.array(_tilted(y, h, chi, x, a)),
                0,
                TAIL,
                epsabs=0,
                epsrel=tolerance / 10,
            )[0]
            return np.exp(-(y**2) / 2) * found[1:] / found[0]

        return (
            np.sqrt(2 / np.pi) * quad_vec(inner, 0, TAIL, epsabs=0, epsrel=tolerance, limit=2000)[0]
        )

    return _solve(moments, alpha, guess)


def threshold_state_monte_carlo(a, alpha, labels, fields, rng, guess):
    """Independent labels, and for each of them independent Gaussian fields."""
    y = np.abs(rng.standard_normal((labels, 1)))
    h = np.abs(rng.standard_normal((labels, fields)))

    def moments(chi, x):
        weight, *rest = (part.mean(1) for part in _tilted(y, h, chi, x, a))
        return [np.mean(part / weight) for part in rest]

    return _solve(moments, alpha, guess)

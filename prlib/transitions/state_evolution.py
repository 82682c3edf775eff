r"""The best that any estimator does, and the best known fast one: state evolution.

Labels are :math:`|z + \sigma\xi|`. An estimate of squared overlap q leaves of each field z a normal
law of mean :math:`\omega` and variance :math:`1 - q`, and the label a sign to be guessed. The
Bayes-optimal message passing follows

.. math:: \hat q = \frac{\alpha}{T} (1 - E[h(\omega/\sqrt T)]), \quad q = \frac{\hat q}{1 + \hat q},
          \quad T = 1 - q + \sigma^2, \quad
          h(u) = 4 \int_0^\infty \frac{v^2 \varphi(u + v)}{1 + e^{-2uv}}\, dv ,

h being the share of the label's variance that a guess of its sign leaves. Its fixed points form a
curve alpha(q), which begins at the weak recovery of every algorithm, and whose highest point is
where message passing jumps.

References
----------
Barbier, Krzakala, Macris, Miolane & Zdeborová, arXiv:1708.03395; Mondelli & Montanari,
arXiv:1708.05932; Maillard, Loureiro, Krzakala & Zdeborová, arXiv:2006.05228.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq, minimize_scalar

from prlib.measures.quadrature import half_normal, legendre
from prlib.parameters import ParameterError, check

_START = 1e-6
"""Squared overlap from which message passing starts: what chance gives at a large size."""

_CLOSEST = 1e-9
"""Distance from one at which an overlap counts as one."""


_CLEAR = 9.0
"""Means of a field, in standard deviations of the label, at which its sign is beyond doubt."""


@dataclass(frozen=True)
class Baseline:
    """What can be known of the signal.

    Attributes
    ----------
    weak_recovery : float
        Measurements per dimension below which every fast algorithm is blind.
    jump : float
        Where the overlap of message passing from no information jumps; NaN if it does not.
    perfect_recovery : float
        Above it the signal is determined by noiseless labels; infinite with noise.
    """

    weak_recovery: float
    jump: float
    perfect_recovery: float


def baseline(sigma: float = 0.0) -> Baseline:
    r"""Thresholds of optimal estimation, with noise of that standard deviation before the modulus.

    Weak recovery is at :math:`(1 + \sigma^2)^2/2`.

    Examples
    --------
    >>> found = baseline()
    >>> round(found.weak_recovery, 9), round(found.jump, 4), found.perfect_recovery
    (0.5, 1.1285, 1.0)
    """
    sigma = _noise(sigma)
    weak = (1 + sigma**2) ** 2 / 2
    top = _highest(sigma)
    jump = math.nan if top is None else fixed_point(top, sigma)
    return Baseline(weak, jump, math.inf if sigma else 1.0)


def update(q: float, alpha: float, sigma: float = 0.0) -> float:
    """Return the squared overlap after one step of message passing, from that before it."""
    return _of_precision(alpha * _information(q, sigma))


def fixed_point(q: float, sigma: float = 0.0) -> float:
    """Return the alpha at which a squared overlap in (0, 1) is a fixed point of message passing.

    Examples
    --------
    >>> round(fixed_point(1e-7), 5), round(fixed_point(1 - 1e-9), 3)
    (0.5, 1.0)
    """
    return q / (1 - q) / _information(q, sigma)


def message_passing_overlap(alpha: float, sigma: float = 0.0) -> float:
    """Return the squared overlap that message passing reaches without information.

    It is the least one above zero at which alpha(q) passes alpha; without noise one beyond the
    jump.

    Examples
    --------
    >>> [round(message_passing_overlap(alpha), 3) for alpha in (0.4, 1.0, 1.2)]
    [0.0, 0.476, 1.0]
    """
    alpha, sigma = check("alpha", alpha), _noise(sigma)
    if alpha <= (1 + sigma**2) ** 2 / 2:
        return 0.0
    # In the logarithm of q/(1 - q), in which both ends are resolved.
    grid = np.concatenate([np.linspace(math.log(_START), 5, 120), np.linspace(5.2, 20, 75)])
    values = np.array([fixed_point(_of_precision(math.exp(x)), sigma) for x in grid])
    above = np.flatnonzero(values > alpha)
    if not len(above):
        return 1.0 if not sigma else _of_precision(math.exp(grid[-1]))
    if above[0] == 0:
        return 0.0

    def gap(x: float) -> float:
        return fixed_point(_of_precision(math.exp(x)), sigma) - alpha

    return _of_precision(math.exp(brentq(gap, grid[above[0] - 1], grid[above[0]], xtol=1e-12)))


def _highest(sigma: float) -> float | None:
    grid = np.linspace(-3, 12, 61)
    values = np.array([fixed_point(_of_precision(math.exp(x)), sigma) for x in grid])
    falls = np.flatnonzero(np.diff(values) < 0)
    if not len(falls):
        return None
    best = minimize_scalar(
        lambda x: -fixed_point(_of_precision(math.exp(x)), sigma),
        bounds=(grid[max(falls[0] - 1, 0)], grid[falls[0] + 1]),
        method="bounded",
        options={"xatol": 1e-9},
    )
    return _of_precision(math.exp(best.x))


def _of_precision(precision: float) -> float:
    return min(precision / (1 + precision), 1 - _CLOSEST)


def _information(q: float, sigma: float) -> float:
    # Fisher information of a label on its field, at alpha = 1.
    total = 1 - q + sigma**2
    ratio = math.sqrt(q / total)
    u, weights = half_normal(min(1.0, 1 / ratio) if ratio else 1.0)
    return float(weights @ _known(ratio * u)) / total


def _known(w: NDArray) -> NDArray:
    """One less h: small at small w, where a difference of two means would lose its digits."""
    known, near = np.ones_like(w), w < _CLEAR
    v, steps = _gauss()
    w = w[near, None]
    density = steps * np.exp(-((v - w) ** 2) / 2) / math.sqrt(2 * math.pi)
    # Both signs of the field; beside the guess of the field its mean, of which nothing is news.
    news = (v * np.tanh(v * w) - w) ** 2
    known[near] = (density * (1 + np.exp(-2 * v * w)) * news).sum(axis=1)
    return known


@lru_cache(maxsize=1)
def _gauss() -> tuple[NDArray, NDArray]:
    return legendre(np.linspace(0.0, _CLEAR + 9.0, 19), 12)


def _noise(sigma: float) -> float:
    if sigma == 0:
        return 0.0
    if isinstance(sigma, bool) or not 0 < sigma < math.inf:
        raise ParameterError(f"sigma = {sigma!r}: must be a finite number >= 0 (of the noise)")
    return float(sigma)

r"""The bulk of the Hessian's spectrum at infinite size: its left edge and its density.

With :math:`\chi = \int \rho(\lambda)/(\lambda - z)\,d\lambda`, the Stieltjes transform of the
spectrum of :math:`X^T \mathrm{diag}(f) X`, free probability gives

.. math:: z(\chi) = -\frac1\chi + \alpha\, E\Big[\frac{f}{1 + f\chi}\Big],

and the sphere shifts the spectrum by :math:`-\mu`. Positions below include that shift.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import brentq

if TYPE_CHECKING:
    from prlib.measures import LabelMeasure


_FRACTIONS = np.linspace(0.1, 0.9, 9)


@dataclass(frozen=True)
class Edge:
    r"""Left edge of a bulk.

    Attributes
    ----------
    position : float
        The edge, after the shift by mu; ``-inf`` if the bulk has none.
    chi : float
        The Stieltjes transform there.
    kind : {"soft", "hard"}
        Soft: :math:`z'(\chi) = 0`, a square-root edge. Hard: the density ends at
        :math:`\chi = -1/\inf f` before that happens.
    """

    position: float
    chi: float
    kind: Literal["soft", "hard"]


def stieltjes_inverse(measure: LabelMeasure, chi: complex) -> float | complex:
    r"""Spectral position :math:`z(\chi)` at a value of the transform, before the shift by mu."""
    f = measure.curvature
    return -1 / chi + measure.alpha * measure.mean(f / (1 + f * chi))


def softness(measure: LabelMeasure, chi: float) -> float:
    r"""Left side of the condition of a soft edge, :math:`\alpha E[(f\chi/(1 + f\chi))^2] = 1`.

    It rises from 0 with chi and passes 1 at a soft edge.
    """
    x = measure.curvature * chi
    return float(measure.alpha * measure.mean((x / (1 + x)) ** 2))


def left_edge(measure: LabelMeasure) -> Edge:
    r"""Left edge of the bulk.

    Soft where :math:`\alpha E[(f\chi/(1 + f\chi))^2] = 1` has a root below
    :math:`\chi_{max} = -1/\inf f`; hard, at :math:`\chi_{max}`, otherwise. Where the curvature is
    unbounded below the bulk has no edge: the position is ``-inf`` at chi = 0, and hard.

    Examples
    --------
    >>> from prlib.losses import NormalizedIntensity
    >>> from prlib.measures import initial
    >>> left_edge(initial(NormalizedIntensity(0.01), 4.0)).kind
    'soft'
    >>> left_edge(initial(NormalizedIntensity(100.0), 4.0)).kind
    'hard'
    """
    if measure.floor == -math.inf:
        return Edge(-math.inf, 0.0, "hard")
    chi_max = -1 / measure.floor if measure.floor < 0 else math.inf
    upper = _last_before(chi_max)
    if math.isinf(chi_max):
        # No negative curvature: the transform is unbounded, and softness rises to alpha P(f > 0).
        upper = 1.0
        while softness(measure, upper) < 1 and upper < 1e12:
            upper *= 4
    if softness(measure, upper) < 1:
        return Edge(float(stieltjes_inverse(measure, upper)) - measure.mu, chi_max, "hard")
    chi = brentq(lambda c: softness(measure, c) - 1, 0.0, upper, xtol=1e-300, rtol=1e-14)
    return Edge(float(stieltjes_inverse(measure, chi)) - measure.mu, chi, "soft")


def right_edge_bound(measure: LabelMeasure, fractions: ArrayLike = _FRACTIONS) -> float:
    r"""Bound the right edge of the bulk from above: the least :math:`z(\chi)` over a few chi.

    Any chi in :math:`(-1/\max f, 0)` gives a bound, and the best of them is the edge itself. They
    are tried at fractions of the pole at -1/max f. The bound is that before the shift by mu; zero
    without positive curvature.
    """
    top = float(measure.curvature.max())
    if not top > 0:
        return 0.0
    tried = (stieltjes_inverse(measure, -fraction / top) for fraction in np.ravel(fractions))
    return float(min(tried))


def _last_before(chi_max: float) -> float:
    # A node may sit on the floor itself (an empirical law): stay off its pole.
    return chi_max * (1 - 1e-13)


def density(measure: LabelMeasure, eigenvalues: ArrayLike, *, width: float = 1e-6) -> NDArray:
    r"""Density of the bulk, :math:`\rho(\lambda) = \mathrm{Im}\,\chi(\lambda + i0)/\pi`.

    For every Im z > 0 the map :math:`\chi \to 1/(\alpha E[f/(1 + f\chi)] - z)` takes the upper
    half plane into itself, so it has one fixed point there, and any solution of
    :math:`z(\chi) = z` with Im chi > 0 is the right one. It is followed by Newton's method from
    large Im z, where it is :math:`-1/z`, down to Im z = width.

    Parameters
    ----------
    eigenvalues : array_like, shape (L,)
        Where the density is wanted, after the shift by mu.
    width : float
        The last Im z, over which the density is smoothed.

    Returns
    -------
    ndarray, shape (L,)
        The density; it integrates to one, less the mass 1 - alpha at a single point that a
        Hessian with fewer measurements than dimensions has.

    Examples
    --------
    >>> from prlib.losses import NormalizedIntensity
    >>> from prlib.measures import initial
    >>> law = initial(NormalizedIntensity(1.0), 3.0, order=8)
    >>> rho = density(law, [left_edge(law).position - 0.1, left_edge(law).position + 0.5])
    >>> bool(rho[0] < 1e-4 < rho[1])
    True
    """
    real = np.atleast_1d(np.asarray(eigenvalues, dtype=float)) + measure.mu
    f, weights = _law_of_curvature(measure)
    heights = np.geomspace(4 * max(1.0, np.abs(real).max()), width, 16)
    chi = -1 / (real + 1j * heights[0])
    for height in heights:
        z = real + 1j * height
        chi = _solve(f, measure.alpha * weights, z, chi)
    return chi.imag / np.pi


def _law_of_curvature(measure: LabelMeasure, bins: int = 1500) -> tuple[NDArray, NDArray]:
    # The density depends on the curvature alone: merge nodes whose curvatures nearly agree.
    # Bins of equal width in arcsinh, each at its mean: the error is of second order in the width,
    # 2e-5 of the largest density at this number of bins.
    f, weights = measure.curvature, measure.weights
    if len(f) <= bins:
        return f, weights
    label = np.arcsinh(f / max(abs(measure.floor), 1e-3) if math.isfinite(measure.floor) else f)
    ends = np.linspace(label.min(), label.max(), bins)
    index = np.searchsorted(ends, label)
    mass = np.bincount(index, weights)
    mean = np.bincount(index, weights * f)
    kept = mass > 0
    return mean[kept] / mass[kept], mass[kept]


def _solve(f: NDArray, weights: NDArray, z: NDArray, guess: NDArray) -> NDArray:
    chi, left = guess.copy(), np.arange(z.size)
    for _ in range(400):
        x = chi[left]
        one = f / (1 + np.outer(x, f))
        mapped = 1 / (one @ weights - z[left])
        residual = mapped - x
        slope = mapped**2 * (one**2 @ weights) - 1
        newton = x - residual / slope
        # Newton where it stays in the upper half plane, the averaged map (which contracts
        # towards the fixed point, if slowly) where it does not.
        chi[left] = np.where(newton.imag > 0, newton, (x + mapped) / 2)
        left = left[np.abs(residual) > 1e-12 * (1 + np.abs(x))]
        if not left.size:
            return chi
    raise RuntimeError(f"density: {left.size} of {z.size} eigenvalues did not converge")


def edge_scale(measure: LabelMeasure, edge: Edge) -> float:
    r"""Scale of the lowest eigenvalue's fluctuation at a soft edge.

    The density starts as :math:`\sqrt{(\lambda - \lambda_-)/s^3}/\pi` with
    :math:`s^3 = -z''(\chi)/2 = 1/\chi^3 - \alpha E[(f/(1 + f\chi))^3]`, so given the curvatures the
    lowest eigenvalue lies at :math:`\lambda_- + s N^{-2/3} \xi`, where :math:`-\xi` follows the
    Tracy-Widom law of real matrices.

    Raises
    ------
    ValueError
        If the edge is hard: its eigenvalues fluctuate otherwise.

    References
    ----------
    Lee & Schnelli, Annals of Applied Probability 26, 3786 (2016).
    """
    if edge.kind == "hard":
        raise ValueError("edge = hard: the scale is defined at a soft edge")
    f, chi = measure.curvature, edge.chi
    cubed = 1 / chi**3 - measure.alpha * float(measure.mean((f / (1 + f * chi)) ** 3))
    return float(np.cbrt(cubed))

r"""The eigenvalue that leaves the bulk toward the signal, and how far its eigenvector points there.

The fields z and ŷ are the components of each measurement vector along w* and w. In the plane of
the two, the resolvent of :math:`X^T\mathrm{diag}(f)X` at z left of the bulk is the inverse of

.. math:: K(\chi) - z(\chi)\, \Gamma, \qquad
          K = \alpha E\Big[\frac{f}{1 + f\chi} (z, ŷ)(z, ŷ)^T\Big], \quad
          \Gamma = \begin{pmatrix} 1 & m \\ m & 1 \end{pmatrix},

and an outlier sits where its determinant vanishes: the transition of Baik, Ben Arous and Péché.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq

from prlib.spectra.bulk import Edge, left_edge, stieltjes_inverse

if TYPE_CHECKING:
    from prlib.measures import LabelMeasure

_FAR = 1e12
"""Where chi stands for infinity: at the edge of fewer measurements than dimensions, all convex."""


@dataclass(frozen=True)
class Outlier:
    """An eigenvalue left of the bulk.

    Attributes
    ----------
    position : float
        The eigenvalue, after the shift by mu.
    chi : float
        The Stieltjes transform of the bulk there.
    overlap2 : float
        Squared overlap of its normalised eigenvector with the normalised signal.
    """

    position: float
    chi: float
    overlap2: float


def outlier(
    measure: LabelMeasure, edge: Edge | None = None, *, stationary: bool = False
) -> Outlier | None:
    r"""Lowest eigenvalue left of the bulk that the signal creates.

    At zero overlap it is the root of :math:`z(\chi) = \alpha E[z^2 f/(1 + f\chi)]` below the edge's
    chi, and its squared overlap with the signal is :math:`q = 1/(1 - dS/dz)`. With an overlap, both
    the signal and the estimate span the plane in which it lives.

    Parameters
    ----------
    edge : Edge, optional
        The left edge of the bulk, if it is known already.
    stationary : bool
        The gradient vanishes: with an overlap this makes a difference.

    Examples
    --------
    >>> from prlib.losses import NormalizedIntensity
    >>> from prlib.measures import initial
    >>> outlier(initial(NormalizedIntensity(1.0), 1.0)) is None
    True
    >>> 0 < outlier(initial(NormalizedIntensity(1.0), 2.0)).overlap2 < 1
    True
    """
    edge = left_edge(measure) if edge is None else edge
    if edge.position == -math.inf:
        return None
    upper = edge.chi * (1 - 1e-12) if edge.kind == "hard" else edge.chi
    upper = min(upper, _FAR)

    def gap(chi: float) -> float:
        return float(
            stieltjes_inverse(measure, chi) - in_plane(measure, chi, stationary=stationary)[0]
        )

    # z rises with chi up to the edge and the eigenvalues of K fall, so there is one root at most.
    if gap(upper) <= 0:
        return None
    lower = upper
    while gap(lower) > 0:
        lower /= 2
    chi = brentq(gap, lower, upper, xtol=1e-300, rtol=1e-14)
    return Outlier(
        float(stieltjes_inverse(measure, chi)) - measure.mu,
        chi,
        squared_overlap(measure, chi, stationary=stationary),
    )


def bbp(measure: LabelMeasure, chi: float, *, stationary: bool = False) -> float:
    r"""Left side of the condition :math:`\alpha E[(1 - z^2) f\chi/(1 + f\chi)] = 1`.

    With an overlap it is :math:`1 + \chi (z(\chi) - \lambda(\chi))`, the lowest eigenvalue of K
    in place of the signal's. At the edge's chi, above 1 there is an outlier toward the signal.
    """
    chi = min(chi, _FAR)
    lowest = in_plane(measure, chi, stationary=stationary)[0]
    return float(1 + chi * (stieltjes_inverse(measure, chi) - lowest))


def _components(measure: LabelMeasure, *, both: bool) -> NDArray:
    # Components of a measurement along w* and along the part of w orthogonal to it. At zero
    # overlap the law is symmetric, the two decouple, and the signal's alone is kept: the field's
    # own outlier, if any, carries no information.
    m = measure.overlap
    if (m == 0 and not both) or 1 - m * m < 1e-10:
        return measure.z[None]
    return np.array([measure.z, (measure.yhat - m * measure.z) / math.sqrt(1 - m * m)])


def in_plane(
    measure: LabelMeasure, chi: float, *, stationary: bool = False, both: bool = False
) -> NDArray:
    r"""Eigenvalues of :math:`\Gamma^{-1} K(\chi)`, the lowest first: an outlier is where one is z.

    At zero overlap it is the signal's alone, :math:`\alpha E[z^2 f/(1 + f\chi)]`, unless both are
    asked for.
    """
    return np.linalg.eigvalsh(_plane(measure, chi, stationary=stationary, both=both)[0])


def _plane(
    measure: LabelMeasure, chi: float, *, stationary: bool, both: bool = False
) -> tuple[NDArray, NDArray]:
    r"""K in orthonormal components, and minus its derivative in chi.

    Where the gradient vanishes the Hessian acts in the tangent space, whose only direction toward
    the signal is :math:`u = (z - m ŷ)/\sqrt{1 - m^2}`, and the other directions of the measurements
    are orthogonal to :math:`\ell'`. That adds to :math:`\alpha E[u^2 f/(1 + f\chi)]`

    .. math:: \frac{\alpha}{\chi} \frac{E[u \ell'/(1 + f\chi)]^2}{E[\ell'^2/(1 + f\chi)]},

    which is zero at zero overlap, where the force is odd in the field.
    """
    m, f = measure.overlap, measure.curvature
    tangent = stationary and m != 0
    if tangent:
        components = (measure.z - m * measure.yhat)[None] / math.sqrt(1 - m * m)
    else:
        components = _components(measure, both=both)
    ratio = f / (1 + f * chi)
    weighted = measure.alpha * measure.weights * components
    plane, fall = (weighted * ratio) @ components.T, (weighted * ratio**2) @ components.T
    if tangent:
        force, response = measure.loss.derivative(measure.y, measure.yhat), 1 / (1 + f * chi)
        along, across = weighted[0] * force, measure.weights * force**2
        b, c = along @ response, across @ response
        b_fall, c_fall = along @ (response * ratio), across @ (response * ratio)
        scale = measure.alpha * chi * c
        plane = plane + b * b / scale
        fall = fall + b * (2 * b_fall + b * (1 / chi - c_fall / c)) / scale
    return plane, fall


def squared_overlap(measure: LabelMeasure, chi: float, *, stationary: bool = False) -> float:
    """Squared overlap with the signal of an outlier's eigenvector; 0 where the bulk begins."""
    f, m = measure.curvature, measure.overlap
    slope = 1 / chi**2 - measure.alpha * float(measure.mean((f / (1 + f * chi)) ** 2))
    if not slope > 0:
        return 0.0
    plane, fall = _plane(measure, chi, stationary=stationary)
    direction = np.linalg.eigh(plane)[1][:, 0]
    # Residue of the resolvent: 1/(1 - dK/dz) along the direction, dK/dz = K'(chi)/z'(chi).
    residue = direction[0] ** 2 / (1 + direction @ fall @ direction / slope)
    return float(residue * (1 - m * m) if stationary else residue)

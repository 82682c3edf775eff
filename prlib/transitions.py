"""Where in alpha an informative direction appears."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from scipy.optimize import brentq

from prlib.losses import Loss, intensity_loss
from prlib.measures import initial
from prlib.measures.quadrature import ORDER
from prlib.parameters import check
from prlib.spectra.bulk import left_edge, softness
from prlib.spectra.outlier import bbp, outlier


@dataclass(frozen=True)
class InitialTransition:
    """The transition at a random start.

    Attributes
    ----------
    alpha : float
        Measurements per dimension above which the Hessian of a random start has an outlier
        toward the signal; ``inf`` if none has.
    chi : float
        The Stieltjes transform at the left edge there.
    edge : {"soft", "hard"}
        Kind of that edge.
    error : float
        Estimated error of alpha: how far it moves when the quadrature is refined.
    """

    alpha: float
    chi: float
    edge: Literal["soft", "hard"]
    error: float


def alpha_init(loss: Loss) -> InitialTransition:
    r"""Transition of Baik, Ben Arous and Péché in the Hessian of a random start.

    The condition of the transition and of a soft edge are both linear in alpha, so their ratio
    :math:`E[(f\chi/(1+f\chi))^2] = E[(1-y^2) f\chi/(1+f\chi)]` gives chi alone. Where it has no root
    below :math:`\chi_{max} = -1/\inf f` the edge is hard and chi is that end.

    Parameters
    ----------
    loss : Loss
        The loss.

    Returns
    -------
    InitialTransition
        With the error estimated by refining the quadrature.

    Examples
    --------
    >>> from prlib.losses import NormalizedIntensity
    >>> transition = alpha_init(NormalizedIntensity(1.0))
    >>> round(transition.alpha, 4), transition.edge
    (1.1349, 'soft')
    """
    coarse, fine = (_alpha_init(loss, order) for order in (ORDER, ORDER + 4))
    if math.isinf(fine[0]):
        return InitialTransition(*fine, error=0.0)
    return InitialTransition(*fine, error=abs(fine[0] - coarse[0]) + 1e-12 * fine[0])


@lru_cache(maxsize=1024)
def _alpha_init(loss: Loss, order: int) -> tuple[float, float, Literal["soft", "hard"]]:
    if loss.curvature_floor == -math.inf:
        return math.inf, 0.0, "hard"
    if loss.curvature_floor >= 0:
        raise ValueError(
            f"{loss}: its curvature is nowhere negative; alpha_init needs a loss with negative "
            "curvature somewhere"
        )
    measure = initial(loss, 1.0, order=order)
    chi_max = -1 / loss.curvature_floor

    def gap(chi: float) -> float:
        return softness(measure, chi) - bbp(measure, chi)

    last = chi_max * (1 - 1e-13)
    if gap(last) < 0:
        return 1 / bbp(measure, last), chi_max, "hard"
    lower = last / 2
    while gap(lower) > 0:
        lower /= 2
    chi = brentq(gap, lower, last, xtol=1e-15, rtol=1e-14)
    return 1 / softness(measure, chi), chi, "soft"


@dataclass(frozen=True)
class Thresholds:
    """The thresholds of one loss of the family.

    Attributes
    ----------
    a : float or None
        Normalisation of the loss; ``None`` for the un-normalised one.
    alpha_init : float or None
        Measurements per dimension above which the Hessian of a random start has an informative
        outlier; ``None`` if there is none at any alpha.
    alpha_init_error : float
        Estimated numerical error of alpha_init.
    edge_init : {"soft", "hard"}
        Kind of the left edge of the bulk there.
    """

    a: float | None
    alpha_init: float | None
    alpha_init_error: float
    edge_init: Literal["soft", "hard"]


def thresholds(a: float | None) -> Thresholds:
    """Return the thresholds in alpha of the loss with normalisation a.

    Parameters
    ----------
    a : float or None
        Normalisation > 0; ``None`` for the un-normalised loss.

    Returns
    -------
    Thresholds
        See there.

    Raises
    ------
    ValueError
        If a is not a finite number > 0.

    Examples
    --------
    >>> round(thresholds(0.01).alpha_init, 3)
    2.851
    """
    initial_transition = alpha_init(intensity_loss(a))
    alpha = initial_transition.alpha
    return Thresholds(
        a=None if a is None else check("a", a),
        alpha_init=None if math.isinf(alpha) else alpha,
        alpha_init_error=initial_transition.error,
        edge_init=initial_transition.edge,
    )


@dataclass(frozen=True)
class Spectrum:
    """What theory says of the Hessian of a random start.

    Attributes
    ----------
    a : float or None
        Normalisation of the loss; ``None`` for the un-normalised one.
    alpha : float
        Measurements per dimension.
    mu : float
        Multiplier of the sphere.
    left_edge : float or None
        Left edge of the bulk, after the shift by mu; ``None`` if it extends to minus infinity.
    edge : {"soft", "hard"}
        Kind of that edge.
    outlier : float or None
        Eigenvalue that leaves the bulk toward the signal; ``None`` if there is none.
    overlap2 : float
        Squared overlap of the lowest eigenvector with the signal: 0 without an outlier.
    """

    a: float | None
    alpha: float
    mu: float
    left_edge: float | None
    edge: Literal["soft", "hard"]
    outlier: float | None
    overlap2: float


def spectrum(a: float | None, alpha: float) -> Spectrum:
    """Describe the spectrum of the Hessian of a random start, at infinite size.

    Parameters
    ----------
    a : float or None
        Normalisation > 0; ``None`` for the un-normalised loss.
    alpha : float
        Measurements per dimension > 0.

    Returns
    -------
    Spectrum
        See there.

    Raises
    ------
    ValueError
        If a or alpha is not a finite number > 0.

    Examples
    --------
    >>> state = spectrum(a=0.01, alpha=4.0)
    >>> state.edge, state.outlier < state.left_edge
    ('soft', True)
    """
    measure = initial(intensity_loss(a), alpha)
    edge = left_edge(measure)
    found = outlier(measure, edge)
    return Spectrum(
        a=None if a is None else check("a", a),
        alpha=measure.alpha,
        mu=measure.mu,
        left_edge=None if math.isinf(edge.position) else edge.position,
        edge=edge.kind,
        outlier=None if found is None else found.position,
        overlap2=0.0 if found is None else found.overlap2,
    )

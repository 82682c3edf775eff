"""Where in alpha an informative direction appears."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from scipy.optimize import brentq

from prlib.losses import Loss, as_loss
from prlib.measures import initial
from prlib.measures.threshold_state import (
    BranchEndError,
    NeverMetError,
    TiltedLaw,
    marginal_laws,
    solve_threshold_state,
)
from prlib.parameters import check
from prlib.spectra.bulk import Edge, left_edge, softness
from prlib.spectra.outlier import Outlier, bbp, outlier

INITIAL_ORDERS = (6, 8)
"""Orders of quadrature at a random start: the second is good to nine digits, in under 2 ms."""

THRESHOLD_ORDERS = (7, 10)
"""Orders of quadrature at threshold states."""


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


def alpha_init(loss: Loss, *, orders: tuple[int, int] = INITIAL_ORDERS) -> InitialTransition:
    r"""Transition of Baik, Ben Arous and Péché in the Hessian of a random start.

    The condition of the transition and of a soft edge are both linear in alpha, so their ratio
    :math:`E[(f\chi/(1+f\chi))^2] = E[(1-y^2) f\chi/(1+f\chi)]` gives chi alone. Where it has no
    root below :math:`\chi_{max} = -1/\inf f` the edge is hard and chi is that end.

    Parameters
    ----------
    loss : Loss
        The loss.
    orders : pair of int
        Orders of quadrature; the better one is reported, their difference is the error.

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
    coarse, fine = (_alpha_init(loss, order) for order in orders)
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
class ThresholdTransition:
    """The transition at threshold states.

    Attributes
    ----------
    alpha : float
        Measurements per dimension above which the Hessian of a threshold state has an outlier
        toward the signal; ``inf`` if none has.
    chi, x : float
        Response and breaking there; 0 if there is none.
    error, chi_error, x_error : float
        Estimated errors: how far each moves when the quadrature is refined.
    """

    alpha: float
    chi: float
    x: float
    error: float
    chi_error: float
    x_error: float


@lru_cache(maxsize=1024)
def alpha_threshold(
    loss: Loss, *, orders: tuple[int, int] = THRESHOLD_ORDERS
) -> ThresholdTransition:
    r"""Transition of Baik, Ben Arous and Péché in the Hessian of threshold states.

    The saddle point, marginality and the condition of the transition are all linear in alpha:
    two ratios give :math:`(\chi, x)`, and marginality then gives alpha.

    Parameters
    ----------
    loss : Loss
        The loss.
    orders : pair of int
        Orders of quadrature; the better one is reported, their difference is the error.

    Returns
    -------
    ThresholdTransition
        See there.

    Raises
    ------
    ValueError
        If even the last of the threshold states, at the smallest alpha, has an outlier.

    References
    ----------
    Sarao Mannelli et al., arXiv:2006.06997, for the un-normalised loss.

    Examples
    --------
    >>> from prlib.losses import Intensity
    >>> round(alpha_threshold(Intensity()).alpha, 2)
    13.8
    """
    try:
        coarse, fine = marginal_laws(loss, _stability, _FIRST_GUESS, orders=orders)
    except NeverMetError:
        return ThresholdTransition(math.inf, 0.0, 0.0, 0.0, 0.0, 0.0)
    except BranchEndError as end:
        raise ValueError(f"alpha_threshold: all have an outlier, as {end}") from None
    alpha, rough = 1 / fine.marginality, 1 / coarse.marginality
    return ThresholdTransition(
        alpha=alpha,
        chi=fine.chi,
        x=fine.x,
        error=_moved(alpha, rough),
        chi_error=_moved(fine.chi, coarse.chi),
        x_error=_moved(fine.x, coarse.x),
    )


_FIRST_GUESS = 20.0
"""An alpha above most thresholds, from which the branch is followed."""


def _stability(law: TiltedLaw) -> float:
    # Negative where the outlier exists, at large alpha.
    return 1 - law.signal / law.marginality


def _moved(fine: float, coarse: float) -> float:
    # The equations themselves are solved to about this relative accuracy.
    return abs(fine - coarse) + 1e-10 * abs(fine)


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
    alpha_threshold : float
        Measurements per dimension above which the Hessian of threshold states has one.
    alpha_threshold_error : float
        Estimated numerical error of alpha_threshold.
    chi, x : float
        Response and breaking of the threshold states there.
    """

    a: float | None
    alpha_init: float | None
    alpha_init_error: float
    edge_init: Literal["soft", "hard"]
    alpha_threshold: float
    alpha_threshold_error: float
    chi: float
    x: float


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
    >>> found = thresholds(0.01)
    >>> round(found.alpha_init, 3), round(found.alpha_threshold, 3)
    (2.851, 4.436)
    """
    loss = as_loss(a)
    start, end = alpha_init(loss), alpha_threshold(loss)
    return Thresholds(
        a=None if a is None else check("a", a),
        alpha_init=None if math.isinf(start.alpha) else start.alpha,
        alpha_init_error=start.error,
        edge_init=start.edge,
        alpha_threshold=end.alpha,
        alpha_threshold_error=end.error,
        chi=end.chi,
        x=end.x,
    )


@dataclass(frozen=True)
class ThresholdSpectrum:
    r"""What theory says of threshold states and of their Hessian.

    Attributes
    ----------
    a : float or None
        Normalisation of the loss; ``None`` for the un-normalised one.
    alpha : float
        Measurements per dimension.
    chi, x : float
        Response and breaking.
    energy : float
        Energy per dimension.
    mu : float
        Multiplier of the sphere.
    left_edge : float
        Left edge of the bulk, after the shift by mu: zero, but for the inconsistency of one-step
        replica symmetry breaking where a proximal map jumps.
    outlier : float or None
        Eigenvalue that leaves the bulk toward the signal; ``None`` if there is none.
    overlap2 : float
        Squared overlap of the lowest eigenvector with the signal: 0 without an outlier.
    complexity : float
        Logarithm of the number of threshold states per dimension, in this approximation.
    mixing : float
        Above 1 the assumption that different states have zero overlap is unstable.
    chi_error, x_error, energy_error, mu_error, outlier_error, overlap2_error : float
        Estimated numerical errors; ``outlier_error`` is 0 where there is none.
    """

    a: float | None
    alpha: float
    chi: float
    x: float
    energy: float
    mu: float
    left_edge: float
    outlier: float | None
    overlap2: float
    complexity: float
    mixing: float
    chi_error: float
    x_error: float
    energy_error: float
    mu_error: float
    outlier_error: float
    overlap2_error: float


def threshold_state(a: float | None, alpha: float) -> ThresholdSpectrum:
    """Describe the threshold states of the loss with normalisation a, at infinite size.

    Parameters
    ----------
    a : float or None
        Normalisation > 0; ``None`` for the un-normalised loss.
    alpha : float
        Measurements per dimension.

    Returns
    -------
    ThresholdSpectrum
        See there.

    Raises
    ------
    ValueError
        If there are no threshold states at this alpha; the message says where they end.

    Examples
    --------
    >>> state = threshold_state(a=0.01, alpha=4.0)
    >>> state.outlier is None, abs(state.left_edge) < 1e-8
    (True, True)
    >>> threshold_state(a=0.01, alpha=5.0).outlier < 0
    True
    >>> threshold_state(a=0.01, alpha=1.5)
    Traceback (most recent call last):
    ...
    prlib.parameters.ParameterError: alpha = 1.5: threshold states of the normalised intensity loss
    with a = 0.01 end at alpha = 1.618, where two kinds of them merge; must be larger
    """
    state = solve_threshold_state(as_loss(a), alpha)
    found = outlier(state.measure, Edge(state.gap, state.chi, "soft"))
    rough = outlier(state.coarse, Edge(state.gap, state.chi, "soft"))
    return ThresholdSpectrum(
        a=None if a is None else check("a", a),
        alpha=state.alpha,
        chi=state.chi,
        x=state.x,
        energy=state.energy,
        mu=state.mu,
        left_edge=state.gap,
        outlier=None if found is None else found.position,
        overlap2=_overlap2(found),
        complexity=state.complexity,
        mixing=state.mixing,
        chi_error=state.chi_error,
        x_error=state.x_error,
        energy_error=state.energy_error,
        mu_error=state.mu_error,
        outlier_error=_moved(found.position, rough.position) if found and rough else 0.0,
        overlap2_error=_moved(_overlap2(found), _overlap2(rough)),
    )


def _overlap2(found: Outlier | None) -> float:
    return 0.0 if found is None else found.overlap2


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
    measure = initial(as_loss(a), alpha)
    edge = left_edge(measure)
    found = outlier(measure, edge)
    return Spectrum(
        a=None if a is None else check("a", a),
        alpha=measure.alpha,
        mu=measure.mu,
        left_edge=None if math.isinf(edge.position) else edge.position,
        edge=edge.kind,
        outlier=None if found is None else found.position,
        overlap2=_overlap2(found),
    )

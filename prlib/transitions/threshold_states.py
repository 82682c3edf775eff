"""The Hessian of threshold states: its spectrum, and the alpha at which an outlier appears."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from functools import lru_cache

from prlib.channels import NOISELESS, Channel
from prlib.losses import Loss, takes_loss
from prlib.measures.threshold_states import (
    BranchEndError,
    NeverMetError,
    ThresholdState,
    branch_of,
    solve_threshold_state,
)
from prlib.parameters import ParameterError
from prlib.spectra.bulk import Edge
from prlib.spectra.outlier import Outlier, outlier
from prlib.threads import one_blas_thread

ORDERS = (7, 10)
"""Orders of quadrature: the better one is reported, their difference is the error."""


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
        Estimated errors of alpha, chi and x: how far each moves when the quadrature is refined.
    """

    alpha: float
    chi: float
    x: float
    error: float
    chi_error: float
    x_error: float


@takes_loss
@one_blas_thread()
def alpha_threshold(
    loss: Loss, *, channel: str | Channel = NOISELESS, orders: tuple[int, int] = ORDERS
) -> ThresholdTransition:
    r"""Transition of Baik, Ben Arous and Péché in the Hessian of threshold states.

    The saddle point, marginality and the condition of the transition are all linear in alpha:
    two ratios give :math:`(\chi, x)`, and marginality then gives alpha.

    Parameters
    ----------
    channel : Channel or str
        What is measured, or its id.
    orders : tuple of int
        Orders of quadrature.

    Raises
    ------
    ParameterError
        If even the last of the threshold states, at the smallest alpha, has an outlier.

    References
    ----------
    Sarao Mannelli et al., arXiv:2006.06997, for the un-normalised loss.

    Examples
    --------
    >>> round(alpha_threshold(None).alpha, 2)
    13.8
    """
    return _alpha_threshold(loss, Channel.read(channel), orders)


@lru_cache(maxsize=1024)
def _alpha_threshold(loss: Loss, channel: Channel, orders: tuple[int, int]) -> ThresholdTransition:
    try:
        coarse, fine = branch_of(loss, channel).laws(lambda law: law.stability, orders)
    except NeverMetError:
        return ThresholdTransition(math.inf, 0.0, 0.0, 0.0, 0.0, 0.0)
    except BranchEndError as end:
        raise ParameterError(f"alpha_threshold: all have an outlier, as {end}") from None
    return ThresholdTransition(
        alpha=fine.alpha,
        chi=fine.chi,
        x=fine.x,
        error=_moved(fine.alpha, coarse.alpha),
        chi_error=_moved(fine.chi, coarse.chi),
        x_error=_moved(fine.x, coarse.x),
    )


def _moved(fine: float, coarse: float) -> float:
    # The equations themselves are solved to about this relative accuracy.
    return abs(fine - coarse) + 1e-10 * abs(fine)


@dataclass(frozen=True)
class ThresholdSpectrum:
    r"""What theory says of threshold states and of their Hessian.

    Each number has its estimated error; ``outlier_error`` is 0 where there is none.

    Attributes
    ----------
    loss, a, alpha, left_edge, outlier, overlap2
        See `prlib.transitions.Spectrum`. The left edge is zero, but for the inconsistency of
        one-step replica symmetry breaking where a proximal map jumps.
    chi, x, energy, mu, complexity, mixing
        See `prlib.measures.threshold_states.ThresholdState`.
    channel : str
        Id of what is measured.
    """

    loss: str
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
    channel: str = NOISELESS.id


@takes_loss
@one_blas_thread()
def threshold_state(
    loss: Loss, alpha: float, *, channel: str | Channel = NOISELESS
) -> ThresholdSpectrum:
    """Describe the threshold states of a loss, at infinite size.

    Parameters
    ----------
    channel : Channel or str
        What is measured, or its id.

    Raises
    ------
    ParameterError
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
    channel = Channel.read(channel)
    state = solve_threshold_state(loss, alpha, channel)
    edge = Edge(state.gap, state.chi, "soft")
    found, rough = outlier(state.measure, edge), outlier(state.coarse, edge)
    return ThresholdSpectrum(
        **loss.names,
        **{name: getattr(state, name) for name in _KEPT},
        left_edge=state.gap,
        outlier=None if found is None else found.position,
        overlap2=_overlap2(found),
        outlier_error=_moved(found.position, rough.position) if found and rough else 0.0,
        overlap2_error=_moved(_overlap2(found), _overlap2(rough)),
        channel=channel.id,
    )


_KEPT = {f.name for f in fields(ThresholdState)} & {f.name for f in fields(ThresholdSpectrum)}


def _overlap2(found: Outlier | None) -> float:
    return 0.0 if found is None else found.overlap2

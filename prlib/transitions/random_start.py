"""The Hessian of a random start: its spectrum, and the alpha at which an outlier appears."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import Literal

from scipy.optimize import brentq

from prlib.channels import NOISELESS, Channel
from prlib.losses import Loss, takes_loss
from prlib.measures import LabelMeasure, initial
from prlib.measures.random_start import ORDERS
from prlib.parameters import ParameterError
from prlib.spectra.bulk import left_edge, softness
from prlib.spectra.outlier import bbp, outlier
from prlib.threads import one_blas_thread

ENOUGH = 1e-8
"""Relative change of alpha at which the quadrature is refined no further."""


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
    edge_kind : {"soft", "hard"}
        Kind of that edge.
    error : float
        Estimated error of alpha: how far it moves when the quadrature is refined.
    """

    alpha: float
    chi: float
    edge_kind: Literal["soft", "hard"]
    error: float


@takes_loss
@one_blas_thread()
def alpha_init(
    loss: Loss, *, channel: str | Channel = NOISELESS, orders: tuple[int, ...] = ORDERS
) -> InitialTransition:
    r"""Transition of Baik, Ben Arous and Péché in the Hessian of a random start.

    The condition of the transition and of a soft edge are both linear in alpha, so their ratio
    :math:`E[(f\chi/(1+f\chi))^2] = E[(1-z^2) f\chi/(1+f\chi)]` gives chi alone. Where it has no
    root below :math:`\chi_{max} = -1/\inf f` the edge is hard and chi is that end.

    Parameters
    ----------
    channel : Channel or str
        What is measured, or its id, as ``additive(sigma=0.3)``.
    orders : tuple of int
        Orders of quadrature, tried until two in a row agree; what moved last is the error.

    Examples
    --------
    >>> transition = alpha_init(a=1.0)
    >>> round(transition.alpha, 4), transition.edge_kind
    (1.1349, 'soft')
    """
    if loss.curvature_floor == -math.inf:
        return InitialTransition(math.inf, 0.0, "hard", 0.0)
    channel = Channel.read(channel)
    return converged(lambda order: _alpha_init(loss, channel, order), orders)


def converged(
    found_with: Callable[[int], tuple[float, float, Literal["soft", "hard"]]],
    orders: tuple[int, ...] = ORDERS,
) -> InitialTransition:
    """Refine what `transition` finds with an order of quadrature until two in a row agree."""
    moved = 0.0
    for (rough, *_), found in pairwise(map(found_with, orders)):
        # Two orders may agree by chance, three hardly.
        before, moved = moved, abs(found[0] - rough)
        if moved < ENOUGH * found[0]:
            before = 0.0
            break
    return InitialTransition(*found, error=moved + before + 1e-12 * found[0])


@lru_cache(maxsize=1024)
def _alpha_init(
    loss: Loss, channel: Channel, order: int
) -> tuple[float, float, Literal["soft", "hard"]]:
    if loss.curvature_floor >= 0:
        raise ParameterError(
            f"{loss}: its curvature is nowhere negative; alpha_init needs a loss with negative "
            "curvature somewhere"
        )
    return transition(initial(loss, 1.0, channel, order=order))


def transition(measure: LabelMeasure) -> tuple[float, float, Literal["soft", "hard"]]:
    """Find the alpha at which laws that do not depend on it have their transition.

    Parameters
    ----------
    measure : LabelMeasure
        The law at alpha = 1, with negative curvature, bounded below.

    Returns
    -------
    alpha, chi, edge_kind
        As in `InitialTransition`.
    """
    chi_max = -1 / measure.floor

    def gap(chi: float) -> float:
        return softness(measure, chi) - bbp(measure, chi)

    last = chi_max * (1 - 1e-13)
    if gap(last) < 0:
        return 1 / bbp(measure, last), chi_max, "hard"
    lower = last / 2
    while gap(lower) > 0:
        lower /= 2
    chi = brentq(gap, lower, last, xtol=1e-15 * chi_max, rtol=1e-14)
    return 1 / softness(measure, chi), chi, "soft"


@dataclass(frozen=True)
class Spectrum:
    """What theory says of the Hessian of a random start.

    Attributes
    ----------
    loss, a, alpha
        Where it is; see `prlib.losses.Loss.names`.
    mu : float
        Multiplier of the sphere.
    left_edge : float or None
        Left edge of the bulk, after the shift by mu; ``None`` if it extends to minus infinity.
    edge_kind : {"soft", "hard"}
        Kind of that edge.
    outlier : float or None
        Eigenvalue that leaves the bulk toward the signal; ``None`` if there is none.
    overlap2 : float
        Squared overlap of the lowest eigenvector with the signal: 0 without an outlier.
    channel : str
        Id of what is measured.
    """

    loss: str
    a: float | None
    alpha: float
    mu: float
    left_edge: float | None
    edge_kind: Literal["soft", "hard"]
    outlier: float | None
    overlap2: float
    channel: str = NOISELESS.id


@takes_loss
@one_blas_thread()
def spectrum(loss: Loss, alpha: float, *, channel: str | Channel = NOISELESS) -> Spectrum:
    """Describe the spectrum of the Hessian of a random start, at infinite size.

    Parameters
    ----------
    channel : Channel or str
        What is measured, or its id.

    Raises
    ------
    ParameterError
        If alpha is not a finite number > 0, or the loss changes too fast to be resolved.

    Examples
    --------
    >>> state = spectrum(a=0.01, alpha=4.0)
    >>> state.edge_kind, state.outlier < state.left_edge
    ('soft', True)
    """
    channel = Channel.read(channel)
    measure = initial(loss, alpha, channel)
    edge = left_edge(measure)
    found = outlier(measure, edge)
    return Spectrum(
        **loss.names,
        alpha=measure.alpha,
        mu=measure.mu,
        left_edge=None if math.isinf(edge.position) else edge.position,
        edge_kind=edge.kind,
        outlier=None if found is None else found.position,
        overlap2=0.0 if found is None else found.overlap2,
        channel=channel.id,
    )

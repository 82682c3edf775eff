"""The lines in alpha at which minima at zero overlap fall toward the signal."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

from prlib.losses import Loss, takes_loss
from prlib.measures.landscape import (
    Search,
    Solution,
    X,
    label_measure,
    no_complexity,
)
from prlib.measures.quadrature import UnresolvedError
from prlib.parameters import ParameterError
from prlib.spectra.outlier import bbp
from prlib.threads import one_blas_thread
from prlib.transitions.landscape import (
    LOWEST_ALPHA,
    MINIMA_ORDERS,
    ROUNDING,
    Labels,
    refused,
    search_of,
)


@dataclass(frozen=True)
class MinimaTransition:
    """The alpha above which minima at zero overlap fall toward the signal.

    Attributes
    ----------
    alpha : float
        Measurements per dimension; ``inf`` if they never do.
    chi : float
        Stieltjes transform at the edge there; 0 if there is none.
    error : float
        Estimated error of alpha: how far it moves when the quadrature is refined.
    """

    alpha: float
    chi: float
    error: float


@takes_loss
@one_blas_thread()
def alpha_minima(
    loss: Loss,
    *,
    lowest: bool = False,
    labels: Labels = "held",
    orders: tuple[int, int] = MINIMA_ORDERS,
) -> MinimaTransition:
    """Transition of Baik, Ben Arous and Péché in the Hessian of minima at zero overlap.

    Parameters
    ----------
    lowest : bool
        Minima at the bottom of the band of energies, in place of the most numerous ones.
    labels, orders
        As in `prlib.transitions.landscape.landscape`.

    Examples
    --------
    >>> round(alpha_minima(a=0.01).alpha, 4)
    3.7109
    """
    return _alpha_minima(search_of(loss, labels), lowest, orders)


@lru_cache(maxsize=256)
def _alpha_minima(
    search: Search,
    lowest: bool,  # noqa: FBT001 - cached by position
    orders: tuple[int, int],
) -> MinimaTransition:
    with refused(search.loss, "alpha_minima"):
        found = search.equator(_FIRST_GUESS)
        found = search.lowest(found) if lowest else found
        slope, alphas = 1.0, []
        for order in (search.order, *orders):
            at_order = Search(search.loss, search.annealed, order)
            found, slope = _crossing(at_order, found, slope, lowest=lowest)
            if found is None:
                return MinimaTransition(math.inf, 0.0, 0.0)
            alphas.append(found.point.alpha)
    return MinimaTransition(
        alphas[-1], found.point.chi, abs(alphas[-1] - alphas[-2]) + ROUNDING * alphas[-1]
    )


_FIRST_GUESS = 6.0
_HIGHEST_ALPHA = 1e4
_STRIDE = 0.4
"""Longest step in the logarithm of alpha."""


def _crossing(
    search: Search, near: Solution, slope: float, *, lowest: bool
) -> tuple[Solution | None, float]:
    """Follow minima in alpha to the transition by secants; the slope is kept for the next time."""

    def moved(near: Solution, log_alpha: float) -> Solution:
        point = near.point._replace(alpha=math.exp(log_alpha))
        return search.solve(point, {X: no_complexity} if lowest else {})

    def excess(found: Solution) -> float:
        return bbp(label_measure(found), found.point.chi, stationary=True) - 1

    here = math.log(near.point.alpha)
    found = moved(near, here)
    value = excess(found)
    for _ in range(_STEPS):
        step = min(_STRIDE, max(-_STRIDE, -value / slope))
        if abs(step) < 1e-11:
            return found, slope
        if here + step < math.log(LOWEST_ALPHA):
            raise ParameterError(
                f"alpha_minima: minima of {search.loss} have an outlier at every alpha"
            )
        if here + step > math.log(_HIGHEST_ALPHA):
            return None, slope
        found = search.reach(found, here, here + step, moved)
        here, before, value = here + step, value, excess(found)
        if abs(step) > 1e-7:
            slope = max((value - before) / step, 0.02)
    raise UnresolvedError


_STEPS = 60

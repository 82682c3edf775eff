"""Where descents may end: minima by overlap and energy, and the lines in alpha that bound them."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Literal

from prlib.losses import Loss, takes_loss
from prlib.measures.label_measure import LabelMeasure
from prlib.measures.landscape import (
    ETA,
    Minima,
    Search,
    Solution,
    UnresolvedError,
    X,
    label_measure,
    no_complexity,
)
from prlib.parameters import ParameterError, check
from prlib.spectra.bulk import Edge, left_edge, stieltjes_inverse
from prlib.spectra.outlier import bbp, outlier

Labels = Literal["held", "annealed"]

LOWEST_ALPHA = 1.05
"""Least alpha followed: towards 1 minima fit every label, and chi grows without bound."""

MINIMA_ORDERS = (6, 9)
"""Orders of quadrature: the better one is reported, their difference is the error."""


@dataclass(frozen=True)
class Landscape:
    r"""Minima of one overlap and energy: how many, and what the typical one is like.

    Attributes
    ----------
    loss : str
        Id of the loss.
    a : float or None
        Its normalisation, if it has one.
    alpha : float
        Measurements per dimension.
    overlap : float
        Overlap of the minima with the signal.
    labels : {"held", "annealed"}
        Whether the labels are given, hence normal, or counted over as well.
    complexity : float
        Logarithm of the number of these minima, per dimension; negative where there are typically
        none. They are minima but for one direction: `bbp` says whether the signal makes it fall.
    energy : float
        Energy per dimension.
    mu : float
        Multiplier of the sphere.
    chi : float
        Stieltjes transform of the Hessian at zero.
    s, lagrange, x, eta : float
        Conjugate to the gradient's size, its direction toward the signal, the energy (so that x is
        the slope of the complexity in it) and stability (zero where the bulk has a gap).
    left_edge : float
        Left edge of the bulk: zero where minima are marginal.
    edge_kind : {"soft", "hard"}
        Kind of that edge.
    bbp : float
        Left side of the condition of Baik, Ben Arous and Péché: above 1 an eigenvalue leaves the
        bulk toward the signal, and a marginal minimum is a saddle.
    outlier : float or None
        That eigenvalue; ``None`` if there is none.
    overlap2 : float
        Squared overlap of the lowest eigenvector with the signal: 0 without an outlier.
    measure : LabelMeasure
        Law of labels and fields.
    complexity_error, energy_error, mu_error, chi_error, s_error, lagrange_error, x_error, eta_error
        Estimated numerical errors: how far each moves when the quadrature is refined; so
    bbp_error, outlier_error, overlap2_error : float
        are these.
    """

    loss: str
    a: float | None
    alpha: float
    overlap: float
    labels: Labels
    complexity: float
    energy: float
    mu: float
    chi: float
    s: float
    lagrange: float
    x: float
    eta: float
    left_edge: float
    edge_kind: Literal["soft", "hard"]
    bbp: float
    outlier: float | None
    overlap2: float
    complexity_error: float
    energy_error: float
    mu_error: float
    chi_error: float
    s_error: float
    lagrange_error: float
    x_error: float
    eta_error: float
    bbp_error: float
    outlier_error: float
    overlap2_error: float
    measure: LabelMeasure = field(repr=False)


@takes_loss
def landscape(
    loss: Loss,
    alpha: float,
    overlap: float = 0.0,
    energy: float | None = None,
    labels: Labels = "held",
    *,
    orders: tuple[int, int] = MINIMA_ORDERS,
) -> Landscape:
    r"""Count the minima of one overlap by Kac and Rice: the most numerous, or those of an energy.

    Parameters
    ----------
    loss : Loss, str or float
        The loss.
    alpha : float
        Measurements per dimension.
    overlap : float
        Overlap of the minima with the signal, in (-1, 1); its sign makes no difference.
    energy : float, optional
        Energy per dimension; by default that at which minima are most numerous.
    labels : {"held", "annealed"}
        With labels held the number is that at given, normal labels (the mean over everything else).
        Annealed it is the mean over labels as well, which rare labels may dominate: it is larger.
    orders : pair of int
        Orders of quadrature; the better one is reported, their difference is the error.

    Raises
    ------
    ParameterError
        If a value is out of range, or no such minima are found.

    References
    ----------
    Maillard, Bonnaire & Biroli, arXiv:2602.17779 (annealed labels); derived in the book.

    Examples
    --------
    >>> found = landscape(a=0.01, alpha=4.0)
    >>> round(found.complexity, 4), round(found.energy, 4), round(found.bbp, 3)
    (0.0227, 0.5855, 1.058)
    """
    search = _search(loss, labels)
    found = _most_numerous(search, alpha, overlap)
    if energy is not None:
        energy = _checked_energy(energy)
        with _refused(loss, f"alpha = {alpha:g}, overlap = {overlap:g}, energy = {energy:g}"):
            found = search.at_energy(found, energy)
    with _refused(loss, f"alpha = {alpha:g}, overlap = {overlap:g}"):
        return _described(search.minima(found, orders), labels)


def _checked_energy(energy: float) -> float:
    if not (isinstance(energy, (int, float)) and 0 < energy < math.inf):
        raise ParameterError(f"energy = {energy!r}: must be a finite number > 0")
    return float(energy)


@contextmanager
def _refused(loss: Loss, where: str) -> Iterator[None]:
    try:
        yield
    except UnresolvedError:
        raise ParameterError(f"{where}: no minima of {loss} are found there") from None


def _search(loss: Loss, labels: Labels) -> Search:
    if labels not in ("held", "annealed"):
        raise ParameterError(f"labels = {labels!r}: must be 'held' or 'annealed'")
    return Search(loss, annealed=labels == "annealed")


def _most_numerous(search: Search, alpha: float, overlap: float = 0.0) -> Solution:
    alpha = check("alpha", alpha)
    if not (isinstance(overlap, (int, float)) and -1 < overlap < 1):
        raise ParameterError(f"overlap = {overlap!r}: must be a number in (-1, 1)")
    if alpha < LOWEST_ALPHA:
        raise ParameterError(
            f"alpha = {alpha:g}: minima are followed down to alpha = {LOWEST_ALPHA:g}; towards 1 "
            "they fit every label"
        )
    with _refused(search.loss, f"alpha = {alpha:g}, overlap = {overlap:g}"):
        found = _equator(search, alpha)
        return found if overlap == 0 else search.at_overlap(found, abs(float(overlap)))


@lru_cache(maxsize=64)
def _equator(search: Search, alpha: float) -> Solution:
    return search.equator(alpha)


def _edge(found: Solution, measure: LabelMeasure) -> Edge:
    if ETA not in found.system:
        return left_edge(measure)
    chi = found.point.chi
    return Edge(float(stieltjes_inverse(measure, chi)) - measure.mu, chi, "soft")


def _numbers(found: Solution, measure: LabelMeasure) -> dict[str, float]:
    edge = _edge(found, measure)
    escaped = outlier(measure, edge, stationary=True)
    return {
        "complexity": found.law.complexity,
        "energy": measure.energy,
        "mu": measure.mu,
        **{name: getattr(found.point, name) for name in ("chi", "s", "lagrange", "x", "eta")},
        "bbp": bbp(measure, edge.chi, stationary=True),
        "outlier": math.nan if escaped is None else escaped.position,
        "overlap2": 0.0 if escaped is None else escaped.overlap2,
    }


def _described(minima: Minima, labels: Labels) -> Landscape:
    fine = _numbers(minima.fine, minima.measure)
    coarse = _numbers(minima.coarse, minima.rough)
    errors = {
        f"{name}_error": abs(fine[name] - coarse[name]) + _ROUNDING * max(1.0, abs(fine[name]))
        for name in fine
    }
    if math.isnan(errors["outlier_error"]):
        errors["outlier_error"] = 0.0
    if math.isnan(fine["outlier"]):
        fine["outlier"] = None
    loss, edge = minima.measure.loss, _edge(minima.fine, minima.measure)
    return Landscape(
        loss=loss.id,
        a=getattr(loss, "a", None),
        alpha=minima.point.alpha,
        overlap=minima.point.overlap,
        labels=labels,
        left_edge=edge.position,
        edge_kind=edge.kind,
        measure=minima.measure,
        **fine,
        **errors,
    )


_ROUNDING = 1e-10


@dataclass(frozen=True)
class Band:
    """The band of energies in which minima of one overlap exist, and the overlaps at which any do.

    Attributes
    ----------
    energy_low, energy_high : float
        Energies per dimension: of the lowest minima, whose complexity vanishes, and of the most
        numerous.
    bbp_low, bbp_high : float
        Left side of the condition of Baik, Ben Arous and Péché for each.
    overlap_max : float or None
        Overlap beyond which no minimum is left; ``None`` if there is none.
    energy_low_error, energy_high_error, bbp_low_error, bbp_high_error, overlap_max_error : float
        Estimated numerical errors.
    """

    energy_low: float
    energy_high: float
    bbp_low: float
    bbp_high: float
    overlap_max: float | None
    energy_low_error: float
    energy_high_error: float
    bbp_low_error: float
    bbp_high_error: float
    overlap_max_error: float


@takes_loss
def band(
    loss: Loss,
    alpha: float,
    overlap: float = 0.0,
    labels: Labels = "held",
    *,
    orders: tuple[int, int] = MINIMA_ORDERS,
) -> Band:
    """Bound the minima of one overlap in energy, and all minima in overlap.

    Parameters are those of `landscape`.

    Raises
    ------
    ParameterError
        If a value is out of range, or there are no minima at this overlap.

    Examples
    --------
    >>> found = band(a=0.01, alpha=4.0)
    >>> round(found.energy_low, 3), round(found.energy_high, 3), round(found.overlap_max, 3)
    (0.521, 0.586, 0.266)
    """
    search = _search(loss, labels)
    most = _most_numerous(search, alpha, overlap)
    if most.law.complexity < 0:
        raise ParameterError(
            f"alpha = {alpha:g}, overlap = {overlap:g}: no minima of {loss} exist there; their "
            f"complexity is {most.law.complexity:.3g}"
        )
    with _refused(loss, f"alpha = {alpha:g}, overlap = {overlap:g}"):
        high = _described(search.minima(most, orders), labels)
        low = _described(search.minima(search.lowest(most), orders), labels)
        last = search.last(_equator(search, float(alpha)))
        ends = None if last is None else search.minima(last, orders)
    return Band(
        energy_low=low.energy,
        energy_high=high.energy,
        bbp_low=low.bbp,
        bbp_high=high.bbp,
        overlap_max=None if ends is None else ends.point.overlap,
        energy_low_error=low.energy_error,
        energy_high_error=high.energy_error,
        bbp_low_error=low.bbp_error,
        bbp_high_error=high.bbp_error,
        overlap_max_error=0.0
        if ends is None
        else abs(ends.point.overlap - ends.coarse.point.overlap) + _ROUNDING,
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
    loss : Loss, str or float
        The loss.
    lowest : bool
        Minima at the bottom of the band of energies, in place of the most numerous ones.
    labels : {"held", "annealed"}
        As in `landscape`.
    orders : pair of int
        Orders of quadrature; the better one is reported, their difference is the error.

    Examples
    --------
    >>> round(alpha_minima(a=0.01).alpha, 4)
    3.7109
    """
    return _alpha_minima(_search(loss, labels), lowest, orders)


@lru_cache(maxsize=256)
def _alpha_minima(
    search: Search,
    lowest: bool,  # noqa: FBT001 - cached by position
    orders: tuple[int, int],
) -> MinimaTransition:
    with _refused(search.loss, "alpha_minima"):
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
        alphas[-1], found.point.chi, abs(alphas[-1] - alphas[-2]) + _ROUNDING * alphas[-1]
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

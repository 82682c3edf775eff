"""Where descents may end: minima by overlap and energy, and the lines in alpha that bound them."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from prlib.losses import Loss, takes_loss
from prlib.measures.label_measure import LabelMeasure
from prlib.measures.landscape import ETA, Minima, Search, Solution, label_measure
from prlib.measures.quadrature import UnresolvedError
from prlib.parameters import ParameterError, check
from prlib.spectra.bulk import Edge, left_edge, stieltjes_inverse
from prlib.spectra.outlier import bbp, outlier
from prlib.threads import one_blas_thread

Labels = Literal["held", "annealed"]

LOWEST_ALPHA = 1.05
"""Least alpha followed: towards 1 minima fit every label, and chi grows without bound."""

MINIMA_ORDERS = (6, 9)
"""Orders of quadrature: the better one is reported, their difference is the error."""


@dataclass(frozen=True)
class Landscape:
    r"""Minima of one overlap and energy: how many, and what the typical one is like.

    Each number has its estimated error: how far it moves when the quadrature is refined.

    Attributes
    ----------
    loss, a, alpha, overlap
        Where they are; see `prlib.losses.Loss.names`.
    labels : {"held", "annealed"}
        Whether the labels are given, hence normal, or counted over as well.
    complexity : float
        Logarithm of the number of these minima, per dimension; negative where there are typically
        none. They are minima but for one direction: `bbp` says whether the signal makes it fall.
    energy, mu
        See `prlib.measures.LabelMeasure`.
    chi : float
        Stieltjes transform of the Hessian at zero.
    s, lagrange, x, eta : float
        Conjugate to the gradient's size, its direction toward the signal, the energy (so that x is
        the slope of the complexity in it) and stability (zero where the bulk has a gap).
    left_edge, edge_kind, outlier, overlap2
        See `prlib.transitions.Spectrum`; the edge is zero where minima are marginal.
    bbp : float
        Left side of the condition of Baik, Ben Arous and Péché: above 1 an eigenvalue leaves the
        bulk toward the signal, and a marginal minimum is a saddle.
    measure : LabelMeasure
        Law of labels and fields.
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
@one_blas_thread()
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
    search = search_of(loss, labels)
    found = _most_numerous(search, alpha, overlap)
    if energy is not None:
        energy = check("energy", energy)
        with refused(loss, f"alpha = {alpha:g}, overlap = {overlap:g}, energy = {energy:g}"):
            found = search.at_energy(found, energy)
    with refused(loss, f"alpha = {alpha:g}, overlap = {overlap:g}"):
        return _described(search.minima(found, orders), labels)


@contextmanager
def refused(loss: Loss, where: str) -> Iterator[None]:
    """Say in one line where nothing was found."""
    try:
        yield
    except UnresolvedError:
        raise ParameterError(f"{where}: no minima of {loss} are found there") from None


def search_of(loss: Loss, labels: Labels) -> Search:
    """Return what finds minima of a loss, with labels held or not."""
    if labels not in ("held", "annealed"):
        raise ParameterError(f"labels = {labels!r}: must be 'held' or 'annealed'")
    return Search(loss, annealed=labels == "annealed")


def _most_numerous(search: Search, alpha: float, overlap: float = 0.0) -> Solution:
    alpha, overlap = check("alpha", alpha), abs(check("overlap", overlap))
    if alpha < LOWEST_ALPHA:
        raise ParameterError(
            f"alpha = {alpha:g}: minima are followed down to alpha = {LOWEST_ALPHA:g}; towards 1 "
            "they fit every label"
        )
    with refused(search.loss, f"alpha = {alpha:g}, overlap = {overlap:g}"):
        found = _equator(search, alpha)
        return found if overlap == 0 else search.at_overlap(found, overlap)


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
        f"{name}_error": abs(fine[name] - coarse[name]) + ROUNDING * max(1.0, abs(fine[name]))
        for name in fine
    }
    if math.isnan(errors["outlier_error"]):
        errors["outlier_error"] = 0.0
    if math.isnan(fine["outlier"]):
        fine["outlier"] = None
    loss, edge = minima.measure.loss, _edge(minima.fine, minima.measure)
    return Landscape(
        **loss.names,
        alpha=minima.point.alpha,
        overlap=minima.point.overlap,
        labels=labels,
        left_edge=edge.position,
        edge_kind=edge.kind,
        measure=minima.measure,
        **fine,
        **errors,
    )


ROUNDING = 1e-10


@dataclass(frozen=True)
class Band:
    """The band of energies in which minima of one overlap exist, and the overlaps at which any do.

    Each number has its estimated error.

    Attributes
    ----------
    energy_low, energy_high : float or None
        Energies per dimension: of the lowest minima, whose complexity vanishes, and of the most
        numerous. ``None`` where there are no minima, NaN where their law is too sharp to resolve,
        as at small alpha, where they nearly fit every label.
    bbp_low, bbp_high : float or None
        Left side of the condition of Baik, Ben Arous and Péché for each.
    overlap_max : float or None
        Overlap beyond which no minimum is left; ``None`` if there are minima at every overlap, NaN
        where their law is too sharp.
    """

    energy_low: float | None
    energy_high: float | None
    bbp_low: float | None
    bbp_high: float | None
    overlap_max: float | None
    energy_low_error: float
    energy_high_error: float
    bbp_low_error: float
    bbp_high_error: float
    overlap_max_error: float


@takes_loss
@one_blas_thread()
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
        If a value is out of range, or nothing is found.

    Examples
    --------
    >>> found = band(a=0.01, alpha=4.0)
    >>> round(found.energy_low, 3), round(found.energy_high, 3), round(found.overlap_max, 3)
    (0.521, 0.586, 0.266)
    """
    search = search_of(loss, labels)
    most = _most_numerous(search, alpha, overlap)

    def better(find: Callable[[], Solution | None]) -> Minima | Literal["sharp"] | None:
        try:
            found = find()
            return found and search.minima(found, orders)
        except UnresolvedError:
            return "sharp"

    exist = most.law.complexity > 0
    kinds = {
        "low": better(lambda: search.lowest(most)) if exist else None,
        "high": better(lambda: most) if exist else None,
    }
    numbers: dict[str, float | None] = {}
    for end, kind in kinds.items():
        described = _described(kind, labels) if isinstance(kind, Minima) else None
        for name in ("energy", "bbp"):
            error = f"{name}_error"
            numbers[f"{name}_{end}"] = getattr(described, name) if described else _absent(kind)
            numbers[f"{name}_{end}_error"] = getattr(described, error) if described else 0.0
    last = better(lambda: search.last(_equator(search, most.point.alpha)))
    if not isinstance(last, Minima):
        return Band(overlap_max=_absent(last), overlap_max_error=0.0, **numbers)
    moved = abs(last.point.overlap - last.coarse.point.overlap) + ROUNDING
    return Band(overlap_max=last.point.overlap, overlap_max_error=moved, **numbers)


def _absent(why: Literal["sharp"] | None) -> float | None:
    return None if why is None else math.nan


@dataclass(frozen=True, eq=False)
class LandscapeMap:
    """The most numerous minima over the plane of alpha and overlap, to about five digits.

    Attributes
    ----------
    alphas, overlaps : ndarray, shapes (A,) and (M,)
        The axes of the plane.
    complexity, energy, bbp : ndarray, shape (A, M)
        As in `Landscape`; NaN where none are found, or they are rarer than exp(-N/2).
    overlap_max : ndarray, shape (A,)
        As in `Band`; NaN if there is none.
    """

    alphas: NDArray[np.float64]
    overlaps: NDArray[np.float64]
    complexity: NDArray[np.float64]
    energy: NDArray[np.float64]
    bbp: NDArray[np.float64]
    overlap_max: NDArray[np.float64]


@takes_loss
@one_blas_thread()
def landscape_map(
    loss: Loss, alphas: ArrayLike, overlaps: ArrayLike, labels: Labels = "held"
) -> LandscapeMap:
    """Map the most numerous minima over the plane of alpha and overlap, each from its neighbour.

    Raises
    ------
    ParameterError
        If a value is out of range, or overlaps do not increase from 0 or above.

    Examples
    --------
    >>> plane = landscape_map(0.01, alphas=[2.0, 4.0], overlaps=[0.0, 0.4])
    >>> (plane.complexity > 0).tolist()
    [[True, True], [True, False]]
    """
    alphas, overlaps = (np.atleast_1d(np.asarray(each, float)) for each in (alphas, overlaps))
    if np.any(np.diff(overlaps) <= 0) or overlaps[0] < 0 or overlaps[-1] >= 1:
        raise ParameterError("overlaps: must increase within [0, 1)")
    search = search_of(loss, labels)
    values = np.full((3, len(alphas), len(overlaps)), math.nan)
    last = np.full(len(alphas), math.nan)
    for row, alpha in enumerate(alphas):
        found = _most_numerous(search, float(alpha))
        for column, overlap in enumerate(overlaps):
            before = found
            try:
                found = search.at_overlap(found, float(overlap), depth=_MAP_DEPTH)
                if before.law.complexity > 0 >= found.law.complexity:
                    last[row] = search.ending(before, found).point.overlap
            except UnresolvedError:
                break
            measure = label_measure(found)
            values[:, row, column] = (
                found.law.complexity,
                found.law.energy,
                bbp(measure, _edge(found, measure).chi, stationary=True),
            )
            if found.law.complexity < _RARE:
                break
    return LandscapeMap(alphas, overlaps, *values, overlap_max=last)


_MAP_DEPTH, _RARE = 3, -0.5

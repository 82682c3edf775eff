"""Newton's method for critical points of a kind, and continuation from one to the next."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from prlib.losses import Loss
from prlib.measures.landscape.law import (
    ALPHA,
    CHI,
    ETA,
    LAGRANGE,
    Law,
    Point,
    S,
    X,
    laid_out,
)
from prlib.measures.quadrature import UnresolvedError
from prlib.measures.random_start import initial

Equation = Callable[[Law], tuple[float, NDArray]]
"""A residual in natural units and its derivatives in the order of `Point`."""

_ACCURACY, _CLOSE = 1e-11, 1e-6
_ITERATIONS = 25
_PATIENCE, _PROGRESS = 6, 0.9
"""So many steps on end that bring the residual down by less than this factor lead nowhere."""

_LONGEST = 0.5
_LEAST = 1e-6
"""Stability that binds by less binds at few fields at the end of the support, or nowhere."""

_FAR, _NEAR = 0.1, 0.02
"""How far, in natural units, nodes are kept: on the way, and at the solution."""


class NoConvergenceError(UnresolvedError):
    """Newton's method found nothing near its start."""


def units(point: Point) -> NDArray:
    """Natural unit of each argument: multiplying the loss by a number changes nothing else."""
    chi, s, *_, m, alpha = point
    return np.array([chi, s, math.sqrt(s), s / chi, chi, 1 - m * m, alpha])


def stationary(index: int) -> Equation:
    """Ask that Phi be stationary in an argument."""

    def equation(law: Law) -> tuple[float, NDArray]:
        unit = units(law.point)[index]
        return unit * law.gradient[index], unit * law.hessian[index]

    return equation


def right_size(law: Law) -> tuple[float, NDArray]:
    """Ask for gradients of the size of s; the logarithm is nearly linear over decades."""
    unit = 2 * law.point.s
    slope = unit * law.hessian[S]
    slope[S] += 2 * law.gradient[S]
    return _logarithm(unit * law.gradient[S], slope)


def soft(law: Law) -> tuple[float, NDArray]:
    """Ask for the chi of the left edge."""
    chi = law.point.chi
    slope = chi**2 * law.softness_slope
    slope[CHI] += 2 * chi * law.softness
    return _logarithm(chi**2 * law.softness, slope)


def _logarithm(missing: float, slope: NDArray) -> tuple[float, NDArray]:
    return -math.log1p(-missing), slope / (1 - missing)


def at_energy(energy: float) -> Equation:
    """Ask for an energy."""

    def equation(law: Law) -> tuple[float, NDArray]:
        unit = law.point.chi
        return unit * (law.gradient[X] + energy), unit * law.hessian[X]

    return equation


def no_complexity(law: Law) -> tuple[float, NDArray]:
    """Ask for a complexity that vanishes."""
    row = law.gradient - law.point.x * law.hessian[X]
    row[X] = -law.point.x * law.hessian[X, X]
    return law.complexity, row


System = dict[int, Equation]
"""An equation for each unknown argument; the others are given."""

GAPPED: System = {CHI: stationary(ETA), S: right_size, LAGRANGE: stationary(LAGRANGE)}
MARGINAL: System = {**GAPPED, ETA: soft}


@dataclass(frozen=True, eq=False)
class Solution:
    """A law that solves a system."""

    law: Law
    system: System

    @property
    def point(self) -> Point:
        """Its arguments."""
        return self.law.point

    def moved(self, index: int, value: float) -> Point:
        """Return where it goes, to first order, when an argument that is given changes."""
        unknowns, unit = list(self.system), units(self.point)
        rows = np.array([equation(self.law)[1] for equation in self.system.values()])
        shift = value - self.point[index]
        step = np.zeros(7)
        step[unknowns] = np.linalg.solve(
            rows[:, unknowns] * unit[unknowns], -shift * rows[:, index]
        )
        there = _moved(self.point, _shortened(step), unit)
        return there._replace(**{Point._fields[index]: value})


def solved(
    loss: Loss,
    start: Point,
    system: System,
    order: int,
    *,
    annealed: bool = False,
    within: float = math.inf,
) -> Solution:
    """Solve a system by Newton's method from a start nearby.

    Raises
    ------
    NoConvergenceError
        If no solution is found, or none within a distance, in natural units.
    UnresolvedError
        If the law becomes too sharp on the way.
    """
    unknowns = list(system)
    point, kept = start, _FAR
    nodes, laid = laid_out(loss, start, order), start
    best, waited = math.inf, 0
    for _ in range(_ITERATIONS):
        if _distance(point, laid) > kept:
            nodes, laid = laid_out(loss, point, order), point
        law = Law(loss, point, nodes, annealed=annealed)
        residuals, rows = zip(*(equation(law) for equation in system.values()), strict=True)
        size = np.abs(residuals).max()
        if size < _ACCURACY and (kept == _NEAR or laid == point):
            return Solution(law, system)
        kept = _NEAR if size < _CLOSE else _FAR
        # Once close, the residual rises again where nodes are laid out anew.
        forward = size < max(_PROGRESS * best, _CLOSE)
        best, waited = (size, 0) if forward else (best, waited + 1)
        unit = units(point)
        ends = point.eta > 0 and loss.curvature_floor * point.chi < -1
        if ends:
            # Where the support has an end, means depend on the logarithm of eta.
            unit[ETA] = point.eta
        jacobian = np.array(rows)[:, unknowns] * unit[unknowns]
        if waited == _PATIENCE or not np.all(np.isfinite(jacobian)):
            break
        step = np.zeros(7)
        step[unknowns] = np.linalg.solve(jacobian, np.negative(residuals))
        point = _moved(point, _shortened(step), unit)
        if _distance(point, start) > within or (ends and point.eta < _LEAST * point.chi):
            break
    raise NoConvergenceError(f"{loss}: no convergence near {point}")


def _shortened(step: NDArray) -> NDArray:
    return step / max(1.0, np.abs(step).max() / _LONGEST)


def _distance(here: Point, there: Point) -> float:
    return float(np.abs((np.array(here) - there) / units(there)).max())


def _moved(point: Point, step: NDArray, unit: NDArray) -> Point:
    # Positive ones by factors.
    values = np.array(point) + step * unit
    for index in (CHI, S, ALPHA):
        values[index] = point[index] * math.exp(step[index])
    if unit[ETA] == point.eta:
        values[ETA] = point.eta * math.exp(step[ETA])
    elif point.eta > 0 >= values[ETA] and step[ETA] < -_CAREFUL:
        values[ETA] = point.eta / 4
    return Point(*map(float, values))


_CAREFUL = 0.01
"""A longer step may not take eta through zero at once."""


def first_guess(loss: Loss, alpha: float) -> Point:
    """Close to the most numerous minima at zero overlap.

    Exact where alpha is large and the landscape Gaussian; elsewhere the response 1/(1 + chi |f|)
    stands for what minima do to the law of a random start.
    """
    law = initial(loss, alpha, order=6)
    size = np.abs(law.curvature)
    force = loss.derivative(law.y, law.yhat)

    def means(chi: float) -> tuple[float, float]:
        response = 1 / (1 + chi * size)
        return law.mean((size * response) ** 2), law.mean((force * response) ** 2)

    low = high = -math.log(law.mean(size) * math.sqrt(alpha))
    while alpha * math.exp(2 * high) * means(math.exp(high))[0] < 1:
        high += 1
    while alpha * math.exp(2 * low) * means(math.exp(low))[0] > 1:
        low -= 1
    for _ in range(8):
        middle = (low + high) / 2
        if alpha * math.exp(2 * middle) * means(math.exp(middle))[0] < 1:
            low = middle
        else:
            high = middle
    chi = math.exp(high)
    stiff, steep = means(chi)
    eta = chi * max(0.1, (stiff - steep) / (stiff + steep))
    return Point(chi, 1 / (alpha * steep), 0.0, 0.0, eta, 0.0, alpha)

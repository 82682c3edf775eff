"""Minima by overlap and energy: the most numerous, those of an energy, the lowest, the last."""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property

from prlib.losses import Loss
from prlib.measures.label_measure import LabelMeasure
from prlib.measures.landscape.law import OVERLAP, Point, X
from prlib.measures.landscape.solve import (
    GAPPED,
    MARGINAL,
    NoConvergenceError,
    Solution,
    System,
    at_energy,
    first_guess,
    no_complexity,
    solved,
)
from prlib.measures.quadrature import UnresolvedError

SEARCH, COARSE, FINE = 5, 6, 9
"""Orders of quadrature: to find a solution, to estimate the error, and to report it."""

_DEPTH = 5
_WITHIN = 1.5
_NEARLY = 1e-5
"""Quadrature of the search cannot tell an edge that lies left of zero by less than this."""


@dataclass(frozen=True, eq=False)
class Minima:
    """Minima of a kind, by two orders of quadrature: what they disagree on is not to be trusted."""

    fine: Solution
    coarse: Solution

    @property
    def point(self) -> Point:
        """Arguments of Phi."""
        return self.fine.point

    @cached_property
    def measure(self) -> LabelMeasure:
        """Law of labels and fields."""
        return label_measure(self.fine)

    @cached_property
    def rough(self) -> LabelMeasure:
        """The same by the coarser quadrature."""
        return label_measure(self.coarse)


def label_measure(found: Solution) -> LabelMeasure:
    """Law of labels and fields of a solution."""
    law, point = found.law, found.point
    nodes, weights = law.nodes, law.weights / law.weights.sum()
    floor = max(law.loss.curvature_floor, -1 / point.chi)
    return LabelMeasure(
        law.loss, point.alpha, nodes.y, nodes.y, nodes.yhat, weights, point.overlap, floor
    )


@dataclass(frozen=True)
class Search:
    """Finds minima of one loss at low order."""

    loss: Loss
    annealed: bool = False
    order: int = SEARCH

    def solve(self, start: Point, extra: System | None = None, within: float = _WITHIN) -> Solution:
        """Minima near a point: marginal ones, or with a gap where stability does not bind.

        Where the complexity is asked to vanish it does at both ends of the band: the lower is
        meant, at positive x.
        """
        extra = extra or {}
        gapped = start.eta == 0
        if gapped:
            try:
                return self._gapped(start, extra, within)
            except NoConvergenceError:
                start = start._replace(eta=0.01 * start.chi)
        try:
            found = self._solved(start, {**MARGINAL, **extra}, within)
        except NoConvergenceError:
            if gapped:
                raise
            return self._gapped(start, extra, within)
        return found if found.point.eta >= 0 else self._gapped(found.point, extra, within)

    def _gapped(self, start: Point, extra: System, within: float) -> Solution:
        found = self._solved(start._replace(eta=0.0), {**GAPPED, **extra}, within)
        chi = found.point.chi
        if self.loss.curvature_floor * chi < -1:
            # Where the support has an end stability binds, if by little: look once more.
            for share in (0.02, 1e-3):
                with suppress(UnresolvedError):
                    nearby = found.point._replace(eta=share * chi)
                    return self._solved(nearby, {**MARGINAL, **extra}, within)
        if found.law.softness * chi**2 < -_NEARLY:
            raise NoConvergenceError(f"{self.loss}: no minima near {start}")
        return found

    def _solved(self, start: Point, system: System, within: float) -> Solution:
        found = solved(self.loss, start, system, self.order, annealed=self.annealed, within=within)
        if system.get(X) is no_complexity and found.point.x <= 0:
            raise NoConvergenceError(f"{self.loss}: the upper end of the band")
        return found

    def minima(self, found: Solution, orders: tuple[int, int] = (COARSE, FINE)) -> Minima:
        """Solve the same at two better orders of quadrature."""
        for order in orders:
            found, coarse = (
                solved(
                    self.loss, found.point, found.system, order, annealed=self.annealed, within=1.0
                ),
                found,
            )
        return Minima(fine=found, coarse=coarse)

    def reach(
        self,
        near: Solution,
        here: float,
        there: float,
        attempt: Callable[[Solution, float], Solution],
        depth: int = _DEPTH,
    ) -> Solution:
        """Go from one value of what is given to another, in as few steps as Newton allows."""
        try:
            return attempt(near, there)
        except UnresolvedError:
            if depth == 0:
                raise
        middle = (here + there) / 2
        half = self.reach(near, here, middle, attempt, depth - 1)
        return self.reach(half, middle, there, attempt, depth - 1)

    def equator(self, alpha: float, depth: int = 3) -> Solution:
        """Find the most numerous minima at zero overlap."""
        try:
            return self.solve(first_guess(self.loss, alpha), within=math.inf)
        except UnresolvedError:
            if depth == 0:
                raise
        above = 2 * alpha

        def attempt(near: Solution, log_alpha: float) -> Solution:
            return self.solve(near.point._replace(alpha=math.exp(log_alpha)))

        start = self.equator(above, depth - 1)
        return self.reach(start, math.log(above), math.log(alpha), attempt)

    def at_overlap(self, near: Solution, overlap: float, depth: int = _DEPTH) -> Solution:
        """Find the most numerous minima at another overlap."""

        def attempt(near: Solution, overlap: float) -> Solution:
            return self.solve(near.moved(OVERLAP, overlap))

        return self.reach(near, near.point.overlap, overlap, attempt, depth)

    def at_energy(self, near: Solution, energy: float) -> Solution:
        """Minima of the same overlap at another energy."""

        def attempt(near: Solution, energy: float) -> Solution:
            return self.solve(near.point, {X: at_energy(energy)})

        return self.reach(near, near.law.energy, energy, attempt)

    def tilted(self, near: Solution, x: float) -> Solution:
        """Minima of the same overlap at which the complexity has another slope in the energy."""

        def attempt(near: Solution, x: float) -> Solution:
            return self.solve(near.moved(X, x))

        return self.reach(near, near.point.x, x, attempt)

    def lowest(self, most: Solution) -> Solution:
        """Find the lowest minima of the same overlap: their complexity vanishes."""
        here = most
        while here.law.complexity > 0:
            here = self.tilted(here, here.point.x + _STRIDE * here.point.s / here.point.chi)
        return self.solve(here.point, {X: no_complexity})

    def last(self, equator: Solution) -> Solution | None:
        """Minima of the largest overlap: their complexity vanishes; none if it never does."""
        here, overlap = equator, 0.0
        while here.law.complexity > 0:
            before, overlap = here, overlap + _STRIDE * (1 - overlap)
            if overlap > _LARGEST:
                return None
            here = self.at_overlap(before, overlap)
        return self.ending(before, here)

    def ending(self, before: Solution, beyond: Solution) -> Solution:
        """Find the overlap in between at which the complexity of the most numerous vanishes."""
        for _ in range(_BISECTIONS):
            low, high = before.law.complexity, beyond.law.complexity
            share = min(0.9, max(0.1, low / (low - high)))
            here, there = before.point.overlap, beyond.point.overlap
            try:
                found = self.solve(beyond.point, {OVERLAP: no_complexity})
                if here <= found.point.overlap <= there:
                    return found
            except UnresolvedError:
                pass
            middle = self.at_overlap(before, here + share * (there - here))
            before, beyond = (middle, beyond) if middle.law.complexity > 0 else (before, middle)
        raise NoConvergenceError(f"{self.loss}: no largest overlap near {beyond.point}")


_BISECTIONS = 8
_STRIDE = 0.2
_LARGEST = 0.999

"""Minima by overlap and energy: the most numerous, those of an energy, the lowest, the last."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from prlib.losses import Loss
from prlib.measures.label_measure import LabelMeasure
from prlib.measures.landscape.law import ETA, OVERLAP, X, Law, Point, UnresolvedError
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
from prlib.parameters import ParameterError

SEARCH, COARSE, FINE = 5, 6, 9
"""Orders of quadrature: to find a solution, to estimate the error, and to report it."""

_DEPTH = 5
_WITHIN = 1.5


@dataclass(frozen=True)
class Search:
    """Finds minima of one loss at low order."""

    loss: Loss
    annealed: bool = False
    order: int = SEARCH

    def solve(self, start: Point, extra: System | None = None, within: float = _WITHIN) -> Solution:
        """Minima near a point: marginal ones, or with a gap where stability does not bind."""
        extra = extra or {}
        options = {"annealed": self.annealed, "within": within}
        try:
            found = solved(self.loss, start, {**MARGINAL, **extra}, self.order, **options)
            if found.point.eta >= 0:
                return found
        except NoConvergenceError:
            found = None
        start = (found.point if found else start)._replace(eta=0.0)
        gapped = solved(self.loss, start, {**GAPPED, **extra}, self.order, **options)
        if gapped.law.softness < 0:
            raise NoConvergenceError(f"{self.loss}: no minima near {start}")
        return gapped

    def polished(self, found: Solution, order: int) -> Solution:
        """Solve the same at another order of quadrature."""
        return solved(
            self.loss, found.point, found.system, order, annealed=self.annealed, within=_WITHIN
        )

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
        """The most numerous minima at zero overlap."""
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

    def at_overlap(self, near: Solution, overlap: float) -> Solution:
        """The most numerous minima at another overlap."""

        def attempt(near: Solution, overlap: float) -> Solution:
            return self.solve(near.point._replace(overlap=overlap))

        return self.reach(near, near.point.overlap, overlap, attempt)

    def at_energy(self, near: Solution, energy: float) -> Solution:
        """Minima of the same overlap at another energy."""

        def attempt(near: Solution, energy: float) -> Solution:
            return self.solve(near.point, {X: at_energy(energy)})

        return self.reach(near, near.law.energy, energy, attempt)

    def tilted(self, near: Solution, x: float) -> Solution:
        """Minima of the same overlap at which the complexity has another slope in the energy."""

        def attempt(near: Solution, x: float) -> Solution:
            return self.solve(near.point._replace(x=x))

        return self.reach(near, near.point.x, x, attempt)

    def lowest(self, most: Solution) -> Solution:
        """The lowest minima of the same overlap: their complexity vanishes."""
        here = most
        while here.law.complexity > 0:
            here = self.tilted(here, here.point.x + _STRIDE * here.point.s / here.point.chi)
        return self.solve(here.point, {X: no_complexity})

    def last(self, equator: Solution) -> Solution | None:
        """Minima of the largest overlap: their complexity vanishes; none if it never does."""
        here, overlap = equator, 0.0
        while here.law.complexity > 0:
            overlap += _STRIDE * (1 - overlap)
            if overlap > _LARGEST:
                return None
            here = self.at_overlap(here, overlap)
        return self.solve(here.point, {OVERLAP: no_complexity})


_STRIDE = 0.2
_LARGEST = 0.999

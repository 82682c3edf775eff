"""All threshold states of a loss: one curve, followed once and remembered.

The saddle divided by marginality holds no alpha, and for every chi exactly one x solves it: the
curve is x(chi), and alpha = 1/marginality along it. It begins at chi = 0 and infinite alpha. As chi
rises alpha falls, until it turns back, the law becomes a needle, or alpha comes close to one.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import BarycentricInterpolator
from scipy.optimize import brentq, minimize_scalar, newton, root

from prlib.channels import NOISELESS, Channel
from prlib.losses import Loss
from prlib.measures.computable import HIGHEST_ALPHA
from prlib.measures.quadrature import UnresolvedError
from prlib.measures.random_start import initial
from prlib.measures.threshold_states.law import TiltedLaw, tilted_law

SEARCH, COARSE, FINE = 4, 7, 10
"""Orders of quadrature: to follow the branch, to estimate errors, and to report."""

LOWEST_ALPHA = 1.2
"""Least alpha followed: towards 1 the law turns into needles at the labels, chi into infinity."""

ACCURACY = 1e-11
"""Relative accuracy to which the equations are solved, part of every error estimate."""

_START = 20.0
"""About the alpha at which to begin: above most thresholds, and before any turn."""

_STRIDE = 0.14
"""Longest step in log chi towards small alpha."""

_GROWTH = 1.2
"""Factor from step to step towards large alpha, where everything is a power of chi."""

_STEEP, _NEAR = 0.05, 3e-3
"""Least slope of a condition along the branch at which Newton's method is trusted, and how far from
its guess: a turn is farther away than that."""

_SHARPEST, _FLATTEST = math.log(1e3), math.log(1e-6)
"""Range of log x/chi: beyond it the law is a needle around its labels, or the tilt is nothing."""


class BranchEndError(ValueError):
    """The branch of threshold states ends before the condition is met."""


class NeverMetError(BranchEndError):
    """The condition is met at no alpha, however large."""


@dataclass(frozen=True)
class Place:
    """A place on the branch at low order: what conditions may ask of it, as of a `TiltedLaw`."""

    log_chi: float
    log_ratio: float
    alpha: float
    stability: float


Condition = Callable[[Place | TiltedLaw], float]
"""A function of alpha and stability, negative towards chi = 0, where the wanted state is its root.
"""


class Branch:
    """The threshold states of one loss and channel; use `branch_of`, which remembers them.

    Attributes
    ----------
    end : {None, "turn", "needle", "low"}
        Why it is not followed further; None as long as it has not been followed to its end.
    """

    def __init__(self, loss: Loss, channel: Channel) -> None:
        self.loss, self.channel = loss, channel
        self.end: Literal["turn", "needle", "low"] | None = None
        start = _place(self._settled(_first_log_chi(loss, channel), 0.0, SEARCH, 1e-4))
        self._places = [start]
        self._after: float | None = None
        self._stride_up = self._finest = _STRIDE

    def laws(
        self, condition: Condition, orders: tuple[int, int] = (COARSE, FINE)
    ) -> tuple[TiltedLaw, TiltedLaw]:
        """Return the first state from chi = 0 at which a condition holds, at two orders.

        Raises
        ------
        BranchEndError
            If the branch ends first; `NeverMetError` if the condition is positive all along it.
        """
        index = self._bracket(condition)
        return self._newton(condition, index, orders) or tuple(
            self._nested(condition, index, order) for order in orders
        )

    def lowest_alpha(self) -> float:
        """Least alpha of the branch, at the best order; follows it to its end."""
        while self.end is None:
            self._extend_down()
        if self.end == "turn":
            return self._turn(FINE).alpha
        return self._places[-1].alpha

    def _bracket(self, condition: Condition) -> int:
        """Index of the first place at which the condition is met."""
        while condition(self._places[0]) >= 0:
            if self._places[0].alpha > HIGHEST_ALPHA:
                raise NeverMetError(
                    f"threshold states of {self.loss} do not meet this condition at any alpha"
                )
            self._extend_up()
        index = 1
        while True:
            while index >= len(self._places):
                if self.end is not None:
                    if self.end == "turn" and condition(self._turn(FINE)) >= 0:
                        return len(self._places)
                    raise BranchEndError(self._ending())
                self._extend_down()
            if condition(self._places[index]) >= 0:
                return index
            index += 1

    def _ending(self) -> str:
        # Rounded up, so that the number itself is accepted.
        alpha = f"{math.ceil(self.lowest_alpha() * 1e3 + 0.5) / 1e3:.3f}"
        if self.end == "turn":
            why = f"end at alpha = {alpha}, where two kinds of them merge; must be larger"
        elif self.end == "needle":
            why = (
                f"are followed down to alpha = {alpha}, where their law becomes a needle (x/chi = "
                f"{math.exp(_SHARPEST):g}); must be larger"
            )
        else:
            why = (
                f"are followed down to alpha = {LOWEST_ALPHA:g}; their energy vanishes towards "
                "alpha = 1, where N fields can fit as many labels"
            )
        return f"threshold states of {self.loss} {why}"

    def _extend_up(self) -> None:
        log_chi = self._places[0].log_chi - self._stride_up
        guess = _extrapolated(self._places[2::-1], log_chi)
        law = self._settled(log_chi, guess, SEARCH, 1e-4)
        self._places.insert(0, _place(law))
        self._stride_up *= _GROWTH

    def _extend_down(self) -> None:
        last = self._places[-1]
        if last.alpha < LOWEST_ALPHA:
            self.end = "low"
            return
        while True:
            log_chi = last.log_chi + min(self._finest, self._stride())
            try:
                here = self._followed(log_chi)
                break
            except UnresolvedError:
                self._finest /= 4
                if self._finest < _STRIDE / 1024:
                    self.end = "needle"
                    return
        if here.alpha < last.alpha:
            self._places.append(here)
            return
        self._after = log_chi
        try:
            self._turn(SEARCH)
            self.end = "turn"
        except UnresolvedError:
            self.end = "needle"

    def _stride(self) -> float:
        if len(self._places) < 3:
            return _STRIDE
        before, last = (
            (math.log(b.alpha / a.alpha) / (b.log_chi - a.log_chi), b.log_chi - a.log_chi)
            for a, b in zip(self._places[-3:-1], self._places[-2:], strict=True)
        )
        bend = (last[0] - before[0]) * _STRIDE / last[1]
        rise = self._places[-1].log_ratio - self._places[-2].log_ratio
        # Where alpha is about to turn, or the law to become a needle: tread carefully.
        careful = last[0] + 2 * bend > 0 or abs(rise) > 2 * last[1]
        return _STRIDE / 4 if careful else _STRIDE

    def _followed(self, log_chi: float) -> Place:
        last = self._places[-1]
        guess = _extrapolated(self._places[-3:], log_chi)
        here = _place(self._settled(log_chi, guess, SEARCH, 1e-4))
        # x/chi falls sevenfold in a step only if a needle was passed in between.
        if here.log_ratio < last.log_ratio - 2:
            raise UnresolvedError(f"{self.loss}: a needle before chi = {math.exp(log_chi):.6g}")
        return here

    @lru_cache(maxsize=8)  # noqa: B019 - branches are few and live as long as the program
    def _turn(self, order: int) -> TiltedLaw:
        """Law where alpha is least, at one order of quadrature."""
        near, laws = self._places[-2:], []

        def alpha(log_chi: float) -> float:
            guess = _extrapolated(near, log_chi)
            laws.append(self._settled(log_chi, guess, order, ACCURACY))
            return laws[-1].alpha

        bounds = near[0].log_chi, self._after
        minimize_scalar(alpha, bounds=bounds, method="bounded", options={"xatol": 1e-6})
        return min(laws, key=lambda law: law.alpha)

    def _newton(
        self, condition: Condition, index: int, orders: tuple[int, int]
    ) -> tuple[TiltedLaw, TiltedLaw] | None:
        """Solve both equations at once from between two places; None where that is not safe."""
        if index == len(self._places):
            return None
        guess = point = _crossing(self._places, index, condition)

        def residuals(point: NDArray, order: int) -> NDArray:
            law = self._law_at(*point, order)
            return np.array([law.saddle, condition(law)])

        found = []
        try:
            slopes = _slopes(lambda point: residuals(point, SEARCH), guess)
            (saddle_chi, saddle_ratio), (chi, ratio) = slopes
            # How fast the condition rises along the branch: slowly near a turn, beyond which
            # Newton's method may run to the other kind of state.
            if chi - ratio * saddle_chi / saddle_ratio < _STEEP:
                return None
            for order in orders:
                point = root(residuals, point, order, jac=lambda *_: slopes, tol=1e-13).x
                found.append(self._law_at(*point, order))
                left = max(abs(found[-1].saddle), abs(condition(found[-1])))
                if left > ACCURACY or abs(point[0] - guess[0]) > _NEAR:
                    return None
        except (UnresolvedError, np.linalg.LinAlgError):
            return None
        return tuple(found)

    def _nested(self, condition: Condition, index: int, order: int) -> TiltedLaw:
        """Follow the branch by brackets from before a place, or from before the turn."""
        nearby = self._places[max(0, index - 3) : index + 2]
        before_turn = index == len(self._places)
        low = self._places[index - 2 if before_turn else index - 1].log_chi
        high = low if before_turn else self._places[index].log_chi
        margin = (high - low) / 4
        ratio = _interpolant(nearby, "log_ratio")

        def along(log_chi: float) -> TiltedLaw:
            return self._settled(log_chi, float(ratio(log_chi)), order, ACCURACY)

        if before_turn or condition(along(high + margin)) < 0:
            self.lowest_alpha()
            turn = self._turn(order)
            if condition(turn) <= 0:
                return turn
            high, margin = math.log(turn.chi), 0.0
        bounds = low - margin, high + margin
        return along(brentq(lambda at: condition(along(at)), *bounds, xtol=1e-14, rtol=1e-13))

    def _law_at(self, log_chi: float, log_ratio: float, order: int) -> TiltedLaw:
        chi = math.exp(log_chi)
        return tilted_law(self.loss, chi, chi * math.exp(log_ratio), self.channel, order=order)

    def _settled(self, log_chi: float, guess: float, order: int, accuracy: float) -> TiltedLaw:
        """Law on the branch at this chi, from a guess of log x/chi."""
        seen: dict[float, TiltedLaw] = {}

        def law(log_ratio: float) -> TiltedLaw:
            if not _FLATTEST <= log_ratio <= _SHARPEST:
                raise UnresolvedError(
                    f"{self.loss}: no x solves the saddle at chi = {math.exp(log_chi):g}"
                )
            if log_ratio not in seen:
                seen[log_ratio] = self._law_at(log_chi, log_ratio, order)
            return seen[log_ratio]

        def saddle(log_ratio: float) -> float:
            return law(log_ratio).saddle

        # The saddle rises with x at its root; a step too long may leave what is followed, or find
        # a root at which it falls, near the end of a branch.
        with suppress(UnresolvedError, RuntimeError):
            place = newton(saddle, guess, x1=guess + 1e-3, tol=accuracy, maxiter=12)
            if abs(saddle(place)) < accuracy and (place - guess) * saddle(guess) <= 0:
                return law(place)
        return law(brentq(saddle, *_enclosed(saddle, guess), xtol=accuracy / 4, rtol=1e-14))


@lru_cache(maxsize=256)
def branch_of(loss: Loss, channel: Channel = NOISELESS) -> Branch:
    """Return the branch of a loss and channel, the same one every time."""
    return Branch(loss, channel)


def _place(law: TiltedLaw) -> Place:
    return Place(math.log(law.chi), math.log(law.x / law.chi), law.alpha, law.stability)


def _enclosed(rising: Callable[[float], float], guess: float) -> tuple[float, float]:
    guess = min(max(guess, _FLATTEST), _SHARPEST)
    sign, end = (1, _SHARPEST) if rising(guess) < 0 else (-1, _FLATTEST)
    previous, step = guess, 0.125
    while previous != end:
        here = guess + sign * step
        here = min(here, end) if sign > 0 else max(here, end)
        if sign * rising(here) >= 0:
            return min(previous, here), max(previous, here)
        previous, step = here, 2 * step
    raise UnresolvedError("no x solves the saddle point")


def _slopes(residuals: Callable[[NDArray], NDArray], point: NDArray) -> NDArray:
    base, small = residuals(point), 1e-4
    return np.array([(residuals(point + one) - base) / small for one in small * np.eye(2)]).T


def _interpolant(places: list[Place], name: str) -> BarycentricInterpolator:
    return BarycentricInterpolator(
        [place.log_chi for place in places], [getattr(place, name) for place in places]
    )


def _extrapolated(places: list[Place], log_chi: float) -> float:
    if len(places) == 1:
        return places[0].log_ratio
    if len(places) == 3:
        return float(_interpolant(places, "log_ratio")(log_chi))
    a, b = places
    slope = (b.log_ratio - a.log_ratio) / (b.log_chi - a.log_chi)
    return b.log_ratio + min(max(slope, -4.0), 4.0) * (log_chi - b.log_chi)


def _crossing(places: list[Place], index: int, condition: Condition) -> NDArray:
    nearby = places[max(0, index - 3) : index + 2]
    curve = BarycentricInterpolator([p.log_chi for p in nearby], [condition(p) for p in nearby])
    log_chi = brentq(curve, places[index - 1].log_chi, places[index].log_chi)
    return np.array([log_chi, _interpolant(nearby, "log_ratio")(log_chi)])


def _first_log_chi(loss: Loss, channel: Channel) -> float:
    """Return a log chi before anything turns: marginality at a random start lies close."""
    start = initial(loss, 1.0, channel, order=SEARCH)
    size = np.abs(start.curvature)

    def excess(log_chi: float) -> float:
        s = size * math.exp(log_chi)
        return math.log(_START * start.mean((s / (1 + s)) ** 2))

    low = high = -math.log(start.mean(size) * math.sqrt(_START))
    while excess(low) > 0:
        low -= 1
    while excess(high) < 0:
        high += 1
    near = brentq(excess, low, high, xtol=0.05) - 2 * _STRIDE
    # Nothing jumps, turns or sharpens before chi reaches -1 over the least curvature met.
    least = float(start.curvature.min())
    return (
        near
        if least >= 0 or loss.curvature_floor == -math.inf
        else min(near, math.log(-0.5 / least))
    )

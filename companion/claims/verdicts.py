"""The kinds of verdict: what an interval must do for a claim to hold, to fail, or to stay open."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import pandas as pd
from scipy.stats import norm
from scipy.stats import t as student

from prlib.sweeps import wilson

Verdict = Literal["PASS", "FAIL", "UNDERPOWERED", "OPEN", "REFUTED"]

LEVEL = 0.99
"""Coverage of the interval of a claim. An equality fails only if its interval leaves out what is
claimed and reaches further than what matters, so that one whose data suffice hardly fails by
chance: of a true claim seen with half the effect that matters, once in thousands of times."""

Z = 4.0
"""Standard errors that the farthest of many numbers of a check may lie from its prediction."""

TOO_FEW = "not enough evidence"
"""The quantity of a claim whose runs are too few to say anything."""

Interval = tuple[float, float]


@dataclass(frozen=True)
class Finding:
    """A number with its interval, and where the claim wants it.

    Attributes
    ----------
    number : float
        The estimate.
    ends : tuple of float
        Its interval at `LEVEL`; the number twice where it is exact.
    claimed : tuple of float
        Values that the claim allows.
    quantity : str
        What the number is.
    tolerant : bool
        Whether a value may miss `claimed` by less than the effect that matters, as for an equality.
    members : tuple of (str, Finding)
        What a joint finding was made of, by name.
    decided : Verdict, optional
        The verdict, whatever the interval.
    """

    number: float
    ends: Interval
    claimed: Interval
    quantity: str
    tolerant: bool = False
    members: tuple[tuple[str, Finding], ...] = ()
    decided: Verdict | None = None

    @property
    def verdict(self) -> Verdict:
        """The verdict if any difference matters."""
        return self.judged(None)

    def accepted(self, effect: float | None) -> Interval:
        """Return where the whole interval must lie."""
        widened = effect if self.tolerant and effect is not None else 0.0
        return self.claimed[0] - widened, self.claimed[1] + widened

    def judged(self, effect: float | None) -> Verdict:
        """Decide the claim, given the smallest effect that would matter.

        PASS: the whole interval is accepted, and half of it is less than the effect. FAIL: nothing
        in it is what is claimed, or it shows that an effect that matters is not there. Otherwise
        UNDERPOWERED. A joint finding passes if all of its members do, and fails if one does.
        """
        if self.decided:
            return self.decided
        if self.members:
            found = {member.judged(effect) for _, member in self.members}
            return next(one for one in ("FAIL", "UNDERPOWERED", "OPEN", "PASS") if one in found)
        low, high = self.ends
        middle = float(np.clip(sum(self.claimed) / 2, low, high))
        inside = [self.depth(x) for x in (low, middle, high)]
        matters = math.inf if effect is None else effect
        if self.tolerant:
            if min(inside) >= -(effect or 0.0):
                return "PASS"
            return "FAIL" if max(inside) < 0 else "UNDERPOWERED"
        if min(inside) > 0:
            return "PASS" if high - low < 2 * matters else "UNDERPOWERED"
        nothing = effect is not None and max(inside) < effect
        return "FAIL" if max(inside) < 0 or nothing else "UNDERPOWERED"

    def depth(self, x: float) -> float:
        """Return how far inside of what is claimed a value lies; negative outside."""
        first, last = self.claimed
        below = math.inf if first == -math.inf else x - first
        return min(below, math.inf if last == math.inf else last - x)

    def opened(self) -> Finding:
        """Return the same without a verdict."""
        return replace(self, decided="UNDERPOWERED")


def too_few() -> Finding:
    """Leave a claim open for lack of runs."""
    nothing = (math.nan, math.nan)
    return Finding(math.nan, nothing, nothing, TOO_FEW, decided="OPEN")


def within(number: float, low: float, high: float, quantity: str = "value") -> Finding:
    """Ask that an exact number lies in an interval; NaN does not.

    Examples
    --------
    >>> within(3.14159, 3.141, 3.142).verdict
    'PASS'
    """
    number, verdict = float(number), "PASS" if low <= number <= high else "FAIL"
    return Finding(number, (number, number), (float(low), float(high)), quantity, decided=verdict)


def errors_of(count: float, tests: int = 1) -> float:
    """Return half the interval of a mean, in standard errors estimated from so many instances.

    Parameters
    ----------
    count : float
        Instances: Student's law; infinite for an error that is known.
    tests : int
        Intervals of a family that must hold together (Bonferroni).

    Examples
    --------
    >>> round(errors_of(math.inf), 3), round(errors_of(10), 2), round(errors_of(math.inf, 5), 2)
    (2.576, 3.25, 3.09)
    """
    tail = (1 - coverage(tests)) / 2
    return float(student.isf(tail, count - 1) if math.isfinite(count) else norm.isf(tail))


def coverage(tests: int = 1) -> float:
    """Return the coverage of each interval of a family that holds together at `LEVEL`."""
    return 1 - (1 - LEVEL) / tests


def agrees(
    mean: float,
    error: float,
    expected: float,
    count: float,
    quantity: str = "mean",
    *,
    tests: int = 1,
) -> Finding:
    """Ask that a simulated mean is a predicted one, up to less than the effect that matters.

    Parameters
    ----------
    mean, error : float
        The estimate and its standard error.
    expected : float
        The prediction.
    count, tests
        See `errors_of`; OPEN of one instance.
    quantity : str
        What the mean is one of.

    Examples
    --------
    >>> [agrees(0.52, 0.01, 0.5, math.inf).judged(effect) for effect in (0.1, 0.03)]
    ['PASS', 'UNDERPOWERED']
    >>> agrees(0.52, math.nan, 0.5, 1).verdict
    'OPEN'
    """
    if count < 2 or not math.isfinite(error):
        return too_few()
    reach = errors_of(count, tests) * error
    ends = (float(mean - reach), float(mean + reach))
    return Finding(float(mean), ends, (float(expected),) * 2, quantity, tolerant=True)


def exceeds(number: float, ends: Interval, quantity: str = "difference") -> Finding:
    """Ask that a number with a given interval is positive.

    Examples
    --------
    >>> [exceeds(0.3, (0.1, 0.5)).judged(effect) for effect in (0.4, 0.1)]
    ['PASS', 'UNDERPOWERED']
    >>> exceeds(0.01, (-0.02, 0.04)).judged(0.1)
    'FAIL'
    """
    if not np.isfinite([number, *ends]).all():
        return too_few()
    return Finding(float(number), (float(ends[0]), float(ends[1])), (0.0, math.inf), quantity)


def rises(
    difference: float,
    error: float,
    count: float = math.inf,
    quantity: str = "difference",
    *,
    tests: int = 1,
) -> Finding:
    """Ask that a difference is positive; see `agrees` for its error and `exceeds` for verdicts.

    Examples
    --------
    >>> [rises(0.3, error).verdict for error in (0.1, 0.2, math.nan)]
    ['PASS', 'UNDERPOWERED', 'OPEN']
    """
    if count < 2 or not math.isfinite(error):
        return too_few()
    reach = errors_of(count, tests) * error
    return exceeds(difference, (difference - reach, difference + reach), quantity)


def rate_agrees(
    successes: int,
    trials: int,
    low: float,
    high: float,
    quantity: str = "recovered fraction",
    *,
    tests: int = 1,
) -> Finding:
    """Ask that a rate, by its Wilson interval, lies in a range, up to the effect that matters.

    Examples
    --------
    >>> [rate_agrees(hits, 100, 0.4, 0.6).judged(0.2) for hits in (50, 75, 90)]
    ['PASS', 'FAIL', 'FAIL']
    """
    if not trials or (low <= 0 and high >= 1):  # nothing could refute the range
        return too_few()
    ends = wilson(successes, trials, confidence=coverage(tests))
    return Finding(successes / trials, ends, (low, high), quantity, tolerant=True)


def jointly(members: Mapping[str, Finding]) -> Finding:
    """Decide a family as one claim: its number is that of the member nearest to failing.

    Parameters
    ----------
    members : mapping
        Findings by name, each with the interval of so many `tests`.

    Examples
    --------
    >>> family = {"N = 64": rises(0.3, 0.05, tests=2), "N = 256": rises(-0.4, 0.05, tests=2)}
    >>> jointly(family).number, jointly(family).judged(0.2)
    (-0.4, 'FAIL')
    """
    known = [one for one in members.values() if one.decided != "OPEN"]
    if not known:
        return too_few()
    worst = min(known, key=lambda one: min(one.depth(x) for x in one.ends))
    return replace(worst, members=tuple(members.items()))


def together(apart: pd.Series, freedom: pd.Series) -> tuple[dict, Finding]:
    """Ask that many differences, in joint errors of so many degrees of freedom, are none.

    Bonferroni's level holds however they depend on each other, and most of them do.
    """
    apart, tests = apart.abs(), len(apart)
    fields = {"count": tests, "beyond": int((apart > 1).sum())}
    if not tests:
        return fields, too_few()
    # NaN, where another run lacks a number, is a maximum of its own.
    reach = np.array([errors_of(1 + one, tests) for one in freedom])
    return fields, within((apart.to_numpy() / reach).max(), 0.0, 1.0, "half intervals")

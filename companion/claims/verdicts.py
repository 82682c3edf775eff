"""The kinds of verdict: what a number must do for a claim to hold, to fail, or to stay open."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from scipy.stats import norm
from scipy.stats import t as student

from prlib.sweeps import wilson

Verdict = Literal["PASS", "FAIL", "OPEN"]

Z = 4.0
"""Standard errors that an estimate may lie from its prediction. At four, a true prediction fails
once in 16,000 comparisons, so that a book of a hundred claims stays quiet when all hold."""

TOO_FEW = "not enough evidence"
"""The quantity of a claim whose runs are too few to say anything."""


@dataclass(frozen=True)
class Finding:
    """A number, the interval in which it is accepted, and what follows.

    Attributes
    ----------
    number, low, high : float
        The number and its interval.
    verdict : {"PASS", "FAIL", "OPEN"}
        OPEN where the evidence cannot tell.
    quantity : str
        What the number is.
    """

    number: float
    low: float
    high: float
    verdict: Verdict
    quantity: str

    def opened(self) -> Finding:
        """Return the same without a verdict."""
        return replace(self, verdict="OPEN")


def too_few() -> Finding:
    """Leave a claim open for lack of runs."""
    return Finding(math.nan, math.nan, math.nan, "OPEN", TOO_FEW)


def within(number: float, low: float, high: float, quantity: str = "value") -> Finding:
    """Ask that a number lies in an interval; NaN does not.

    Examples
    --------
    >>> within(3.14159, 3.141, 3.142).verdict
    'PASS'
    """
    verdict: Verdict = "PASS" if low <= number <= high else "FAIL"
    return Finding(float(number), float(low), float(high), verdict, quantity)


def agrees(
    mean: float, error: float, expected: float, count: float, quantity: str = "mean"
) -> Finding:
    """Ask that a simulated mean agrees with a prediction.

    Parameters
    ----------
    mean, error : float
        The estimate and its standard error.
    expected : float
        The prediction.
    count : float
        Instances that the error was estimated from: the interval is the quantile of Student's law
        that is as rare as `Z` standard errors are. Infinite for an error that is known.
    quantity : str
        What the mean is one of.

    Returns
    -------
    Finding
        Its interval is that of the means which would agree; OPEN without an error.

    Examples
    --------
    >>> agrees(0.52, 0.01, 0.5, math.inf).verdict, agrees(0.52, math.nan, 0.5, 1).verdict
    ('PASS', 'OPEN')
    """
    if count < 2 or not math.isfinite(error):
        return too_few()
    reach = errors_of(count) * error
    return within(mean, expected - reach, expected + reach, quantity)


def errors_of(count: float) -> float:
    """Return how many standard errors of `count` instances are as rare as `Z` known ones.

    Examples
    --------
    >>> round(errors_of(math.inf), 6), round(errors_of(10), 1)
    (4.0, 7.0)
    """
    return float(-student.ppf(norm.sf(Z), count - 1)) if math.isfinite(count) else Z


def rises(difference: float, error: float) -> Finding:
    """Ask that a difference of two means is positive, by at least two standard errors.

    Examples
    --------
    >>> [rises(0.3, error).verdict for error in (0.1, 0.2, math.nan)]
    ['PASS', 'OPEN', 'OPEN']
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = float(np.divide(difference, error))
    if math.isnan(ratio):
        return too_few()
    verdict: Verdict = "PASS" if ratio >= 2 else "FAIL" if ratio <= -2 else "OPEN"
    return Finding(ratio, 2.0, math.inf, verdict, "standard errors above zero")


def does_better(difference: float, p: float, quantity: str = "p of McNemar's test") -> Finding:
    """Ask that one of two paired rates is higher, by an exact test as rare as `Z` errors.

    Parameters
    ----------
    difference : float
        Of the rates.
    p : float
        Probability of a difference as large, or larger, if there were none.
    quantity : str
        What p is.

    Returns
    -------
    Finding
        Its number is p. FAIL if the other rate is higher; OPEN if neither is for sure.

    Examples
    --------
    >>> does_better(0.1, 1e-9).verdict
    'PASS'
    """
    level = float(2 * norm.sf(Z))
    verdict: Verdict = "PASS" if difference > 0 else "FAIL"
    found = Finding(float(p), 0.0, level, verdict, quantity)
    return found if p <= level else found.opened()


def rate_agrees(successes: int, trials: int, low: float, high: float) -> Finding:
    """Ask that a rate is compatible with a range, its Wilson interval at `Z` taken into account.

    Returns
    -------
    Finding
        Its interval is that of the rates, in so many trials, whose intervals meet the range; OPEN
        if all do.
    """
    counts = range(trials + 1)
    observed = [wilson(count, trials, confidence=2 * norm.cdf(Z) - 1) for count in counts]
    met = [
        count / trials
        for count in counts
        if observed[count][0] <= high and low <= observed[count][1]
    ]
    if len(met) == len(counts):
        # So few trials that nothing could refute the range.
        return too_few()
    low, high = min(met, default=math.nan), max(met, default=math.nan)
    return within(successes / trials, low, high, "recovered fraction")


def outweighs(gain: float, enough: float, quantity: str) -> Finding:
    """Ask that a gain is at least so large; OPEN where it is less in modulus."""
    verdict: Verdict = "PASS" if gain >= enough else "FAIL" if gain <= -enough else "OPEN"
    return Finding(float(gain), enough, math.inf, verdict, quantity)

"""Claims of the book: a statement, the number it rests on, and a verdict that can be FAIL."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from html import escape
from typing import Literal

import pandas as pd
from scipy.stats import norm

from companion.claims.typeset import digits, number, typeset
from prlib.sweeps.estimate import wilson

Verdict = Literal["PASS", "FAIL", "OPEN"]

Z = 4.0
"""Standard errors that an estimate may lie from its prediction. At four, a true prediction fails
once in 16,000 comparisons, so that a book of a hundred claims stays quiet when all hold."""


@dataclass(frozen=True)
class Claim:
    """One claim with its evidence.

    Attributes
    ----------
    id : str
        Stable name.
    statement : str
        What is claimed, in a sentence that holds any number of theory it rests on.
    number : float
        The number measured or computed.
    low, high : float
        The interval in which the number must lie.
    verdict : {"PASS", "FAIL", "OPEN"}
        Whether it does; OPEN where the evidence cannot tell.
    quantity : str
        What the number is.
    """

    id: str
    statement: str
    number: float
    low: float
    high: float
    verdict: Verdict
    quantity: str

    def __str__(self) -> str:
        """Return the verdict line: it holds on any machine, so it leaves the number out."""
        return f"{self.verdict}  {self.id}: {self.statement}"


def within(
    id_: str, statement: str, number: float, low: float, high: float, quantity: str = "value"
) -> Claim:
    """Claim that a number lies in an interval.

    Parameters
    ----------
    id_ : str
        Stable name.
    statement : str
        What is claimed.
    number : float
        The number.
    low, high : float
        The interval.
    quantity : str
        What the number is.

    Returns
    -------
    Claim
        PASS inside, FAIL outside and for NaN.

    Examples
    --------
    >>> print(within("pi", "three digits of pi", 3.14159, 3.141, 3.142))
    PASS  pi: three digits of pi
    """
    verdict: Verdict = "PASS" if low <= number <= high else "FAIL"
    return Claim(id_, statement, number, low, high, verdict, quantity)


def agrees(
    id_: str,
    statement: str,
    mean: float,
    standard_error: float,
    expected: float,
    quantity: str = "mean",
) -> Claim:
    """Claim that a simulated mean agrees with a predicted value, within `Z` standard errors.

    Parameters
    ----------
    id_ : str
        Stable name.
    statement : str
        What is claimed.
    mean, standard_error : float
        The estimate.
    expected : float
        The prediction.
    quantity : str
        What the mean is one of.

    Returns
    -------
    Claim
        Its interval is that of the means which would agree.

    Examples
    --------
    >>> agrees("coin", "heads half the time", 0.52, 0.01, 0.5).verdict
    'PASS'
    """
    reach = Z * standard_error
    return within(id_, statement, mean, expected - reach, expected + reach, quantity)


def rises(id_: str, statement: str, difference: float, error: float) -> Claim:
    """Claim that a difference of two means is positive, by at least two standard errors.

    Parameters
    ----------
    id_ : str
        Stable name.
    statement : str
        What is claimed.
    difference, error : float
        The difference and its standard error; the claim's number is their ratio.

    Returns
    -------
    Claim
        OPEN within two standard errors of zero: more replicas would tell.

    Examples
    --------
    >>> rises("smaller", "less than before", 0.3, 0.1).verdict
    'PASS'
    >>> rises("smaller", "less than before", 0.3, 0.2).verdict
    'OPEN'
    """
    ratio = float(difference / error)
    verdict: Verdict = "PASS" if ratio >= 2 else "FAIL" if ratio <= -2 else "OPEN"
    return Claim(id_, statement, ratio, 2.0, math.inf, verdict, "standard errors above zero")


def does_better(
    id_: str,
    statement: str,
    difference: float,
    p: float,
    quantity: str = "p of McNemar's test",
) -> Claim:
    """Claim that one of two paired rates is higher, by an exact test at the level of `Z` errors.

    Parameters
    ----------
    id_ : str
        Stable name.
    statement : str
        What is claimed.
    difference : float
        Of the rates.
    p : float
        Probability of a difference as large, or larger, if there were none.
    quantity : str
        What p is.

    Returns
    -------
    Claim
        Its number is p. FAIL if the other rate is higher; OPEN if neither is for sure.

    Examples
    --------
    >>> does_better("start", "a start helps", 0.1, 1e-9).verdict
    'PASS'
    """
    level = float(2 * norm.sf(Z))
    verdict: Verdict = "OPEN" if p > level else "PASS" if difference > 0 else "FAIL"
    return Claim(id_, statement, p, 0.0, level, verdict, quantity)


def error_of(low: float, high: float) -> float:
    """Return the standard error of which a 95 % interval is made.

    Parameters
    ----------
    low, high : float
        The interval.

    Returns
    -------
    float
        Its width over that of one error on each side.

    Examples
    --------
    >>> round(error_of(-1.96, 1.96), 4)
    1.0
    """
    return float((high - low) / (2 * norm.ppf(0.975)))


def rate_agrees(
    id_: str, statement: str, successes: int, trials: int, low: float, high: float
) -> Claim:
    """Claim that a rate is compatible with a range, its Wilson interval at `Z` taken into account.

    Parameters
    ----------
    id_ : str
        Stable name.
    statement : str
        What is claimed.
    successes, trials : int
        The counts.
    low, high : float
        The claimed range of the rate.

    Returns
    -------
    Claim
        FAIL if the interval of the observed rate misses the range. Its own interval is that of the
        rates, in so many trials, whose intervals do not.
    """
    counts = range(trials + 1)
    observed = [wilson(count, trials, confidence=2 * norm.cdf(Z) - 1) for count in counts]
    met = [
        count / trials
        for count in counts
        if observed[count][0] <= high and low <= observed[count][1]
    ]
    low, high = min(met, default=math.nan), max(met, default=math.nan)
    return within(id_, statement, successes / trials, low, high, "recovered fraction")


MIME = "application/vnd.companion.claims+json"
"""Under which a notebook keeps its claims, for `companion.verification`."""


@dataclass(frozen=True)
class Evidence:
    """Claims with the numbers they rest on: a table for a reader, a record for a program.

    Attributes
    ----------
    claims : tuple of Claim
        The claims.
    """

    claims: tuple[Claim, ...]

    def table(self) -> pd.DataFrame:
        """Tabulate the claims.

        Returns
        -------
        pandas.DataFrame
            One row a claim.
        """
        return pd.DataFrame(
            {
                "claim": claim.statement,
                "number": digits(claim.number),
                "which is": claim.quantity,
                "accepted": f"{digits(claim.low)} to {digits(claim.high)}",
                "verdict": claim.verdict,
            }
            for claim in self.claims
        ).set_index("claim")

    def _repr_mimebundle_(self, **_: object) -> dict[str, object]:
        # JSON has no infinity: an open end of an interval is null.
        records = [
            {
                key: None if isinstance(value, float) and not math.isfinite(value) else value
                for key, value in asdict(claim).items()
            }
            for claim in self.claims
        ]
        return {"text/html": self._html(), MIME: {"claims": records}}

    def _html(self) -> str:
        rows = [
            {
                "verdict": f'<span class="verdict {claim.verdict.lower()}">{claim.verdict}</span>',
                "claim": typeset(escape(claim.statement)),
                "number": number(claim.number),
                "which is": typeset(escape(claim.quantity)),
                "accepted": f"{number(claim.low)} to {number(claim.high)}",
            }
            for claim in self.claims
        ]
        return pd.DataFrame(rows).to_html(index=False, escape=False)


def evidence(claims: Iterable[Claim]) -> Evidence:
    """Show claims with the numbers they rest on.

    Parameters
    ----------
    claims : iterable of Claim
        The claims.

    Returns
    -------
    Evidence
        Displays itself in a notebook.

    Examples
    --------
    >>> evidence([within("pi", "three digits of pi", 3.14159, 3.141, 3.142)]).table()[
    ...     "verdict"
    ... ].iloc[0]
    'PASS'
    """
    return Evidence(tuple(claims))

"""What a sweep says: rates with intervals, paired differences, and where rates pass one half."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit
from scipy.stats import binomtest, norm

from prlib.parameters import ParameterError

INSTANCE = ("n", "alpha", "replica")
"""The columns that tell one instance of a sweep from another."""

COMPARED = ("pairs", "only_one", "only_other", "difference", "low", "high", "p")
"""What `paired` says of two runs of the same instances."""

GROUPS = ("loss", "n", "start", "alpha")
"""The columns that tell one rate from another, in any table."""

SETTINGS = ("time_limit", "hold", "scheme", "success", "dtype", "channel", "sensing")
"""Settings that tell rates apart where they vary."""

_PRIOR = 1e-4
"""Weight of a prior on slopes, in runs."""


def rates(
    table: pd.DataFrame, by: Sequence[str] | None = None, *, confidence: float = 0.95
) -> pd.DataFrame:
    """Recovered fraction of each group of runs, with its Wilson interval.

    Parameters
    ----------
    table : DataFrame
        Rows of a sweep; of observations, the last of each run counts.
    by : sequence of str, optional
        Columns that tell the groups apart; by default `GROUPS` and whichever of `SETTINGS` vary,
        so that a rate is of runs of one setting.

    Returns
    -------
    DataFrame
        The columns `by`, then runs, recovered, rate, low, high; one row a group.

    References
    ----------
    E. B. Wilson, J. Am. Stat. Assoc. 22, 209 (1927).

    Examples
    --------
    >>> table = pd.DataFrame({"alpha": [2.0] * 4, "recovered": [True, False, True, True]})
    >>> rates(table, by=["alpha"]).round(3).to_dict("records")
    [{'alpha': 2.0, 'runs': 4, 'recovered': 3, 'rate': 0.75, 'low': 0.301, 'high': 0.954}]
    """
    if "run" in table:
        table = table.drop_duplicates("run", keep="last")
    if by is None:
        by = [*GROUPS, *varying(table)]
    groups = table.groupby(list(by), sort=False, dropna=False)["recovered"]
    counts = groups.agg(runs="size", recovered="sum").reset_index()
    intervals = [
        wilson(k, n, confidence) for k, n in zip(counts["recovered"], counts["runs"], strict=True)
    ]
    return counts.assign(
        recovered=counts["recovered"].astype(int),
        rate=counts["recovered"] / counts["runs"],
        low=[low for low, _ in intervals],
        high=[high for _, high in intervals],
    )


def varying(table: pd.DataFrame) -> list[str]:
    """Return the settings that differ among the rows of a table."""
    return [name for name in SETTINGS if name in table and len(table[name].unique()) > 1]


def wilson(successes: int, trials: int, confidence: float = 0.95) -> tuple[float, float]:
    """Wilson interval of a rate, from counts.

    Examples
    --------
    >>> low, high = wilson(5, 10)
    >>> round(low, 3), round(high, 3)
    (0.237, 0.763)
    """
    interval = binomtest(int(successes), int(trials)).proportion_ci(confidence, method="wilson")
    return float(interval.low), float(interval.high)


def paired(
    table: pd.DataFrame,
    one: str,
    other: str,
    by: Sequence[str] = ("n", "alpha"),
    *,
    column: str = "start",
    confidence: float = 0.95,
) -> pd.DataFrame:
    """Difference of two recovered fractions on the same instances, with McNemar's exact test.

    Parameters
    ----------
    table : DataFrame
        Rows of a sweep.
    one, other : str
        The two values of `column` that are compared, as two starts.
    by : sequence of str
        Columns that tell the groups apart. Pairs are of one instance in any case: a group may
        pool several sizes or alphas.
    column : str
        What differs between the two runs of an instance.

    Returns
    -------
    DataFrame
        The columns `by`, then pairs, only_one, only_other (the instances that only one of the two
        recovers), difference (of rates, one less other), low, high (of it, after Agresti and Min)
        and p (that the two are equally good); one row a group, and none without a pair.

    References
    ----------
    Q. McNemar, Psychometrika 12, 153 (1947); A. Agresti & Y. Min, Stat. Med. 24, 729 (2005).

    Examples
    --------
    >>> table = pd.DataFrame(
    ...     {
    ...         "n": 8,
    ...         "alpha": 2.0,
    ...         "replica": [0, 1, 2, 0, 1, 2],
    ...         "start": ["x"] * 3 + ["y"] * 3,
    ...         "recovered": [True, True, False, False, True, False],
    ...     }
    ... )
    >>> paired(table, "x", "y")[["pairs", "only_one", "only_other", "p"]].to_dict("records")
    [{'pairs': 3, 'only_one': 1, 'only_other': 0, 'p': 1.0}]
    """
    key = list(dict.fromkeys([*by, *INSTANCE]))
    sides = [table[table[column] == value].set_index(key)["recovered"] for value in (one, other)]
    if not all(side.index.is_unique for side in sides):
        raise ParameterError(
            f"table: holds several runs of one instance and {column}; keep one of each "
            f"{', '.join(varying(table)) or 'seed'}, or name it in by"
        )
    both = pd.concat(sides, axis=1, keys=["one", "other"], join="inner").astype(bool)
    rows = []
    for group, found in both.groupby(list(by)):
        pairs = len(found)
        only_one = int((found["one"] & ~found["other"]).sum())
        only_other = int((found["other"] & ~found["one"]).sum())
        discordant = only_one + only_other
        # Half a run added to each of the four cells keeps the interval honest near the ends.
        centre = (only_one - only_other) / (pairs + 2)
        variance = (discordant + 1 - (only_one - only_other) ** 2 / (pairs + 2)) / (pairs + 2) ** 2
        reach = norm.ppf((1 + confidence) / 2) * np.sqrt(variance)
        rows.append(
            {
                **dict(zip(by, group, strict=True)),
                "pairs": pairs,
                "only_one": only_one,
                "only_other": only_other,
                "difference": (only_one - only_other) / pairs,
                "low": centre - reach,
                "high": centre + reach,
                "p": float(binomtest(only_one, discordant).pvalue) if discordant else 1.0,
            }
        )
    return pd.DataFrame(rows, columns=[*by, *COMPARED])


@dataclass(frozen=True)
class HalfPoint:
    r"""Where a recovered fraction passes one half, from a logistic fit in alpha.

    Attributes
    ----------
    alpha : float
        The place; NaN where the runs do not bracket it.
    slope : float
        Slope of the logit there; ``inf`` if one alpha separates all that recover from the rest.
    low, high : float
        Bootstrap interval of alpha; NaN if none was asked for.
    """

    alpha: float
    slope: float
    low: float
    high: float


def half_point(
    alpha: ArrayLike,
    recovered: ArrayLike,
    *,
    bootstrap: int = 0,
    rng: np.random.Generator | None = None,
    confidence: float = 0.95,
) -> HalfPoint:
    r"""Fit :math:`P = 1/(1 + e^{-s(\alpha - \alpha_{1/2})})` to runs by maximum likelihood.

    Parameters
    ----------
    alpha, recovered : array_like, shape (R,)
        Measurements per dimension of each run, and whether it recovered.
    bootstrap : int
        Resamplings of runs within each alpha for the interval; they need `rng`.

    Raises
    ------
    ValueError
        If a bootstrap is asked for without a generator.

    Examples
    --------
    >>> alpha = np.repeat([1.0, 2.0, 3.0], 100)
    >>> recovered = np.concatenate([np.arange(100) < k for k in (10, 50, 90)])
    >>> round(half_point(alpha, recovered).alpha, 6)
    2.0
    """
    values, inverse = np.unique(np.asarray(alpha, dtype=float), return_inverse=True)
    runs = np.bincount(inverse)
    successes = np.bincount(inverse, weights=np.asarray(recovered, dtype=float))
    if bootstrap and rng is None:
        raise ValueError("rng = None: must be a numpy.random.Generator for a bootstrap")
    # The best fit is first, and of its resamplings there may be none.
    draws = rng.binomial(runs, successes / runs, (bootstrap, len(runs))) if bootstrap else None
    successes = successes[None] if draws is None else np.vstack([successes, draws])
    (place, *places), (slope, *_) = logistic_halves(values, runs, successes)
    if not bootstrap:
        return HalfPoint(float(place), float(slope), float("nan"), float("nan"))
    tail = (1 - confidence) / 2
    # A resampling in which the rate never passes one half says nothing about the place: NaN.
    low, high = np.nanquantile(places, [tail, 1 - tail])
    return HalfPoint(float(place), float(slope), float(low), float(high))


def logistic_halves(
    alpha: ArrayLike, runs: ArrayLike, successes: ArrayLike
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    r"""Fit the curve of `half_point` to many tables of counts at once.

    Newton's method on the likelihood, with a prior on the slope so weak that it moves no place by a
    hundredth of its error: it keeps slopes finite where all runs but those of one alpha are apart.

    Parameters
    ----------
    alpha : array_like, shape (A,)
        Measurements per dimension, all different.
    runs, successes : array_like, shape (D, A), or (A,) for runs
        Counts of each table.

    Returns
    -------
    place, slope : ndarray, shape (D,)
        As in `HalfPoint`. NaN where no rate is below one half, or none above, and where it falls.
    """
    alpha = np.asarray(alpha, dtype=float)
    successes = np.asarray(successes, dtype=float)
    runs = np.broadcast_to(np.asarray(runs, dtype=float), successes.shape)
    some = runs > 0
    rate = np.divide(successes, runs, out=np.zeros_like(successes), where=some)
    none, every = some & (rate == 0), some & (rate == 1)
    last, first = np.where(none, alpha, -np.inf).max(1), np.where(every, alpha, np.inf).min(1)
    apart = np.all(none | every | ~some, axis=1) & (last < first)
    passes = np.any(some & (rate <= 0.5), axis=1) & np.any(some & (rate >= 0.5), axis=1)

    centre, width = alpha.mean(), np.ptp(alpha) or 1.0
    x = np.vstack([np.ones_like(alpha), (alpha - centre) / width])
    p = np.tile([0.0, 4.0], (len(successes), 1))
    for _ in range(40):
        mean = expit(np.clip(p @ x, -30, 30))
        pull = (runs * mean - successes) @ x.T + _PRIOR * p * [0, 1]
        bend = np.einsum("da,ia,ja->dij", runs * mean * (1 - mean), x, x) + _PRIOR * np.eye(2)
        step = np.linalg.solve(bend, pull[..., None])[..., 0]
        p -= np.clip(step, -2, 2)
        if np.abs(step).max() < 1e-10:
            break
    with np.errstate(divide="ignore", invalid="ignore"):
        places = np.where(apart, (last + first) / 2, centre - width * p[:, 0] / p[:, 1])
    slopes = np.where(apart, np.inf, p[:, 1] / width)
    told = (len(alpha) > 1) & passes & (slopes > 0)
    return np.where(told, places, np.nan), np.where(told, slopes, np.nan)

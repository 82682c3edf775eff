"""Where half the runs recover, size by size, and how it shifts."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from companion.analysis.intervals import error_of
from prlib.sweeps import half_point

REACH = 0.5
"""Distance in alpha from the half point within which runs are fitted: a logistic curve describes
the middle of a rise and not its tails."""

BOOTSTRAP = 400
"""Resamplings of a half point for its interval."""


def near_half(table: pd.DataFrame, reach: float = REACH) -> pd.DataFrame:
    """Keep the runs near the place where half of them recover.

    Returns
    -------
    pandas.DataFrame
        Of each start and size the runs within `reach` of where the recovered fraction, made to
        rise, passes one half on straight lines between the alphas; none where it does not.

    Examples
    --------
    >>> table = pd.DataFrame({"n": 8, "start": "random", "alpha": [1.0, 2.0, 3.0]})
    >>> table["recovered"] = [False, True, True]
    >>> near_half(table, reach=0.6)["alpha"].tolist()
    [1.0, 2.0]
    """
    kept = []
    for _, found in table.groupby(["start", "n"], sort=False):
        rate = found.groupby("alpha")["recovered"].mean().cummax()
        if rate.iloc[0] < 0.5 <= rate.iloc[-1]:
            after = int(np.argmax(rate.to_numpy() >= 0.5))
            ends = rate.iloc[after - 1 : after + 1]
            place = np.interp(0.5, ends.to_numpy(), ends.index.to_numpy())
            kept.append(found[(found["alpha"] - place).abs() <= reach])
    return pd.concat(kept, ignore_index=True) if kept else table.iloc[:0]


def half_points(table: pd.DataFrame, starts: Sequence[str], seed: int = 0) -> pd.DataFrame:
    """Find the half point of each start and size.

    Parameters
    ----------
    table : pandas.DataFrame
        Runs near the half points, from `near_half`.

    Returns
    -------
    pandas.DataFrame
        start, n, runs, half, low, high (95 % bootstrap interval), error, slope.
    """
    rows = []
    for start in starts:
        for n, found in table[table["start"] == start].groupby("n"):
            rng = np.random.default_rng([seed, n])
            fit = half_point(found["alpha"], found["recovered"], bootstrap=BOOTSTRAP, rng=rng)
            error = _spread(fit.low, fit.high)
            rows.append((start, n, len(found), fit.alpha, fit.low, fit.high, error, fit.slope))
    columns = ["start", "n", "runs", "half", "low", "high", "error", "slope"]
    return pd.DataFrame(rows, columns=columns)


def half_point_shifts(base: pd.DataFrame, changed: pd.DataFrame, seed: int) -> pd.DataFrame:
    """Find by how much a change of a setting moves the half point of each size.

    Parameters
    ----------
    base, changed : pandas.DataFrame
        Runs of one start before and after the change; those of the same instances are compared.
    seed : int
        Seed of the bootstrap, which takes both runs of an instance together.

    Returns
    -------
    pandas.DataFrame
        Per N: pairs, half (before), changed (after), shift, low and high (95 % interval of the
        shift), error.
    """
    keys = ["n", "alpha", "replica"]
    both = base.merge(changed, on=keys, suffixes=("_base", ""))
    rows = {}
    for n, found in both.groupby("n"):
        rng = np.random.default_rng([seed, n])
        before, after = _both(found)
        groups = found.groupby("alpha")
        drawn = np.array(
            [
                _both(groups.sample(frac=1, replace=True, random_state=rng))
                for _ in range(BOOTSTRAP // 2)
            ]
        )
        low, high = np.nanquantile(drawn[:, 1] - drawn[:, 0], [0.025, 0.975])
        rows[n] = {"pairs": len(found), "half": before, "changed": after, "shift": after - before}
        rows[n] |= {"low": low, "high": high, "error": _spread(low, high)}
    return pd.DataFrame(rows).T.astype({"pairs": int}).rename_axis("N")


def _spread(low: float, high: float) -> float:
    # One run an alpha is drawn again and again: its interval is no error.
    return error_of(low, high) if high > low else np.nan


def _both(found: pd.DataFrame) -> tuple[float, ...]:
    columns = ("recovered_base", "recovered")
    return tuple(half_point(found["alpha"], found[column]).alpha for column in columns)

"""Where half the runs recover, size by size, and how it shifts."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from companion.analysis.intervals import error_of
from prlib.sweeps import half_point, logistic_halves

REACH = 0.5
"""Distance in alpha from the half point within which runs are fitted: a logistic curve describes
the middle of a rise and not its tails."""

FIXED, GROWING = "the same at every N", "growing like log N"
"""Time limits of `under_limits`."""

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


@dataclass(frozen=True, eq=False)
class Halves:
    """Half points with copies from resampled instances, which keep what the points share.

    Attributes
    ----------
    best : pandas.Series
        Half points, by the names of their groups; n is the last.
    draws : pandas.DataFrame
        A copy a row, in the same columns.
    """

    best: pd.Series
    draws: pd.DataFrame

    def group(self, *names: str) -> Halves:
        """Return those of one group, by n; none if it has none."""
        kept = [name for name in self.best.index if name[:-1] == names]
        sizes = [name[-1] for name in kept]
        return Halves(self.best[kept].set_axis(sizes), self.draws[kept].set_axis(sizes, axis=1))

    def of(self, function: Callable[[pd.Series], float]) -> tuple[float, float]:
        """Return a function of the half points, with its standard error."""
        copies = np.array([function(draw) for _, draw in self.draws.iterrows()])
        spread = copies[np.isfinite(copies)]
        error = float(spread.std(ddof=1)) if len(spread) > len(copies) / 2 else math.nan
        return float(function(self.best)), error


def resampled_halves(table: pd.DataFrame, by: Sequence[str], seed: int = 0) -> Halves:
    """Find the half point of each group, and copies from instances drawn with replacement.

    Parameters
    ----------
    table : pandas.DataFrame
        Runs near the half points of their groups.
    by : sequence of str
        Columns that tell the groups apart, n among them. An instance is a replica of one n: the
        runs of all its alphas and groups are drawn together.
    seed : int
        Seed of the draws.
    """
    best, draws = {}, {}
    for n, found in table.groupby("n"):
        replicas = found["replica"].unique()
        rng = np.random.default_rng([seed, n])
        weights = rng.multinomial(len(replicas), [1 / len(replicas)] * len(replicas), BOOTSTRAP)
        if len(replicas) == 1:
            weights = 0 * weights  # drawn again and again it tells of no error
        weights = np.vstack([np.ones(len(replicas), dtype=int), weights])
        for name, runs in found.groupby(list(by)):
            grid = runs.pivot_table(index="replica", columns="alpha", values="recovered")
            grid = grid.reindex(replicas)
            alphas = grid.columns.to_numpy(dtype=float)
            counts = weights @ grid.notna().to_numpy(dtype=float)
            successes = weights @ grid.fillna(0.0).to_numpy(dtype=float)
            best[name], *draws[name] = logistic_halves(alphas, counts, successes)[0]
    return Halves(pd.Series(best), pd.DataFrame(draws))


def rise_weights(halves: Halves) -> pd.Series:
    """Return the weights with which half points, by n, sum to their rise per decade of N.

    That of the straight line in log N through them, by their errors.
    """
    log_n = np.log10(halves.best.index.to_numpy(dtype=float))
    weight = 1 / halves.draws.var().to_numpy()
    centred = log_n - np.average(log_n, weights=weight)
    return pd.Series(weight * centred / (weight @ centred**2), halves.best.index)


def rise(halves: Halves) -> tuple[float, float]:
    """Return the rise of half points per decade of N, with its error; NaN of a single size."""
    if len(halves.best) < 2:
        return math.nan, math.nan
    return halves.of(rise_weights(halves).dot)


def under_limits(table: pd.DataFrame, time: float) -> pd.DataFrame:
    """Count as recovered only what was by a limit: a fixed one, and one that grows like log N.

    Both are `time` at the smallest size. Returns the runs near their half points under either,
    with a column ``limit``: `FIXED` or `GROWING`.
    """
    growing = time * np.log(table["n"]) / np.log(table["n"].min())
    found = [
        near_half(table.assign(limit=name, recovered=table["recovered"] & (table["time"] <= limit)))
        for name, limit in ((FIXED, time), (GROWING, growing))
    ]
    return pd.concat(found, ignore_index=True)


def steepened(limited: Halves, start: str) -> tuple[float, float]:
    """Return by how much the rise per decade is larger under a fixed limit than a growing one.

    NaN where sizes span less than a decade: limits that grow like log N have hardly parted.
    """
    fixed, growing = (limited.group(limit, start) for limit in (FIXED, GROWING))
    sizes = fixed.best.index.intersection(growing.best.index)
    if len(sizes) < 2 or sizes.max() < 10 * sizes.min():
        return math.nan, math.nan
    weights = rise_weights(Halves(fixed.best[sizes], fixed.draws[sizes]))
    apart = Halves(fixed.best - growing.best, fixed.draws - growing.draws)
    return apart.of(lambda x: weights @ x[sizes])


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
        # Neither, only the latter, only the former, both: all that drawing pairs again can change.
        kind = 2 * found["recovered_base"].astype(int) + found["recovered"]
        kinds = pd.crosstab(found["alpha"], kind).reindex(columns=range(4), fill_value=0)
        counts, pairs = kinds.to_numpy(), kinds.sum(axis=1).to_numpy()
        rng = np.random.default_rng([seed, n])
        shares = counts / pairs[:, None]
        drawn = np.vstack([counts[None], rng.multinomial(pairs, shares, (BOOTSTRAP, len(pairs)))])
        before, after = (
            logistic_halves(kinds.index, pairs, drawn[..., recovered].sum(axis=-1))[0]
            for recovered in ([2, 3], [1, 3])
        )
        shift = after - before
        low, high = np.nanquantile(shift[1:], [0.025, 0.975])
        rows[n] = {"pairs": len(found), "half": before[0], "changed": after[0], "shift": shift[0]}
        rows[n] |= {"low": low, "high": high, "error": _spread(low, high)}
    columns = ["pairs", "half", "changed", "shift", "low", "high", "error"]
    return pd.DataFrame(rows, columns).T.astype({"pairs": int}).rename_axis("N")


def _spread(low: float, high: float) -> float:
    # One run an alpha is drawn again and again: its interval is no error.
    return error_of(low, high) if high > low else np.nan

"""What runs of the dynamical theory say: when the outlier goes, how V grows, what converged."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from prlib.transitions.time_dependent import crossings


def transition_times(theory: pd.DataFrame) -> pd.DataFrame:
    """Find when the outlier toward the signal appears and disappears.

    Parameters
    ----------
    theory : pandas.DataFrame
        Runs of the dynamical theory, from `prlib.sweeps.theory`.

    Returns
    -------
    pandas.DataFrame
        alpha, event (appears or disappears), t, error (standard error): a row an event.
    """
    rows = [
        (alpha, crossing.event, crossing.t, crossing.error)
        for alpha, run in theory.dropna(subset=["bbp"]).groupby("alpha")
        for crossing in crossings(tuple(run.itertuples()))
    ]
    return pd.DataFrame(rows, columns=["alpha", "event", "t", "error"])


def at_times(run: pd.DataFrame, column: str, times: ArrayLike) -> tuple[NDArray, NDArray]:
    """Read one run of the theory at times within it.

    Returns
    -------
    value, error : ndarray
        Between recorded times, which are close, linear in the logarithm of time.
    """
    run = run[run["t"] > 0]
    grid, at = np.log(run["t"]), np.log(times)
    return np.interp(at, grid, run[column]), np.interp(at, grid, run[f"{column}_error"])


def log_slope(lost: pd.DataFrame) -> tuple[float, float]:
    """Fit the slope of log t against alpha to times at which the outlier is lost.

    Parameters
    ----------
    lost : pandas.DataFrame
        alpha, t, error.

    Returns
    -------
    slope, error : float
        NaN where there are fewer than three alphas, or one that loses it twice.
    """
    if len(lost) < 3 or lost["alpha"].duplicated().any():
        return float("nan"), 1.0
    weights = lost["t"] / lost["error"]
    line, covariance = np.polyfit(lost["alpha"], np.log(lost["t"]), 1, w=weights, cov="unscaled")
    return float(line[0]), float(np.sqrt(covariance[0, 0]))


def border(theory: pd.DataFrame, times: NDArray) -> NDArray:
    """Return at each time the alpha at which the condition of the transition passes one.

    Returns
    -------
    ndarray
        On straight lines between the alphas; the first or last alpha where it does not pass.
    """
    alphas = np.array(sorted(theory["alpha"].unique()))
    condition = along(theory, times, "bbp")
    below = condition < 1
    # The last alpha without an outlier: sampling errors may put one with it further left.
    last = np.where(below.any(axis=0), len(alphas) - 1 - below[::-1].argmax(axis=0), -1)
    at, time = np.clip(last, 0, max(len(alphas) - 2, 0)), np.arange(condition.shape[1])
    above = np.minimum(at + 1, len(alphas) - 1)
    left, right = condition[at, time], condition[above, time]
    with np.errstate(divide="ignore", invalid="ignore"):
        place = alphas[at] + (1 - left) / (right - left) * (alphas[above] - alphas[at])
    place = np.where(last < 0, alphas[0], place)
    return np.where(last == len(alphas) - 1, alphas[-1], place)


def along(theory: pd.DataFrame, times: NDArray, column: str) -> NDArray:
    """Interpolate a column in time: one row an alpha, one column a time."""
    # A run that ends early has lost its outlier for good: transition_times says when.
    runs = (run.dropna(subset=[column]) for _, run in theory.groupby("alpha"))
    return np.array([np.interp(times, run["t"], run[column]) for run in runs])


def after_the_outlier(theory: pd.DataFrame, time: float) -> pd.DataFrame:
    """Find how much V grows before and after the outlier toward the signal is lost.

    Parameters
    ----------
    theory : pandas.DataFrame
        See `transition_times`.
    time : float
        Flow time until which to look.

    Returns
    -------
    pandas.DataFrame
        Per alpha: lost, lost_error (the time), before (V then), growth and error (logarithm of
        the factor from then on); a row where the outlier is lost by that time.
    """
    events = transition_times(theory)
    lost = events[(events["event"] == "disappears") & (events["t"] < time)]
    rows = []
    for event in lost.groupby("alpha").last().itertuples():
        run = theory[theory["alpha"] == event.Index]
        value, error = at_times(run, "variance", np.array([event.t, time]))
        growth = np.log(value[1] / value[0])
        slope = growth / np.log(time / event.t)
        spread = np.linalg.norm([*(error / value), slope * event.error / event.t])
        rows.append((event.Index, event.t, event.error, value[0], growth, spread))
    columns = ["alpha", "lost", "lost_error", "before", "growth", "error"]
    return pd.DataFrame(rows, columns=columns).set_index("alpha")


PRINTED = {
    "energy": "energy",
    "mu": "mu",
    "left_edge": "edge",
    "outlier": "outlier",
    "gap": "outlier less edge",
    "overlap2": "squared overlap",
    "bbp": "condition of the transition",
    "variance": "variance of the overlap, times N",
    "amplification": "amplification of the overlap",
}
"""What `repeated` compares, by column of the theory's table."""


def repeated(base: pd.DataFrame, again: pd.DataFrame, time: float) -> pd.DataFrame:
    """Compare the numbers of runs with those of the same alphas and other seeds.

    Parameters
    ----------
    base, again : pandas.DataFrame
        Runs of the dynamical theory.
    time : float
        At which to compare; and when the outlier comes and goes until then.

    Returns
    -------
    pandas.DataFrame
        A row a number: alpha and quantity are the index; value and error are those of the base,
        value_again and error_again those of the others, apart the difference in joint errors, and
        freedom the degrees of freedom of these. NaN where the others lack the number.
    """
    table = _numbers(base, time).join(_numbers(again, time).add_suffix("_again"))
    joint = np.hypot(table["error"], table["error_again"])
    apart = (table["value_again"] - table["value"]) / joint
    return table.assign(apart=apart, freedom=_freedom(table, base, again)).sort_index()


def _freedom(table: pd.DataFrame, base: pd.DataFrame, again: pd.DataFrame) -> pd.Series:
    """Degrees of freedom of the joint error of two runs, each known from its batches (Welch)."""
    squares = [
        (table[name] ** 2, runs["batches"].min() - 1)
        for name, runs in (("error", base), ("error_again", again))
    ]
    joint = sum(square for square, _ in squares)
    return joint**2 / sum(square**2 / free for square, free in squares)


def _numbers(theory: pd.DataFrame, time: float) -> pd.DataFrame:
    rows = {}
    for alpha, run in theory.groupby("alpha"):
        for column, quantity in PRINTED.items():
            if column not in run:
                continue
            (value,), (error,) = at_times(run, column, np.array([time]))
            if error > 0:
                rows[alpha, quantity] = (value, error)
    events = transition_times(theory)
    for row in events[events["t"] < time].itertuples():
        rows[row.alpha, f"time at which the outlier {row.event}"] = (row.t, row.error)
    index = pd.MultiIndex.from_tuples(rows, names=["alpha", "quantity"])
    return pd.DataFrame(rows.values(), index, ["value", "error"])


def log_growth(theory: pd.DataFrame, times: Sequence[float]) -> pd.DataFrame:
    """Read the logarithm of V at some times: value and standard error, by alpha and time."""
    rows = {}
    for alpha, run in theory.groupby("alpha"):
        value, error = at_times(run, "variance", np.asarray(times))
        for time, logarithm, spread in zip(times, np.log(value), error / value, strict=True):
            rows[alpha, time] = (logarithm, spread)
    index = pd.MultiIndex.from_tuples(rows, names=["alpha", "t"])
    return pd.DataFrame(rows.values(), index, ["value", "error"])


def growth_checked(
    theory: pd.DataFrame,
    again: pd.DataFrame,
    batches: tuple[pd.DataFrame, pd.DataFrame],
    steps: tuple[pd.DataFrame, pd.DataFrame],
    times: Sequence[float],
) -> pd.DataFrame:
    """Compare log V with that of other seeds, and say what batches and steps leave wrong in it.

    Parameters
    ----------
    theory, again : pandas.DataFrame
        Runs, and the same with other seeds.
    batches : tuple of DataFrame
        Runs in batches as large as those of `theory`, and in smaller ones.
    steps : tuple of DataFrame
        Runs with steps twice as long as those of `theory`, and with those, on the same paths.
    times : sequence of float
        When.

    Returns
    -------
    pandas.DataFrame
        By alpha and t: value and error; again, the difference, again_error, of both, and its
        degrees of freedom, again_freedom; batches,
        what larger ones would change, and batches_error; steps, what shorter ones would. NaN where
        there are no such runs.
    """
    first, second = log_growth(theory, times), log_growth(again, times)
    table = first.join(second.add_suffix("_again"))
    table["again"] = table.pop("value_again") - table["value"]
    table["again_error"] = np.hypot(table["error"], table["error_again"])
    table["again_freedom"] = _freedom(table, theory, again)
    # A mean over few sample paths enters the descent of those paths, so that a batch has a bias of
    # order one over its paths, which an average over batches keeps.
    large, small = (log_growth(runs, times) for runs in batches)
    ratio = batch_size(batches[0]) / batch_size(batches[1]) - 1
    table["batches"] = (large["value"] - small["value"]) / ratio
    table["batches_error"] = np.hypot(large["error"], small["error"]) / ratio
    # The scheme is of second order.
    long, short = (log_growth(runs, times)["value"] for runs in steps)
    table["steps"] = (short - long) / 3
    known = table[["again", "batches", "steps"]].notna().any(axis=1)
    return table[known].drop(columns="error_again")


def batch_size(theory: pd.DataFrame) -> float:
    """Sample paths of a batch."""
    return float((theory["paths"] / theory["batches"]).iloc[0])


def pooled(theory: pd.DataFrame) -> pd.DataFrame:
    """Average V over runs that differ in their seeds alone, which share their times.

    Returns
    -------
    pandas.DataFrame
        alpha, t, variance, variance_error, and the source of the runs if they have one.
    """
    kept = {"source": ("source", "first")} if "source" in theory else {}
    return theory.groupby(["alpha", "t"], as_index=False).agg(
        variance=("variance", "mean"),
        variance_error=("variance_error", lambda e: np.sqrt(np.square(e).sum()) / len(e)),
        **kept,
    )


def by_paths(theory: pd.DataFrame, time: float) -> pd.DataFrame:
    """Read V at a time for each number of paths and each local error of the steps.

    Returns
    -------
    pandas.DataFrame
        By alpha, tolerance and paths of a batch: runs, value and error of V, averaged over them.
    """
    rows = {}
    sized = theory.assign(size=theory["paths"] // theory["batches"])
    for key, found in sized.groupby(["alpha", "tolerance", "size"]):
        (value,), (error,) = at_times(pooled(found), "variance", np.array([time]))
        rows[key] = (found["seed"].nunique(), value, error)
    index = pd.MultiIndex.from_tuples(rows, names=["alpha", "tolerance", "paths"])
    return pd.DataFrame(rows.values(), index, ["runs", "value", "error"])


def most_paths(theory: pd.DataFrame, tolerance: float) -> pd.DataFrame:
    """Keep, of the runs with some local error, those of each alpha with the largest batches."""
    fine = theory[theory["tolerance"] == tolerance]
    size = fine["paths"] / fine["batches"]
    return fine[size == size.groupby(fine["alpha"]).transform("max")]

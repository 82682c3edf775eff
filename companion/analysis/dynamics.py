"""What runs of the dynamical theory say: when the outlier goes, how V grows, what converged."""

from __future__ import annotations

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
    "overlap2": "squared overlap",
    "bbp": "condition of the transition",
    "variance": "variance of the overlap, times N",
    "amplification": "amplification of the overlap",
}
"""What `convergence` compares, by column of the theory's table."""


def convergence(base: pd.DataFrame, finer: pd.DataFrame, more: pd.DataFrame) -> pd.DataFrame:
    """Compare the numbers at the end of a run with those of other steps and other paths.

    Parameters
    ----------
    base, finer, more : pandas.DataFrame
        Runs of the same alphas and times: one, the same with shorter steps, and one with more
        sample paths of another seed.

    Returns
    -------
    pandas.DataFrame
        A row a number: alpha and quantity are the index; value and error are those of the base,
        value_finer, value_more and error_more those of the others.
    """
    table = _last_numbers(base)
    for name, theory in (("finer", finer), ("more", more)):
        table = table.join(_last_numbers(theory).add_suffix(f"_{name}"))
    return table.drop(columns="error_finer").sort_index()


def _last_numbers(theory: pd.DataFrame) -> pd.DataFrame:
    rows = {}
    for alpha, run in theory.groupby("alpha"):
        last = run.iloc[-1]
        for column, quantity in PRINTED.items():
            if last[f"{column}_error"] > 0:
                rows[alpha, quantity] = (last[column], last[f"{column}_error"])
    for row in transition_times(theory).itertuples():
        rows[row.alpha, f"time at which the outlier {row.event}"] = (row.t, row.error)
    index = pd.MultiIndex.from_tuples(rows, names=["alpha", "quantity"])
    return pd.DataFrame(rows.values(), index, ["value", "error"])


def batch_bias(few: pd.DataFrame, many: pd.DataFrame) -> pd.DataFrame:
    """Compare N Var m at the end of runs with few and with many sample paths a batch.

    Returns
    -------
    pandas.DataFrame
        Per alpha: few, many, and bias, which is few / many - 1, each with its standard error.
    """
    rows = {}
    for name, theory in (("few", few), ("many", many)):
        last = theory.groupby("alpha").last()
        rows |= {name: last["variance"], f"{name}_error": last["variance_error"]}
    table = pd.DataFrame(rows)
    ratio = table["few"] / table["many"]
    relative = [table[f"{name}_error"] / table[name] for name in ("few", "many")]
    return table.assign(bias=ratio - 1, bias_error=ratio * np.hypot(*relative))

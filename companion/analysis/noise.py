"""Noisy labels: how long the early direction lasts, and how far descents get."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd

from companion.analysis.dynamics import at_times, transition_times
from companion.analysis.intervals import mean_interval
from prlib.channels import Channel
from prlib.transitions.state_evolution import message_passing_overlap


def sigma_of(channel: str) -> float:
    """Return the standard deviation of a channel's noise before the modulus; 0 without any.

    Examples
    --------
    >>> sigma_of("additive(sigma=0.3)"), sigma_of("noiseless")
    (0.3, 0.0)
    """
    return getattr(Channel.read(channel), "sigma", 0.0)


def lives(theory: pd.DataFrame) -> pd.DataFrame:
    """Find how long each loss keeps its early direction as noise grows.

    Parameters
    ----------
    theory : pandas.DataFrame
        Runs of the dynamical theory, one of each loss and channel; of each loss one without noise.

    Returns
    -------
    pandas.DataFrame
        A row a loss and noise: ``loss, alpha, sigma``; when the outlier goes for good, ``t`` and
        its standard ``error`` (0 if it is never there, infinite if it stays to the end); that over
        the time without noise, ``share`` and ``share_error``; N times the variance of the overlap
        by then, ``variance`` and ``variance_error``; ``batches``.
    """
    rows = [
        {"loss": loss, "alpha": run["alpha"].iloc[0], "sigma": sigma_of(channel)}
        | _life(run.sort_values("t"))
        | {"batches": run["batches"].min()}
        for (loss, channel), run in theory.groupby(["loss", "channel"], sort=False)
    ]
    found = pd.DataFrame(rows)
    clean = found[found["sigma"] == 0].set_index("loss")
    t, error = (found["loss"].map(clean[name]) for name in ("t", "error"))
    share = found["t"] / t
    relative = np.hypot(error / t, found["error"] / found["t"].where(found["t"] > 0, 1.0))
    # Without noise it is one by definition.
    relative = relative.where(found["sigma"] > 0, 0.0)
    return found.assign(share=share, share_error=share * relative)


def _life(run: pd.DataFrame) -> dict[str, float]:
    times = transition_times(run)
    gone = times[times["event"] == "disappears"]
    if len(gone) and gone["t"].max() == times["t"].max():
        t, error = gone.iloc[-1][["t", "error"]].astype(float)
    else:
        last = run.dropna(subset=["bbp"]).iloc[-1]
        t, error = (math.inf if last["bbp"] > 1 else 0.0), 0.0
    if not 0 < t < math.inf:
        variance = 1.0 if t == 0 else math.nan
        return {"t": t, "error": error, "variance": variance, "variance_error": 0.0}
    ends = np.clip([t - error, t, t + error], run.loc[run["t"] > 0, "t"].min(), run["t"].max())
    value, spread = at_times(run, "variance", ends)
    of_time = (value[2] - value[0]) / 2
    variance_error = float(np.hypot(of_time, spread[1]))
    return {"t": t, "error": error, "variance": value[1], "variance_error": variance_error}


def reached(table: pd.DataFrame) -> pd.DataFrame:
    """Find the overlaps that descents reach, beside what message passing reaches at large N.

    Returns
    -------
    pandas.DataFrame
        A row a loss, noise and alpha: ``loss, sigma, alpha``, the mean ``|m|`` with its 95 %
        interval (``mean, error, low, high, count``) and that of message passing, ``best``.
    """
    table = table.assign(sigma=table["channel"].map(sigma_of))
    found = mean_interval(table, ["loss", "sigma", "alpha"], "abs_overlap").reset_index()
    at = zip(found["alpha"], found["sigma"], strict=True)
    return found.assign(best=[math.sqrt(message_passing_overlap(*one)) for one in at])

"""Claims on recovery at finite size without simulation (notebook 10)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd

from companion.analysis.dynamics import after_the_outlier, at_times
from companion.analysis.finite_size import (
    Growth,
    constants,
    fitted_constant,
    predicted_halves,
    predicted_rate,
    small_fluctuations,
)
from companion.analysis.half_points import half_points, near_half
from companion.analysis.intervals import error_of
from companion.claims.claim import Row
from companion.claims.typeset import rounded
from companion.claims.verdicts import Finding, agrees, rate_agrees, rises, too_few
from prlib.sweeps import wilson

Found = Iterator[tuple[dict, Finding]]


def _drifts(table: pd.DataFrame, growth: Growth, seen: Sequence[int]) -> tuple[dict, Finding]:
    constant, error = fitted_constant(table, growth, seen)
    single = constants(table[~table["n"].isin(seen)], growth)
    fields = {"last": table["n"].max(), "seen": ", ".join(map(str, seen))}
    if single.empty:
        return fields, too_few()
    fields["last"], (other, spread) = single.index[-1], single.iloc[-1]
    return fields, rises(constant - other, float(np.hypot(error, spread)))


def _goes_on(theory: pd.DataFrame, growth: Growth) -> tuple[dict, Finding] | None:
    found = after_the_outlier(theory, growth.time)
    if found.empty:
        return None
    least = found.loc[(found["growth"] / found["error"]).idxmin()]
    return {"t": growth.time}, rises(least["growth"], least["error"])


def _variance(theory: pd.DataFrame, observed: pd.DataFrame) -> Found:
    for alpha, row in small_fluctuations(theory, observed).iterrows():
        joint = float(np.hypot(row["error"], row["variance_error"]))
        fields = {"alpha": alpha, "n": int(row["n"]), "t": row["time"]}
        yield fields, agrees(row["mean"], joint, row["variance"], row["count"])


def _half(table: pd.DataFrame, growth: Growth, seen: Sequence[int], seed: int) -> Found:
    unseen = near_half(table[~table["n"].isin(seen)])
    found = half_points(unseen, list(unseen["start"].unique()), seed)
    if found.empty:
        return
    constant = fitted_constant(table, growth, seen)
    predicted = predicted_halves(growth, constant, found["n"].to_numpy(), seed)
    for run, line in zip(found.itertuples(), predicted.itertuples(), strict=True):
        joint = float(np.hypot(run.error, error_of(line.low, line.high)))
        finding = agrees(run.half, joint, line.half, run.runs, "half point in alpha")
        yield {"n": run.n, "t": growth.time}, finding


def _prediction(growth: Growth, constant: tuple[float, float], unseen: pd.DataFrame) -> Found:
    for (n, alpha), found in unseen.groupby(["n", "alpha"]):
        _, low, high = predicted_rate(growth, constant, n, alpha)
        fields = {"n": n, "alpha": alpha, "t": growth.time}
        finding = rate_agrees(int(found["recovered"].sum()), len(found), low, high)
        yield fields, too_few() if np.isnan(low) else finding


CLAIMS = (
    Row(
        "finite-size-constant-falls",
        "strictly the constant c is none: at N = {last} it is below that of the sizes it was "
        "fitted to, N = {seen}",
        _drifts,
    ),
    Row(
        "finite-size-goes-on",
        "once the outlier is lost V goes on growing, at every alpha, until t = {t:g}",
        _goes_on,
    ),
    Row(
        "finite-size-variance-{alpha:g}",
        "at alpha = {alpha:g}, N = {n} and t = {t:g}, N times the mean square of the overlap is "
        "the V of theory",
        _variance,
    ),
    Row(
        "finite-size-half-{n}",
        "at N = {n}, which the constant has not seen, half the descents have recovered by t = "
        "{t:g} at the alpha that theory predicts",
        _half,
    ),
    Row(
        "finite-size-prediction-{n}-{alpha:g}",
        "at N = {n}, alpha = {alpha:g}, in no fit, descents recover by t = {t:g} at the rate that "
        "theory predicts",
        _prediction,
    ),
)
"""Evaluated on ``theory`` and its ``growth`` at a time; on the ``table`` of random starts by that
time, of which the ``constant`` was fitted to the sizes ``seen``; on runs ``observed`` along the way
and runs ``unseen``; and ``seed``, of the bootstrap."""


def growth_table(theory: pd.DataFrame, growth: Growth, early: Sequence[float]) -> pd.DataFrame:
    """Tabulate V when the outlier is lost and later, and the power of time as which it grows.

    Parameters
    ----------
    theory, growth
        Runs of the theory, and V at a late time.
    early : sequence of float
        Two earlier times; powers are those between one time and the next.

    Returns
    -------
    pandas.DataFrame
        Per alpha, in words, with standard errors.
    """
    lost = after_the_outlier(theory, growth.time)
    times = np.array([*early, growth.time])
    rows = []
    for alpha in growth.alphas:
        value, error = at_times(theory[theory["alpha"] == alpha], "variance", times)
        powers = np.diff(np.log(value)) / np.diff(np.log(times))
        relative = error / value
        spread = np.hypot(relative[:-1], relative[1:]) / np.diff(np.log(times))
        row = {"alpha": f"{alpha:g}", "outlier lost at t": "", "V then": ""}
        if alpha in lost.index:
            at = lost.loc[alpha]
            row["outlier lost at t"] = " ± ".join(rounded(at["lost"], at["lost_error"]))
            row["V then"] = f"{at['before']:.3g}"
        row[f"V at t = {growth.time:g}"] = " ± ".join(rounded(value[-1], error[-1]))
        for start, end, power, reach in zip(times, times[1:], powers, spread, strict=False):
            row[f"power, t = {start:g} to {end:g}"] = " ± ".join(rounded(power, reach))
        rows.append(row)
    return pd.DataFrame(rows).set_index("alpha")


def prediction_table(
    growth: Growth, constant: tuple[float, float], unseen: pd.DataFrame
) -> pd.DataFrame:
    """Tabulate predicted and simulated rates of sizes that no fit has seen, in words."""
    rows = []
    for (n, alpha), found in unseen.groupby(["n", "alpha"]):
        rate, low, high = predicted_rate(growth, constant, n, alpha)
        told = "no rate" if np.isnan(low) else f"{rate:.2f} ({low:.2f} to {high:.2f})"
        observed = wilson(int(found["recovered"].sum()), len(found))
        rows.append(
            {
                "N": n,
                "alpha": alpha,
                "predicted": told,
                "recovered": f"{found['recovered'].sum()} of {len(found)}",
                "95 % interval": f"{observed[0]:.2f} to {observed[1]:.2f}",
            }
        )
    return pd.DataFrame(rows).set_index(["N", "alpha"])

"""Claims on recovery at finite size without simulation (notebook 10)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from companion.analysis.dynamics import after_the_outlier, at_times
from companion.analysis.escape import escape_slope
from companion.analysis.finite_size import (
    Growth,
    fitted_constant,
    predicted_halves,
    predicted_rate,
    small_fluctuations,
)
from companion.analysis.half_points import half_points, near_half
from companion.analysis.intervals import error_of, weighted_fit, weighted_mean
from companion.claims.claim import Refuted, Row
from companion.claims.typeset import rounded
from companion.claims.verdicts import (
    Finding,
    Z,
    agrees,
    errors_of,
    jointly,
    rate_agrees,
    rises,
    together,
    too_few,
    within,
)
from prlib.sweeps import wilson


def _basin(compared: pd.DataFrame) -> Finding:
    known = compared.dropna()
    if known.empty:
        return too_few()
    # Sizes are independent; what theory expects of them rests on the same few seeds.
    difference, error = weighted_mean(known["constant"] - known["expected"], known["error"])
    joint = float(np.hypot(error, known["expected_error"].mean()))
    quantity = "constant less that of theory"
    return agrees(difference, joint, 0.0, known["seeds"].min(), quantity)


def _goes_on(theory: pd.DataFrame, growth: Growth) -> tuple[dict, Finding] | None:
    found = after_the_outlier(theory, growth.time)
    if found.empty:
        return None
    return {"t": growth.time}, jointly(
        {
            f"alpha = {alpha:g}": rises(
                row["growth"], row["error"], quantity="growth of log V", tests=len(found)
            )
            for alpha, row in found.iterrows()
        }
    )


def _variance(theory: pd.DataFrame, observed: pd.DataFrame) -> tuple[dict, Finding]:
    ratios = small_fluctuations(theory, observed)
    fields = {"n": int(observed["n"].iloc[0])}
    if ratios.empty:
        return fields, too_few()
    mean, error, count = ratios["ratio"].agg(["mean", "sem", "count"])
    return fields, agrees(mean, error, 1.0, count, "N m² over V")


def _half(
    table: pd.DataFrame, growth: Growth, seen: Sequence[int], seed: int
) -> tuple[dict, Finding]:
    unseen = near_half(table[~table["n"].isin(seen)])
    found = half_points(unseen, list(unseen["start"].unique()), seed)
    fields = {"n": ", ".join(map(str, found["n"])), "t": growth.time}
    if found.empty:
        return fields, too_few()
    constant = fitted_constant(table, growth, seen)
    return fields, halves_as_predicted(found, growth, constant, seed)


def halves_as_predicted(
    found: pd.DataFrame, growth: Growth, constant: tuple[float, float], seed: int
) -> Finding:
    """Ask that half points are those that theory predicts at their sizes, all of them jointly."""
    predicted = predicted_halves(growth, constant, found["n"].to_numpy(), seed)
    return jointly(
        {
            f"N = {run.n}": agrees(
                run.half - line.half,
                float(np.hypot(run.error, error_of(line.low, line.high))),
                0.0,
                np.inf,
                "half point less the predicted one",
                tests=len(found),
            )
            for run, line in zip(found.itertuples(), predicted.itertuples(), strict=True)
        }
    )


def _prediction(
    growth: Growth, constant: tuple[float, float], unseen: pd.DataFrame
) -> tuple[dict, Finding]:
    fields = {"n": " and ".join(map(str, sorted(unseen["n"].unique()))), "t": growth.time}
    cells = list(unseen.groupby(["n", "alpha"]))
    ranges = [predicted_rate(growth, constant, n, alpha)[1:] for (n, alpha), _ in cells]
    if np.isnan(ranges).any():
        return fields, too_few()
    low, high = np.average(ranges, axis=0, weights=[len(runs) for _, runs in cells])
    return fields, rate_agrees(int(unseen["recovered"].sum()), len(unseen), low, high)


def _escape(escapes: pd.DataFrame) -> Finding:
    slope, error = escape_slope(escapes)
    return agrees(slope, error, 1.0, np.inf, "slope of the median time against that of theory")


def _logarithm(escapes: pd.DataFrame) -> Finding:
    # The second difference in log N over the first: zero of a logarithm, p of a power N^p.
    table = escapes.assign(log=np.log(escapes.index.get_level_values("n")))
    found = []
    for _, rows in table.groupby("alpha"):
        if len(rows) < 4:
            continue
        design = np.vander(rows["log"] - rows["log"].mean(), 3)
        times, errors = rows[["time", "error"]].to_numpy(dtype=float).T
        (bend, slope, _), covariance = weighted_fit(design, times, errors)
        found.append((2 * bend / slope, 2 * covariance[0, 0] ** 0.5 / slope))
    if not found:
        return too_few()
    power, error = weighted_mean(*(pd.Series(column) for column in zip(*found, strict=True)))
    return agrees(power, error, 0.0, np.inf, "exponent of N")


def _farthest(moved: pd.Series, most: float, quantity: str) -> Finding:
    known = moved.abs().dropna()
    return within(known.max(), 0.0, most, quantity) if len(known) else too_few()


def _again(grown: pd.DataFrame) -> tuple[dict, Finding]:
    known = grown.dropna(subset=["again"])
    apart, freedom = known["again"] / known["again_error"], known["again_freedom"]
    reach = [errors_of(1 + one, len(known)) for one in freedom] * known["again_error"]
    fields, finding = together(apart, freedom)
    return fields | {"seen": reach.min() if len(reach) else 0.0}, finding


def _batches(grown: pd.DataFrame) -> Finding:
    known = grown.dropna(subset=["batches", "batches_error"])
    members = {}
    for (alpha, t), row in known.iterrows():
        bias, reach = (row[["batches", "batches_error"]] / row["error"]).abs()
        ends = max(bias - Z * reach, 0.0), bias + Z * reach
        found = Finding(bias, ends, (-np.inf, 1.0), "standard errors")
        members[f"alpha = {alpha:g}, t = {t:g}"] = found
    return jointly(members) if members else too_few()


CLAIMS = (
    Row(
        "finite-size-basin",
        "over all N the constant is that of theory: the overlap from which a descent of infinite "
        "size recovers in time, times what small overlaps grow by",
        _basin,
        effect=0.1,
    ),
    Row(
        "finite-size-goes-on",
        "once the outlier is lost V goes on growing, at every alpha, until t = {t:g}",
        _goes_on,
        effect=1.0,
    ),
    Row(
        "finite-size-variance",
        "at N = {n}, while it is small, N times the mean square of the overlap is the V of theory, "
        "over all alphas observed",
        _variance,
        effect=0.3,
    ),
    Row(
        "finite-size-half",
        "at N = {n}, which the constant has not seen, half the descents have recovered by t = "
        "{t:g} at the alpha that theory predicts",
        _half,
        effect=0.25,
    ),
    Row(
        "finite-size-prediction",
        "at N = {n}, in no fit, descents recover by t = {t:g} at the rate that theory predicts",
        _prediction,
        effect=0.25,
    ),
    Row(
        "escape-rate",
        "above alpha_BBP^TS the median time to recover rises with N as the time that V of theory "
        "takes to grow in proportion",
        _escape,
        effect=0.3,
        refuted=Refuted(
            "2026-11-26", "it rises faster than that, by the factor that is the number"
        ),
    ),
    Row(
        "escape-logarithm",
        "above alpha_BBP^TS the median time to recover rises like log N, and as no power of N",
        _logarithm,
        effect=0.3,
    ),
    Row(
        "growth-again",
        "other seeds give the same V: {beyond} of {count} differences of log V exceed one joint "
        "standard error, as one in three does by chance, and none its interval, which holds for "
        "all at once and would have shown {seen:.0%} of V where it is narrowest",
        _again,
        "check",
    ),
    Row(
        "growth-batches",
        "batches have enough paths: the bias that they leave in log V, in standard errors of a run",
        _batches,
        "check",
    ),
    Row(
        "growth-steps",
        "steps are short enough: shorter ones would change V, and the N at which half recover, by "
        "less than a tenth",
        lambda grown: _farthest(grown["steps"], 0.1, "change of log V"),
        "check",
    ),
)
"""Evaluated on ``theory`` and its ``growth`` at a time; on the ``table`` of random starts by that
time, of which the ``constant`` was fitted to the sizes ``seen``; on runs ``observed`` along the way
and runs ``unseen``; on ``escapes`` (`companion.analysis.escape.escape_times`) and what was found of
log V ``grown`` otherwise (`companion.analysis.dynamics.growth_checked`); and ``seed``, of the
bootstrap."""


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


def growth_check_table(grown: pd.DataFrame) -> pd.DataFrame:
    """Print what `companion.analysis.dynamics.growth_checked` found, in percent of V."""

    def percent(value: float, error: float = 0.0) -> str:
        if np.isnan(value):
            return ""
        return f"{100 * value:+.1f}" + (f" ± {100 * error:.1f}" if error else "")

    pairs = (("again", "again_error"), ("batches", "batches_error"))
    again, batches = ([percent(*row) for row in grown[[*pair]].to_numpy()] for pair in pairs)
    return pd.DataFrame(
        {
            "V": [f"{value:.4g}" for value in np.exp(grown["value"])],
            "standard error, %": [f"{100 * error:.1f}" for error in grown["error"]],
            "other seeds, %": again,
            "larger batches, %": batches,
            "shorter steps, %": [percent(value) for value in grown["steps"]],
        },
        grown.index,
    )


def escape_table(escapes: pd.DataFrame) -> pd.DataFrame:
    """Print the median times to recover and when theory expects V to be large enough."""
    times = zip(escapes["time"], escapes["error"], strict=True)
    return pd.DataFrame(
        {
            "runs": escapes["runs"],
            "median time": [" ± ".join(rounded(time, error)) for time, error in times],
            "V large enough at t": [f"{time:.2f}" for time in escapes["expected"]],
            "rate of log V then": [f"{rate:.2f}" for rate in escapes["rate"]],
        },
        escapes.index.set_names(["alpha", "N"]),
    )

"""Claims on recovery at finite size without simulation (notebook 10)."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence

import numpy as np
import pandas as pd

from companion.analysis.finite_size import Growth, fit_constant, half_point_at, recovery_probability
from companion.analysis.scaling import near_half
from companion.claims.claim import Claim, agrees, error_of, rate_agrees, rises
from companion.claims.finite_size_scaling import half_points
from companion.claims.time_dependent_bbp import at_times, transition_times
from companion.claims.typeset import rounded
from prlib.parameters import ParameterError
from prlib.sweeps import wilson

DRAWS = 200
"""Bootstrap copies behind each interval of a prediction."""


def by_time(table: pd.DataFrame, time: float) -> pd.DataFrame:
    """Count as recovered only the runs that had by a time.

    Parameters
    ----------
    table : pandas.DataFrame
        From `companion.ensembles.recovery`, with a limit no shorter.
    time : float
        Flow time.

    Returns
    -------
    pandas.DataFrame
        The same runs.
    """
    return table.assign(recovered=table["recovered"] & (table["time"] <= time))


def fitted_constant(
    table: pd.DataFrame, growth: Growth, seen: Sequence[int]
) -> tuple[float, float]:
    """Estimate the constant at small sizes, from the runs near their half points.

    Parameters
    ----------
    table : pandas.DataFrame
        Random starts, from `by_time`.
    growth : Growth
        V at that time.
    seen : sequence of int
        The sizes.

    Returns
    -------
    constant, error : float
        See `companion.analysis.finite_size.fit_constant`.
    """
    return fit_constant(near_half(table[table["n"].isin(seen)]), growth)


def predicted_halves(
    growth: Growth, constant: tuple[float, float], sizes: np.ndarray, seed: int = 0
) -> pd.DataFrame:
    """Predict half points with the errors of the theory's sampling and of its constant.

    Parameters
    ----------
    growth : Growth
        V against alpha.
    constant : tuple of float
        c and its standard error.
    sizes : array_like
        Dimensions.
    seed : int
        Seed of the bootstrap.

    Returns
    -------
    pandas.DataFrame
        n, half, low, high (95 %): NaN where the theory was not run.
    """
    rng = np.random.default_rng(seed)
    drawn = [
        half_point_at(sizes, growth.moved(rng), constant[0] + constant[1] * rng.standard_normal())
        for _ in range(DRAWS)
    ]
    low, high = np.nanpercentile(drawn, [2.5, 97.5], axis=0)
    half = half_point_at(sizes, growth, constant[0])
    return pd.DataFrame({"n": sizes, "half": half, "low": low, "high": high})


def simulated_halves(table: pd.DataFrame, seed: int) -> pd.DataFrame:
    """Find the half point of each size.

    Parameters
    ----------
    table : pandas.DataFrame
        One row a run: start, n, alpha, recovered; of one start.
    seed : int
        Seed of the bootstrap.

    Returns
    -------
    pandas.DataFrame
        See `companion.claims.finite_size_scaling.half_points`; the half point is called ``mean``.
    """
    starts = list(table["start"].unique())
    return half_points(near_half(table), starts, seed).rename(columns={"half": "mean"})


def finite_size_claims(
    theory: pd.DataFrame,
    growth: Growth,
    table: pd.DataFrame,
    seen: list[int],
    observed: pd.DataFrame,
    seed: int,
) -> list[Claim]:
    """Hold the theory of finite size against runs that its constant has not seen.

    Parameters
    ----------
    theory : pandas.DataFrame
        From `companion.ensembles.theory_runs`.
    growth : Growth
        V at the time by which runs of `table` count as recovered.
    table : pandas.DataFrame
        Random starts, from `by_time`.
    seen : list of int
        The sizes that the constant was fitted to.
    observed : pandas.DataFrame
        From `companion.ensembles.observations`, of random starts.
    seed : int
        Seed of the bootstrap.

    Returns
    -------
    list of Claim
        The constant, how fluctuations grow, and half points of sizes not seen.
    """
    constant = fitted_constant(table, growth, seen)
    single = constants_table(table, growth)
    last, other, error = single.index[-1], *single.iloc[-1]
    claims = [
        rises(
            "finite-size-constant-falls",
            f"strictly the constant c is none: at N = {last} it is below that of the sizes it was "
            f"fitted to, N = {', '.join(map(str, seen))}",
            constant[0] - other,
            float(np.hypot(constant[1], error)),
        ),
        *_goes_on(theory, growth.time),
    ]
    claims += _fluctuations(theory, observed)
    found = simulated_halves(table[~table["n"].isin(seen)], seed)
    predicted = predicted_halves(growth, constant, found["n"].to_numpy(), seed)
    for (_, run), (_, line) in zip(found.iterrows(), predicted.iterrows(), strict=True):
        errors = (error_of(one["low"], one["high"]) for one in (run, line))
        claims.append(
            agrees(
                f"finite-size-half-{run['n']:.0f}",
                f"at N = {run['n']:.0f}, which the constant has not seen, half the descents have "
                f"recovered by t = {growth.time:g} at the alpha that theory predicts",
                run["mean"],
                float(np.hypot(*errors)),
                float(line["half"]),
                "half point in alpha",
            )
        )
    return claims


def _goes_on(theory: pd.DataFrame, time: float) -> list[Claim]:
    found = after_the_outlier(theory, time)
    if found.empty:
        return []
    least = found.loc[(found["growth"] / found["error"]).idxmin()]
    return [
        rises(
            "finite-size-goes-on",
            f"once the outlier is lost V goes on growing, at every alpha, until t = {time:g}",
            least["growth"],
            least["error"],
        )
    ]


def after_the_outlier(theory: pd.DataFrame, time: float) -> pd.DataFrame:
    """Find how much V grows before and after the outlier toward the signal is lost.

    Parameters
    ----------
    theory : pandas.DataFrame
        From `companion.ensembles.theory_runs`.
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
        course = theory[theory["alpha"] == event.Index]
        value, error = at_times(course, "variance", np.array([event.t, time]))
        slope = np.log(value[1] / value[0]) / np.log(time / event.t)
        rows.append(
            {
                "alpha": event.Index,
                "lost": event.t,
                "lost_error": event.error,
                "before": value[0],
                "growth": np.log(value[1] / value[0]),
                "error": np.linalg.norm([*(error / value), slope * event.error / event.t]),
            }
        )
    columns = ["alpha", "lost", "lost_error", "before", "growth", "error"]
    return pd.DataFrame(rows, columns=columns).set_index("alpha")


def growth_table(theory: pd.DataFrame, growth: Growth, early: Sequence[float]) -> pd.DataFrame:
    """Tabulate V when the outlier is lost and later, and the power of time as which it grows.

    Parameters
    ----------
    theory : pandas.DataFrame
        From `companion.ensembles.theory_runs`.
    growth : Growth
        V at a late time.
    early : sequence of float
        Two earlier times; powers are those of the windows between the three.

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


def constants_table(table: pd.DataFrame, growth: Growth) -> pd.DataFrame:
    """Tabulate the constant that would fit the runs of a single size.

    Parameters
    ----------
    table : pandas.DataFrame
        Random starts, from `by_time`.
    growth : Growth
        V at that time.

    Returns
    -------
    pandas.DataFrame
        Per N with runs near its half point: c, its standard error.
    """
    rows = {}
    for n in sorted(table["n"].unique()):
        with contextlib.suppress(ParameterError):  # no alpha of this size is near its half point
            rows[n] = fitted_constant(table, growth, [n])
    return pd.DataFrame(rows, index=["c", "standard error"]).T.rename_axis("N")


def _fluctuations(theory: pd.DataFrame, observed: pd.DataFrame) -> list[Claim]:
    claims = []
    for alpha, rows in observed.groupby("alpha"):
        course = theory[theory["alpha"] == alpha]
        if course.empty:
            continue
        # The last observation at which V is far below N, so that the overlap is small.
        size = rows["n"].iloc[0]
        times = np.array(sorted(t for t in rows["time"].unique() if 0 < t <= course["t"].max()))
        value, error = at_times(course, "variance", times)
        last = int(np.flatnonzero(value < LINEAR * size)[-1])
        squares = size * rows.loc[rows["time"] == times[last], "abs_overlap"] ** 2
        claims.append(
            agrees(
                f"finite-size-variance-{alpha:g}",
                f"at alpha = {alpha:g}, N = {size} and t = {times[last]:g}, N times the mean "
                "square of the overlap is the V of theory",
                float(squares.mean()),
                float(np.hypot(squares.sem(), error[last])),
                float(value[last]),
            )
        )
    return claims


LINEAR = 0.05
"""V/N up to which the overlap counts as small."""


def prediction_claims(
    growth: Growth, constant: tuple[float, float], runs: pd.DataFrame
) -> list[Claim]:
    """Hold predicted rates of sizes that no fit has seen against new runs.

    Parameters
    ----------
    growth : Growth
        V at the time by which runs count as recovered.
    constant : tuple of float
        c and its standard error.
    runs : pandas.DataFrame
        Random starts, from `by_time`.

    Returns
    -------
    list of Claim
        One a size and alpha: FAIL if the interval of the observed rate misses that of the
        prediction.
    """
    claims = []
    for (n, alpha), found in runs.groupby(["n", "alpha"]):
        _, low, high = predicted_rate(growth, constant, n, alpha)
        claims.append(
            rate_agrees(
                f"finite-size-prediction-{n}-{alpha:g}",
                f"at N = {n}, alpha = {alpha:g}, in no fit, descents recover by t = "
                f"{growth.time:g} at the rate that theory predicts",
                int(found["recovered"].sum()),
                len(found),
                low,
                high,
            )
        )
    return claims


def prediction_table(
    growth: Growth, constant: tuple[float, float], runs: pd.DataFrame
) -> pd.DataFrame:
    """Tabulate predicted and simulated rates of sizes that no fit has seen.

    Parameters
    ----------
    growth, constant, runs
        See `prediction_claims`.

    Returns
    -------
    pandas.DataFrame
        Per size and alpha, in words.
    """
    rows = []
    for (n, alpha), found in runs.groupby(["n", "alpha"]):
        rate, low, high = predicted_rate(growth, constant, n, alpha)
        observed = wilson(int(found["recovered"].sum()), len(found))
        rows.append(
            {
                "N": n,
                "alpha": alpha,
                "predicted": f"{rate:.2f} ({low:.2f} to {high:.2f})",
                "recovered": f"{found['recovered'].sum()} of {len(found)}",
                "95 % interval": f"{observed[0]:.2f} to {observed[1]:.2f}",
            }
        )
    return pd.DataFrame(rows).set_index(["N", "alpha"])


def predicted_rate(
    growth: Growth, constant: tuple[float, float], n: int, alpha: float
) -> tuple[float, float, float]:
    """Predict a recovered fraction.

    Parameters
    ----------
    growth, constant
        See `prediction_claims`.
    n : int
        Dimension.
    alpha : float
        Measurements per dimension.

    Returns
    -------
    rate, low, high : float
        With the 95 % interval of the errors of V and c.
    """
    rng = np.random.default_rng(n)
    drawn = [
        recovery_probability(
            n, growth.moved(rng).variance(alpha), constant[0] + constant[1] * rng.standard_normal()
        )
        for _ in range(DRAWS)
    ]
    rate = recovery_probability(n, growth.variance(alpha), constant[0])
    return (float(rate), *map(float, np.percentile(drawn, [2.5, 97.5])))


def comparison_table(
    growth: Growth, constant: tuple[float, float], table: pd.DataFrame
) -> pd.DataFrame:
    """Tabulate predicted and simulated rates, cell by cell.

    Parameters
    ----------
    growth, constant
        See `prediction_claims`.
    table : pandas.DataFrame
        Random starts, from `by_time`.

    Returns
    -------
    pandas.DataFrame
        n, alpha, runs, rate, its 95 % Wilson interval, and the predicted rate.
    """
    rows = []
    for (n, alpha), runs in table.groupby(["n", "alpha"]):
        low, high = wilson(int(runs["recovered"].sum()), len(runs))
        rows.append(
            {
                "n": n,
                "alpha": alpha,
                "runs": len(runs),
                "mean": runs["recovered"].mean(),
                "low": low,
                "high": high,
                "predicted": float(recovery_probability(n, growth.variance(alpha), constant[0])),
            }
        )
    return pd.DataFrame(rows)

"""Claims on fast measurements and the sizes that they open (notebook 14)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from companion.analysis.basin import share_from
from companion.analysis.fast import biases, fitted_bias, halves_by_ratio, straight_on
from companion.analysis.finite_size import (
    Growth,
    predicted_halves,
    predicted_rate,
    recovery_probability,
)
from companion.analysis.half_points import half_points, near_half
from companion.analysis.intervals import weighted_mean
from companion.claims.claim import Refuted, Row
from companion.claims.finite_size_scaling import no_faster
from companion.claims.finite_size_theory import halves_as_predicted
from companion.claims.time_dependent_bbp import as_in_theory, seen_lost
from companion.claims.typeset import rounded
from companion.claims.verdicts import Finding, agrees, jointly, rate_agrees, rises, too_few
from companion.thresholds import DynamicalThreshold
from prlib.sweeps import wilson


def _edge(factor: tuple[float, float]) -> Finding:
    return agrees(*factor, 1.0, np.inf, "shift of the edge over that of theory")


def _bias(halves: pd.DataFrame, ratio: float) -> Finding:
    found = biases(halves)
    rows = found[(found["ratio"] == ratio) & np.isfinite(found["mean"])]
    if rows.empty:
        return too_few()
    mean, error = weighted_mean(rows["mean"], rows["error"])
    return agrees(mean, error, 0.0, np.inf, "half point less that of Gaussian rows")


def _limit(halves: pd.DataFrame) -> Finding:
    mean, error = fitted_bias(halves).loc["limit"]
    return agrees(mean, error, 0.0, np.inf, "what is left of the bias where L/N is infinite")


def _half(
    scaling: pd.DataFrame, growth: Growth, constant: tuple[float, float], seed: int
) -> tuple[dict, Finding]:
    found = half_points(near_half(scaling[scaling["start"] == "random"]), ["random"], seed)
    fields = {"n": ", ".join(map(str, found["n"])), "t": growth.time}
    if found.empty:
        return fields, too_few()
    return fields, halves_as_predicted(found, growth, constant, seed)


def _rate(
    single: pd.DataFrame, growth: Growth, constant: tuple[float, float]
) -> tuple[dict, Finding]:
    n, alpha = int(single["n"].iloc[0]), float(single["alpha"].iloc[0])
    fields = {"n": n, "alpha": alpha, "t": growth.time}
    _, low, high = predicted_rate(growth, constant, n, alpha)
    if np.isnan([low, high]).any():
        return fields, too_few()
    return fields, rate_agrees(int(single["recovered"].sum()), len(single), low, high)


def _held(held: pd.DataFrame) -> tuple[dict, Finding]:
    fast = np.isfinite(held["ratio"])
    found = held[fast & (held["error"] > 0)]
    line = straight_on(held[~fast], found["n"].to_numpy(float))
    fields = {"n": ", ".join(map(str, found["n"]))}
    if found.empty or line["error"].isna().any():
        return fields, too_few()
    members = {
        f"N = {run.n}": agrees(
            run.half - on.half,
            float(np.hypot(run.error, on.error)),
            0.0,
            np.inf,
            "half point less that of the line",
            tests=len(found),
        )
        for run, on in zip(found.itertuples(), line.itertuples(), strict=True)
    }
    return fields, jointly(members)


def _below_threshold(held: pd.DataFrame, threshold: DynamicalThreshold) -> tuple[dict, Finding]:
    found = held[held["error"] > 0].sort_values("n")
    if found.empty or not threshold.measured:
        return {"n": 0}, too_few()
    last = found.iloc[-1]
    error = float(np.hypot(last["error"], threshold.error))
    quantity = "dynamical threshold less half point"
    return {"n": int(last["n"])}, rises(threshold.alpha - last["half"], error, quantity=quantity)


CLAIMS = (
    Row(
        "million-edge",
        "with rows of fast transforms the edge of the start moves with N/L as that of a free sum "
        "of corners of orthogonal matrices",
        _edge,
        effect=0.35,
    ),
    Row(
        "million-bias",
        "at L/N = {ratio:g}, over the starts and sizes tried, half the descents recover at the "
        "alpha at which they do with Gaussian rows",
        _bias,
        effect=0.15,
    ),
    Row(
        "million-limit",
        "what fast transforms change of half points falls as N/L: nothing is left where L/N is "
        "infinite",
        _limit,
        effect=0.1,
    ),
    Row(
        "million-half",
        "at N = {n} half the random starts have recovered by t = {t:g} at the alpha that theory "
        "predicts, with the constant of Gaussian runs at small N",
        _half,
        effect=0.25,
    ),
    Row(
        "million-rate",
        "at N = {n} and alpha = {alpha:g} random starts recover by t = {t:g} at the rate that "
        "theory predicts",
        _rate,
        effect=0.25,
        refuted=Refuted(
            "2026-11-26",
            "more do, at the rate that is the number: so near the threshold V scatters from one "
            "draw of sampled paths to the next by far more than the batches of a draw tell",
        ),
    ),
    Row(
        "million-held",
        "at N = {n} the half points of constrained starts lie on the straight line in log N "
        "through those of Gaussian rows at smaller N",
        _held,
        effect=0.25,
    ),
    Row(
        "million-threshold",
        "at N = {n} the half point of constrained starts is still below the dynamical threshold",
        _below_threshold,
        effect=0.2,
    ),
    Row(
        "million-no-faster",
        "over all sizes, Gaussian rows at small ones and fast rows beyond, the half point of the "
        "random start rises no faster than log N: as a power of N that is not above zero",
        no_faster,
        effect=0.2,
    ),
    Row(
        "million-condition",
        "at N = {n_observed}, with fast rows extrapolated in N/L, the condition of the transition "
        "is that of theory in descents without the signal, at every alpha and time observed",
        as_in_theory,
        effect=0.02,
    ),
    Row(
        "million-lost",
        "at N = {n_observed} and alpha = {alpha_slow:g} the condition is above one at "
        "t = {first:g} and below it at t = {last:g}: the informative direction is lost in finite "
        "time",
        seen_lost,
        effect=0.03,
    ),
)


def bias_table(halves: pd.DataFrame, shifts: pd.DataFrame, overlaps: pd.DataFrame) -> pd.DataFrame:
    """Tabulate what each ratio changes, with standard errors.

    Parameters
    ----------
    halves, shifts
        From `halves_by_ratio` and `companion.analysis.fast.edge_shifts`.
    overlaps : pandas.DataFrame
        Squared overlap of the lowest eigenvector where there is an outlier, indexed by ratio:
        ``mean``, ``error``.
    """
    gaussian = overlaps.loc[np.inf]
    rows = {}
    found = biases(halves)
    for ratio, row in shifts.iterrows():
        apart = overlaps.loc[ratio, "mean"] - gaussian["mean"]
        error = float(np.hypot(overlaps.loc[ratio, "error"], gaussian["error"]))
        rows[f"{ratio:g}"] = {
            "edge, % of its depth": f"{100 * row['mean']:+.1f} ± {100 * row['error']:.1f}",
            "by theory": f"{100 * row['expected']:+.1f}",
            "squared overlap of v1": f"{apart:+.3f} ± {error:.3f}",
            **{
                f"half point, {one.start}, N = {one.n}": f"{one.mean:+.3f} ± {one.error:.3f}"
                for one in found[found["ratio"] == ratio].itertuples()
            },
        }
    return pd.DataFrame(rows).T.fillna("").rename_axis("L/N")


def half_points_table(
    runs: Sequence[pd.DataFrame], growth: Growth, constant: tuple[float, float], seed: int
) -> pd.DataFrame:
    """Tabulate half points of random starts, Gaussian and fast, beside those predicted."""
    halves = halves_by_ratio(pd.concat(runs), seed).query("start == 'random'")
    columns = {
        "Gaussian" if np.isinf(ratio) else f"L/N = {ratio:g}": pd.Series(
            {int(one.n): f"{one.half:.2f} ± {one.error:.2f}" for one in rows.itertuples()}
        )
        for ratio, rows in halves.groupby("ratio")
    }
    table = pd.DataFrame(columns).sort_index().fillna("")
    if table.empty:
        return table
    lines = predicted_halves(growth, constant, table.index.to_numpy(), seed)
    predicted = [f"{one.half:.2f} ({one.low:.2f} to {one.high:.2f})" for one in lines.itertuples()]
    return table.assign(predicted=predicted).rename_axis("N")


def paths_table(moved: pd.DataFrame, constant: tuple[float, float], n: int) -> pd.DataFrame:
    """Tabulate V by the paths of a batch and the steps, and the share that each expects at a size.

    Parameters
    ----------
    moved : pandas.DataFrame
        From `companion.analysis.dynamics.by_paths`.
    constant : tuple of float
        That of the prediction.
    n : int
        Dimension.
    """
    share = recovery_probability(n, moved["value"], constant[0])
    pairs = zip(moved["value"], moved["error"], strict=True)
    return pd.DataFrame(
        {
            "runs": moved["runs"].astype(int),
            "V": [" ± ".join(rounded(value, error)) for value, error in pairs],
            f"share at N = {n}": share.round(2),
        },
        moved.index.set_names(["alpha", "local error", "paths of a batch"]),
    )


def after_table(
    growth: Growth,
    constant: tuple[float, float],
    found: pd.DataFrame,
    spread: float,
    single: pd.DataFrame,
) -> pd.DataFrame:
    """Tabulate the share expected at one size as predicted, and by the overlap that decides.

    Parameters
    ----------
    growth, constant
        Of the prediction.
    found : pandas.DataFrame
        From `companion.analysis.basin.basins`: a row each draw of the theory's paths.
    spread : float
        V/A².
    single : pandas.DataFrame
        The runs.
    """
    n, alpha = int(single["n"].iloc[0]), float(single["alpha"].iloc[0])
    share, low, high = predicted_rate(growth, constant, n, alpha)
    told = {"constant": f"{constant[0]:.2f}", "share": f"{share:.2f} ({low:.2f} to {high:.2f})"}
    rows = {"as predicted": {"grown by": "", "overlap that decides": "", **told}}
    for draw, row in enumerate(found.itertuples(), 1):
        rows[f"draw {draw}"] = {
            "grown by": f"{row.growth:.0f}",
            "overlap that decides": f"{row.overlap:.4f}",
            "constant": f"{row.constant:.2f}",
            "share": f"{share_from(row.overlap, n, spread):.2f}",
        }
    observed = wilson(int(single["recovered"].sum()), len(single))
    rows["runs"] = {
        "share": f"{single['recovered'].mean():.2f} ({observed[0]:.2f} to {observed[1]:.2f})"
    }
    return pd.DataFrame(rows).T.fillna("")

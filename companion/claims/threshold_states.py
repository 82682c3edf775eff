"""Claims on threshold states (notebook 03)."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import pandas as pd

from companion.analysis.intervals import first_less_last, mean_interval
from companion.analysis.runs import last_observed, late_observed, relaxation
from companion.claims.claim import Row
from companion.claims.hessian_over_time import monotone
from companion.claims.verdicts import Finding, agrees, rises, within
from prlib.losses import Loss, takes_loss
from prlib.measures.threshold_states import solve_threshold_state
from prlib.transitions import alpha_threshold

Found = Iterator[tuple[dict, Finding]]


def _equator(rows: pd.DataFrame) -> Finding:
    return within(rows["abs_overlap"].max(), 0, 1e-9, "largest overlap")


def _largest(rows: pd.DataFrame) -> pd.DataFrame:
    return rows[rows["n"] == rows["n"].max()]


def _energy(loss: Loss, rows: pd.DataFrame) -> tuple[dict, Finding]:
    # Summed over alpha: with few runs the excess at one alpha is hardly larger than its error.
    excess, variance, settled = 0.0, 0.0, True
    for alpha, found in _largest(rows).groupby("alpha"):
        state, fit = solve_threshold_state(loss, alpha), relaxation(found, "energy")
        end = mean_interval(last_observed(found), "alpha", "energy").loc[alpha, "error"]
        excess += fit.limit - state.energy
        # Neither resampling few runs nor the spread at the end alone holds all of the error.
        variance += fit.error**2 + end**2
        settled &= bool(state.complexity < 0 and fit.resolved)
    alphas = ", ".join(f"{alpha:g}" for alpha in sorted(_largest(rows)["alpha"].unique()))
    found = rises(excess, float(np.sqrt(variance)))
    return {"alphas": alphas}, found if settled else found.opened()


def _edge_rises(rows: pd.DataFrame) -> Found:
    for alpha, found in _largest(rows).groupby("alpha"):
        ends = late_observed(found).groupby("replica")["edge"].agg(["first", "last"])
        nearer = ends["first"].abs() - ends["last"].abs()
        yield {"alpha": alpha}, rises(nearer.mean(), nearer.sem())


def _marginal(rows: pd.DataFrame) -> Found:
    for alpha, found in _largest(rows).groupby("alpha"):
        at = mean_interval(last_observed(found), "alpha", "edge").loc[alpha]
        finding = agrees(at["mean"], at["error"], 0.0, at["count"])
        # An edge below 0 may still rise; one above it is a state that is not marginal.
        below = finding.verdict == "FAIL" and at["mean"] < 0
        yield {"alpha": alpha}, finding.opened() if below else finding


def _eigenpair(column: str, own: str) -> Callable[[Loss, pd.DataFrame], Found]:
    def estimator(loss: Loss, rows: pd.DataFrame) -> Found:
        transition = alpha_threshold(loss).alpha
        for alpha, found in _largest(rows).groupby("alpha"):
            # Near the transition a finite size rounds the corner: compare where theory is sharp.
            if alpha > 1.1 * transition:
                end = last_observed(found)
                at = mean_interval(end.assign(excess=end[column] - end[own]), "alpha", "excess")
                mean, error, count = at.loc[alpha, ["mean", "error", "count"]]
                yield {"alpha": alpha}, agrees(mean, error, 0.0, count, "mean difference")

    return estimator


def _blind(loss: Loss, rows: pd.DataFrame) -> Found:
    smallest, largest = rows["n"].min(), rows["n"].max()
    end = last_observed(rows)
    for alpha in sorted(_largest(rows)["alpha"].unique()):
        if alpha < alpha_threshold(loss).alpha and smallest < largest:
            at = end[end["alpha"] == alpha]
            fields = {"alpha": alpha, "smallest": at["n"].min(), "largest": at["n"].max()}
            yield fields, rises(*first_less_last(at, "n", "overlap2"))


CLAIMS = (
    Row("threshold-equator", "no run ever has an overlap with the signal", _equator, "check"),
    Row("threshold-monotone", "no step of any run raised the energy", monotone, "check"),
    Row(
        "threshold-energy",
        "over alpha = {alphas} the energy relaxes to above that of 1RSB, whose complexity is "
        "negative there",
        _energy,
    ),
    Row(
        "threshold-edge-rises-{alpha:g}",
        "at alpha = {alpha:g} the edge of the bulk still comes nearer to 0 at late times",
        _edge_rises,
    ),
    Row(
        "threshold-edge-{alpha:g}",
        "at alpha = {alpha:g} the edge of the bulk is at 0 at the end of the runs",
        _marginal,
        effect=0.3,
    ),
    Row(
        "threshold-lowest-{alpha:g}",
        "at alpha = {alpha:g} the lowest eigenvalue is what theory makes of the state's own law",
        _eigenpair("lowest", "outlier"),
    ),
    Row(
        "threshold-overlap2-{alpha:g}",
        "at alpha = {alpha:g} the squared overlap of its eigenvector with the signal is what "
        "theory makes of the state's own law",
        _eigenpair("overlap2", "outlier_overlap2"),
    ),
    Row(
        "threshold-blind-{alpha:g}",
        "at alpha = {alpha:g}, below the transition, the overlap of the lowest eigenvector with "
        "the signal fades from N = {smallest} to N = {largest}",
        _blind,
    ),
)
"""Evaluated on ``loss`` and ``rows`` of `companion.ensembles.constrained_descents`."""


@takes_loss
def relaxation_table(loss: Loss, rows: pd.DataFrame) -> pd.DataFrame:
    """Tabulate how far simulation ends from one-step replica symmetry breaking.

    Returns
    -------
    pandas.DataFrame
        Per alpha, at the largest size: energy by theory, its complexity, the extrapolated energy
        with the interval of resampled runs, its excess over theory, and the exponent.
    """
    table = {}
    for alpha, found in _largest(rows).groupby("alpha"):
        state, fit = solve_threshold_state(loss, alpha), relaxation(found, "energy")
        low, high = fit.limit_interval
        slow, fast = fit.exponent_interval
        table[f"{alpha:g}"] = {
            "energy (1RSB)": f"{state.energy:.3g}",
            "complexity (1RSB)": f"{state.complexity:.2g}",
            "energy, extrapolated": f"{fit.limit:.3g} ({low:.3g} to {high:.3g})",
            "excess over 1RSB": f"{fit.limit / state.energy - 1:.0%}",
            "exponent": f"{fit.exponent:.2g} ({slow:.2g} to {fast:.2g})",
        }
    return pd.DataFrame(table).T.rename_axis("alpha")

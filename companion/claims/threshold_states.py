"""Claims on threshold states (notebook 03)."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pandas as pd

from companion.analysis.intervals import mean_interval
from companion.analysis.runs import last_observed
from companion.analysis.threshold import (
    EARLY,
    crossings,
    edge_exponents,
    edge_limit,
)
from companion.claims.claim import Row
from companion.claims.hessian_over_time import monotone
from companion.claims.verdicts import (
    Finding,
    agrees,
    errors_of,
    jointly,
    within,
)
from companion.thresholds import dynamical_threshold, plus_minus
from prlib.losses import Loss
from prlib.transitions import threshold_state

Found = Iterator[tuple[dict, Finding]]

PREDICTED = {"time": 100.0, "alpha": 4.07, "error": 0.03}
"""The crossing at a = 0.01 as it was predicted before the runs; see the spec of the long holds."""

EARLIER = {3.0: (0.296, 0.007, 0.69), 4.0: (0.548, 0.010, 0.98), 5.0: (0.937, 0.014, 1.19)}
"""Per alpha at a = 0.01, of eight descents of an independent code at N = 400, held to time 300:
energy per dimension, its error, and the condition of the transition, to `SUM_ERROR`."""

SUM_ERROR = 0.01


def _equator(holds: pd.DataFrame) -> tuple[dict, Finding]:
    told = {"most": EQUATOR_REACHED}
    return told, within(holds["abs_overlap"].max(), 0, EQUATOR_REACHED, "largest overlap")


EQUATOR_REACHED = 1e-4
"""Overlap that single precision may bring into a held descent."""


def _in_band(found: pd.DataFrame) -> tuple[dict, Finding]:
    def of(row: Any, tests: int) -> Finding:
        width = row.alpha_minima_low - row.alpha_minima
        place = (row.alpha - row.alpha_minima) / width
        reach = errors_of(max(row.count + 1, 2), tests) * row.error / width
        quantity = "place, 0 most numerous and 1 lowest"
        return Finding(place, (place - reach, place + reach), (0.0, 1.0), quantity)

    return _together(of, found[found["count"] > 1])


def _together(of: Callable[..., Finding], rows: pd.DataFrame) -> tuple[dict, Finding]:
    """Decide one claim for every a at once, of a finding for each row."""
    known = [row for row in rows.itertuples() if math.isfinite(row.error) and row.error > 0]
    members = {f"a = {row.a:g}": of(row, tests=len(known)) for row in known}
    return {}, jointly(members)


def _size(found: pd.DataFrame) -> tuple[dict, Finding]:
    def of(row: Any, tests: int) -> Finding:
        width = row.alpha_minima_low - row.alpha_minima
        quantity = f"rise in alpha from N = {row.smallest:g} to {row.largest:g}, over the band"
        shift = row.size / width, row.error / width
        return agrees(*shift, 0.0, row.count + 1, quantity, tests=tests)

    return _together(of, found.assign(error=found["size_error"]))


def _predicted(holds: pd.DataFrame) -> tuple[dict, Finding] | None:
    rows = _of_a(holds, 0.01)
    if PREDICTED["time"] not in set(rows["time"]) or not crossings(rows):
        return None
    at = crossings(rows)[-1]
    here = int(np.argmin(np.abs(at.times - PREDICTED["time"])))
    error = math.hypot(at.error[here], PREDICTED["error"])
    finding = agrees(at.alpha[here], error, PREDICTED["alpha"], at.count + 1, "alpha")
    return PREDICTED, finding


def _of_a(rows: pd.DataFrame, a: float) -> pd.DataFrame:
    return rows[rows["loss"] == f"normalized(a={a:g})"]


def _edge(holds: pd.DataFrame) -> tuple[dict, Finding]:
    limits = [(a, *edge_limit(rows)) for a, rows in holds.groupby("a")]
    table = pd.DataFrame(limits, columns=["a", "edge", "error", "count"])

    def of(row: Any, tests: int) -> Finding:
        quantity = "edge at infinite size"
        return agrees(row.edge, row.error, 0.0, row.count + 1, quantity, tests=tests)

    return _together(of, table)


def _power(holds: pd.DataFrame) -> tuple[dict, Finding]:
    bends = []
    for a, rows in holds.groupby("a"):
        fits = edge_exponents(rows)
        if not fits.empty:
            count = rows[rows["n"] == rows["n"].max()].groupby(["alpha", "replica"]).ngroups
            bends.append((a, *fits.loc["bend"], count))
    table = pd.DataFrame(bends, columns=["a", "bend", "error", "count"])

    def of(row: Any, tests: int) -> Finding:
        quantity = "rise of the exponent with time"
        return agrees(row.bend, row.error, 0.0, row.count, quantity, tests=tests)

    _, finding = _together(of, table)
    return {"until": EARLY}, finding


def _met(column: str) -> Callable[[pd.DataFrame], Found]:
    def estimator(far: pd.DataFrame) -> Found:
        end = last_observed(_of_a(far, 0.01))
        for alpha, at in end.groupby("alpha"):
            if alpha in EARLIER:
                energy, error, total = EARLIER[alpha]
                expected = energy if column == "energy" else total
                known = error if column == "energy" else SUM_ERROR
                mean, spread, count = mean_interval(at, "alpha", column).loc[
                    alpha, ["mean", "error", "count"]
                ]
                told = {"alpha": alpha, "expected": expected, "known": known}
                yield told, agrees(mean, math.hypot(spread, known), expected, count)

    return estimator


def _eigenpair(column: str, own: str) -> Callable[[Loss, pd.DataFrame], Found]:
    def estimator(loss: Loss, rows: pd.DataFrame) -> Found:
        late = dynamical_threshold(loss)
        for alpha, found in rows.groupby("alpha"):
            # Near the transition a finite size rounds the corner: compare where theory is sharp.
            if alpha > SHARP * late.alpha:
                end = last_observed(found)
                at = mean_interval(end.assign(excess=end[column] - end[own]), "alpha", "excess")
                mean, error, count = at.loc[alpha, ["mean", "error", "count"]]
                yield {"alpha": alpha}, agrees(mean, error, 0.0, count, "mean difference")

    return estimator


SHARP = 1.2
"""Alpha from which on the outlier of a finite size lies clear of the bulk, over its threshold."""


CLAIMS = (
    Row(
        "threshold-equator",
        "no held descent ever has an overlap with the signal beyond {most:g}",
        _equator,
        "check",
    ),
    Row(
        "threshold-monotone",
        "no step of any held descent raised the energy",
        monotone,
        "check",
        reads={"rows": "holds"},
    ),
    Row(
        "threshold-dynamical",
        "at every a the states of held descents turn unstable toward the signal at an alpha "
        "between those of the most numerous and of the lowest minima, and so before the alpha of "
        "1RSB",
        _in_band,
        effect=0.5,
    ),
    Row(
        "threshold-size",
        "at every a that alpha is the same at the two largest sizes",
        _size,
        effect=0.25,
    ),
    Row(
        "threshold-predicted",
        "at time {time:g} and a = 0.01 it is {alpha:g} to {error:g}, as predicted",
        _predicted,
        effect=0.15,
    ),
    Row(
        "threshold-energy-met-{alpha:g}",
        "at a = 0.01, alpha = {alpha:g} they end at the energy {expected:g} ± {known:g} of an "
        "independent code",
        _met("energy"),
        "check",
        effect=0.1,
    ),
    Row(
        "threshold-sum-met-{alpha:g}",
        "at a = 0.01, alpha = {alpha:g} they end at its condition of the transition, {expected:g} "
        "± {known:g}",
        _met("bbp"),
        "check",
        effect=0.1,
    ),
    Row(
        "threshold-edge",
        "at every a the edge of the bulk ends at 0, extrapolated to infinite size",
        _edge,
        effect=0.15,
    ),
    Row(
        "threshold-power",
        "at every a the edge rises to 0 as one power of time until {until:g}",
        _power,
        effect=0.4,
    ),
    Row(
        "threshold-lowest-{alpha:g}",
        "at alpha = {alpha:g} the lowest eigenvalue is what theory makes of the state's own law",
        _eigenpair("lowest", "outlier"),
        "check",
        effect=0.2,
    ),
    Row(
        "threshold-overlap2-{alpha:g}",
        "at alpha = {alpha:g} the squared overlap of its eigenvector with the signal is what "
        "theory makes of the state's own law",
        _eigenpair("overlap2", "outlier_overlap2"),
        "check",
        effect=0.1,
    ),
)
"""Evaluated on ``loss`` and ``rows`` of `companion.ensembles.constrained_descents`; on ``holds``,
descents of `companion.ensembles.observations` held to the end, and what
`companion.analysis.threshold.by_loss` makes of them (``found``); and on ``far``, such descents at
further alphas. All with ``a``."""


def threshold_table(found: pd.DataFrame) -> pd.DataFrame:
    """Tabulate thresholds at the states that descents reach: measured, of minima, of 1RSB.

    Of the states of 1RSB at its own threshold it shows the complexity, and ``mixing``, above which
    at 1 the assumption breaks down that different states have nothing in common.
    """
    states = {
        row.Index: threshold_state(row.Index, row.alpha_threshold) for row in found.itertuples()
    }
    table = {
        f"{row.a:g}": {
            "held descents": plus_minus(row.alpha, row.error),
            "sampling": f"{row.sampling:.3f}",
            "form in time": f"{row.form:.3f}",
            "most numerous minima": f"{row.alpha_minima:.3f}",
            "lowest minima": f"{row.alpha_minima_low:.3f}",
            "1RSB": f"{row.alpha_threshold:.3f}",
            "1RSB, standard errors away": f"{(row.alpha_threshold - row.alpha) / row.error:.0f}",
            "its complexity": f"{states[row.Index].complexity:.2g}",
            "its mixing": f"{states[row.Index].mixing:.3g}",
        }
        for row in found.itertuples()
    }
    return pd.DataFrame(table).T.rename_axis("a")

"""Claims on the landscape of minima (notebook 11)."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import numpy as np
import pandas as pd

from companion.analysis.intervals import mean_interval
from companion.analysis.minima import limits
from companion.claims.claim import Row
from companion.claims.verdicts import LEVEL, Finding, errors_of, jointly, too_few, within
from prlib.sweeps import wilson
from prlib.transitions import Thresholds

MOST = 0.98
"""Fraction of runs that counts as nearly all."""

DIGITS = 1e-4
"""Relative error of a slope by differences."""

Found = Iterator[tuple[dict, Finding]]


def _order(lines: Thresholds) -> Finding:
    alphas = [lines.alpha_minima, lines.alpha_minima_low, lines.alpha_threshold]
    return within(np.diff(alphas).min(), 0.0, np.inf, "least distance in alpha")


def _below(at: pd.DataFrame) -> Found:
    for row in at.itertuples():
        gap = row.energy_low - row.energy_1rsb
        yield {"alpha": row.alpha}, within(gap, 0.0, np.inf, "distance below the band")


def _absent(at: pd.DataFrame) -> Found:
    for row in at.itertuples():
        yield {"alpha": row.alpha}, within(row.complexity_1rsb, -np.inf, 0.0, "complexity")


def _slope(at: pd.DataFrame) -> Finding:
    error = np.abs(at["slope"] / at["x"] - 1).max()
    return within(error, 0.0, DIGITS, "largest relative difference")


def _share(found: pd.Series, quantity: str, tests: int = 1) -> Finding:
    """Ask that nearly all of some runs are so, by their count."""
    count, runs = int(found.sum()), len(found)
    ends = wilson(count, runs, 1 - (1 - LEVEL) / tests)
    return Finding(count / runs, ends, (MOST, math.inf), quantity)


def _stuck(found: pd.DataFrame, table: pd.DataFrame) -> tuple[dict, Finding]:
    random = table[(table["start"] == "random") & ~table["recovered"]]
    below = (random["abs_overlap"] < limits(random, found)).groupby(random["n"])
    members = {f"N = {n}": _share(rows, "fraction of them", below.ngroups) for n, rows in below}
    return {"most": MOST}, jointly(members)


def _released(found: pd.DataFrame, table: pd.DataFrame) -> tuple[dict, Finding]:
    rows = table[table["abs_start_overlap"] > limits(table, found)]
    told = {"most": MOST}
    return told, too_few() if rows.empty else _share(rows["recovered"], "recovered fraction")


def _inside(column: str) -> Callable[[pd.DataFrame, pd.DataFrame], Finding]:
    def estimator(found: pd.DataFrame, held: pd.DataFrame) -> Finding:
        end = held[held["time"] == held["time"].max()].merge(found, on="alpha")
        low, high, one = (end[f"{column}_{which}"] for which in ("low", "high", "1rsb"))
        # Instances differ more than alphas do: an instance counts once, with all its alphas.
        placed = end.assign(place=(end[column] - low) / (high - low), all=0)
        instances = placed.groupby(["all", "replica"])["place"].mean().reset_index()
        mean, error, count = mean_interval(instances, "all", "place").loc[
            0, ["mean", "error", "count"]
        ]
        if count < 2:
            return too_few()
        reach = errors_of(count) * error
        ends, quantity = (
            (mean - reach, mean + reach),
            "place, 0 where lowest, 1 where most numerous",
        )
        finding = Finding(mean, ends, (0.0, 1.0), quantity)
        # Errors that let 1RSB in as well cannot tell the two apart.
        apart = ((one - low) / (high - low)).mean() < -reach
        return finding if apart or finding.verdict == "FAIL" else finding.opened()

    return estimator


CLAIMS = (
    Row(
        "minima-order",
        "the most numerous minima turn unstable first in alpha, the lowest next, threshold states "
        "by 1RSB last",
        _order,
        "check",
    ),
    Row(
        "minima-1rsb-below-{alpha:g}",
        "at alpha = {alpha:g} the energy of threshold states by 1RSB lies below the band of minima",
        _below,
        "check",
    ),
    Row(
        "minima-1rsb-absent-{alpha:g}",
        "at alpha = {alpha:g} the complexity of minima at the energy of 1RSB is negative",
        _absent,
        "check",
    ),
    Row(
        "minima-slope",
        "the slope of the complexity in energy is x, the variable conjugate to it",
        _slope,
        "check",
    ),
    Row(
        "minima-stuck",
        "at every N at least {most:g} of the random starts that do not recover end at an overlap "
        "below that beyond which theory has no minimum",
        _stuck,
        effect=0.01,
    ),
    Row(
        "minima-released",
        "at least {most:g} of the descents that start beyond that overlap recover",
        _released,
        effect=0.01,
    ),
    Row(
        "minima-energy",
        "descents held at zero overlap end inside the band of energies, and not at that of 1RSB",
        _inside("energy"),
        effect=0.5,
    ),
    Row(
        "minima-instability",
        "the condition of the transition of descents held at zero overlap ends between that of the "
        "lowest and of the most numerous minima, and not at that of 1RSB",
        _inside("bbp"),
        effect=0.5,
    ),
)
"""Evaluated on ``lines``, the thresholds of the loss; ``found`` and ``at``, rows of
`companion.analysis.minima.minima` at all alphas and at some; ``table``, runs of
`companion.ensembles.recovery`; ``held``, of `companion.ensembles.observations`, held to the end."""

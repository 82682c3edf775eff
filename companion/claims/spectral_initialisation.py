"""Claims on the spectral start (notebook 05)."""

from __future__ import annotations

import math
from collections.abc import Callable

import pandas as pd

from companion.analysis.intervals import first_less_last
from companion.claims.claim import Row
from companion.claims.constrained_vs_random import better_at
from companion.claims.verdicts import Finding, does_better, rises, too_few, within
from prlib.losses import Loss
from prlib.sweeps import paired
from prlib.transitions import alpha_init

LITTLE = 0.05
"""Difference of recovered fractions that counts as none."""

SURE = 0.9999
"""Coverage of the interval that is held against it."""


def _pooled(one: str, other: str) -> Callable[[pd.DataFrame, float], Finding]:
    def estimator(table: pd.DataFrame, alpha: float) -> Finding:
        at = table[table["alpha"] == alpha]
        for found in paired(at, one, other, by=("alpha",)).itertuples():
            return does_better(found.difference, found.p)
        return too_few()

    return estimator


def _energy_alone(table: pd.DataFrame, alpha: float) -> tuple[dict, Finding]:
    at = table[table["alpha"] == alpha]
    told = {"little": LITTLE}
    for found in paired(at, "deflated", "orthogonal", by=("alpha",), confidence=SURE).itertuples():
        finding = within(found.high, -math.inf, LITTLE, "upper end of the difference")
        # An interval on both sides of it cannot tell.
        return told, finding if found.low > LITTLE or found.high <= LITTLE else finding.opened()
    return told, too_few()


def _fades(loss: Loss, table: pd.DataFrame, alpha: float) -> Finding | None:
    if alpha >= alpha_init(loss).alpha:
        return None
    at = table[(table["start"] == "spectral") & (table["alpha"] == alpha)]
    if at["n"].nunique() < 2:
        return too_few()
    squares = at.assign(square=at["abs_start_overlap"] ** 2)
    return rises(*first_less_last(squares, "n", "square"))


CLAIMS = (
    Row(
        "spectral-helps",
        "at alpha = {alpha:g} more descents recover from v1 than from the random point, over all N",
        _pooled("spectral", "random"),
    ),
    Row(
        "spectral-overlap-counts",
        "at alpha = {alpha:g} more descents recover from v1 than from v1 without its signal "
        "component, over all N",
        _pooled("spectral", "deflated"),
    ),
    Row(
        "spectral-optimal",
        "at alpha = {alpha:g} more descents recover from the optimal spectral start than from v1, "
        "over all N",
        _pooled("optimal", "spectral"),
    ),
    Row(
        "spectral-energy-alone",
        "at alpha = {alpha:g} v1 without its signal component is no better a start than the random "
        "point without its own, by more than {little:g}",
        _energy_alone,
    ),
    Row(
        "spectral-overlap-fades",
        "at alpha = {alpha:g}, below the transition, the squared overlap of v1 fades with N",
        _fades,
    ),
    Row(
        "paper-spectral-{n}",
        "at alpha = {alpha:g}, N = {n} the spectral start recovers more signals than the random "
        "one",
        better_at("spectral", "random"),
    ),
)
"""Evaluated on ``loss``, runs of `companion.ensembles.recovery`: ``table`` with the starts random,
spectral, optimal, deflated and orthogonal, ``named`` at the sizes of the paper; and ``alpha``."""

"""Claims on the spectral start (notebook 05)."""

from __future__ import annotations

from collections.abc import Callable

import pandas as pd

from companion.analysis.intervals import power_of_size
from companion.claims.claim import Row
from companion.claims.constrained_vs_random import better, better_at_every_size
from companion.claims.verdicts import Finding, rises
from prlib.losses import Loss
from prlib.transitions import alpha_init


def _better(one: str, other: str) -> Callable[..., Finding]:
    def estimator(table: pd.DataFrame, named: pd.DataFrame, alpha: float) -> Finding:
        both = pd.concat([table, named])
        return better_at_every_size({"": both[both["alpha"] == alpha]}, one, other)

    return estimator


def _energy_alone(table: pd.DataFrame) -> Finding:
    return better(table, "orthogonal", "deflated")


def _fades(loss: Loss, table: pd.DataFrame, alpha: float) -> Finding | None:
    if alpha >= alpha_init(loss).alpha:
        return None
    at = table[(table["start"] == "spectral") & (table["alpha"] == alpha)]
    squares = at.assign(square=at["abs_start_overlap"] ** 2)
    return rises(*power_of_size(squares, "square"), "power of N as which it falls")


CLAIMS = (
    Row(
        "spectral-helps",
        "at alpha = {alpha:g} and every N more descents recover from v1 than from the random point",
        _better("spectral", "random"),
        effect=0.2,
    ),
    Row(
        "spectral-overlap-counts",
        "at alpha = {alpha:g} and every N fewer descents recover from v1 if its signal component "
        "is taken away",
        _better("spectral", "deflated"),
        effect=0.2,
    ),
    Row(
        "spectral-optimal",
        "at alpha = {alpha:g} and every N more descents recover from the optimal spectral start "
        "than from v1",
        _better("optimal", "spectral"),
        effect=0.2,
    ),
    Row(
        "spectral-energy-alone",
        "low energy alone is no advantage: v1 without its signal component is a worse start than "
        "the random point without its own",
        _energy_alone,
        effect=0.1,
    ),
    Row(
        "spectral-overlap-fades",
        "at alpha = {alpha:g}, below the transition, the squared overlap of v1 fades as N grows",
        _fades,
        effect=0.25,
    ),
)
"""Evaluated on ``loss``, runs of `companion.ensembles.recovery`: ``table`` with the starts random,
spectral, optimal, deflated and orthogonal, ``named`` at more sizes; and ``alpha``."""

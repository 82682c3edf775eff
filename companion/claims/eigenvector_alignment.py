"""Claims on what the lowest eigenvector tells of recovery, and when (notebook 07)."""

from __future__ import annotations

from collections.abc import Callable

import pandas as pd

from companion.analysis.intervals import mean_interval
from companion.analysis.prediction import auc_difference
from companion.claims.claim import Refuted, Row
from companion.claims.verdicts import Finding, jointly, rises

WHICH = "difference of areas under the curve"


def _tells(one: str, other: str, quantity: str = WHICH) -> Callable[[pd.DataFrame], Finding]:
    def estimator(rows: pd.DataFrame) -> Finding:
        start = rows[rows["time"] == 0].assign(chance=0.0)
        tests = start["loss"].nunique()
        return jointly(
            {
                loss: rises(*auc_difference(at, one, other), quantity=quantity, tests=tests)
                for loss, at in start.groupby("loss")
            }
        )

    return estimator


CLAIMS = (
    Row(
        "overlap-tells",
        "at one alpha and N the overlap |m| of the start, which is chance, tells who recovers, "
        "better than a coin",
        _tells("abs_overlap", "chance", "area under the curve, less one half"),
        effect=0.15,
    ),
    Row(
        "overlap-tells-more",
        "it tells more than the alignment of v1 with the signal at the start does",
        _tells("abs_overlap", "overlap2"),
        effect=0.15,
    ),
    Row(
        "alignment-tells",
        "the alignment of v1 at the start tells which runs will recover, and more than the "
        "overlap |m|",
        _tells("overlap2", "abs_overlap"),
        effect=0.15,
        refuted=Refuted("2026-11-24", "the overlap tells more"),
    ),
)
"""Evaluated on ``rows`` of `companion.ensembles.observations`, of any losses, of random starts."""


def directions_table(rows: pd.DataFrame, times: tuple[float, ...] = (0.01, 1.0)) -> pd.DataFrame:
    """Tabulate where v1 points at early times, by fate: runs and mean squared overlaps."""
    found = []
    for (alpha, time, recovered), at in rows[rows["time"].isin(times)].groupby(
        ["alpha", "time", "recovered"]
    ):
        line = {
            "alpha": f"{alpha:g}",
            "t": f"{time:g}",
            "fate": "recovers" if recovered else "fails",
            "runs": len(at),
        }
        for column, what in (
            ("overlap2", "with the signal"),
            ("start_overlap2", "with v1 of the start"),
            ("displacement_overlap2", "with the displacement"),
        ):
            mean = mean_interval(at, "alpha", column).iloc[0]
            spread = f" ± {mean['error']:.2f}" if len(at) > 1 else ""
            line[what] = f"{mean['mean']:.2f}{spread}"
        found.append(line)
    return pd.DataFrame(found).set_index(["alpha", "t", "fate"])

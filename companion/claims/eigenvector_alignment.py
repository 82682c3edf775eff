"""Claims on what the lowest eigenvector tells of recovery, and when (notebook 07)."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pandas as pd
from scipy.stats import norm

from companion.analysis.intervals import mean_interval, weighted_mean
from companion.analysis.runs import EQUATOR, lost_alignment
from companion.claims.claim import Row
from companion.claims.verdicts import Finding, rises, within
from companion.thresholds import dynamical_threshold
from prlib.losses import Loss
from prlib.measures import initial
from prlib.spectra.outlier import outlier

Found = Iterator[tuple[dict, Finding]]

ALIGNED = 0.15
"""Squared overlap of the start's outlier from which there is something to lose."""


def _kept(rows: pd.DataFrame) -> tuple[dict, Finding]:
    early = rows[rows["time"] == rows.loc[rows["time"] > 0, "time"].min()]
    kept = early["start_overlap2"]
    return {"t": early["time"].iloc[0]}, rises(float(kept.mean()) - 0.5, float(kept.sem()))


def _fades(loss: Loss, rows: pd.DataFrame) -> Found:
    # Beyond it the outlier stays, and its alignment fades for another reason.
    last = dynamical_threshold(loss).alpha
    for alpha, found in rows.groupby("alpha"):
        law = outlier(initial(loss, float(alpha)))
        if law is not None and law.overlap2 >= ALIGNED and alpha <= last:
            lost = lost_alignment(found)
            yield {"alpha": alpha, "equator": EQUATOR}, rises(lost.mean(), lost.sem())


def _tells(predictor: str) -> Callable[[pd.DataFrame], Found]:
    def estimator(curve: pd.DataFrame) -> Found:
        for alpha, found in _at_start(curve, predictor).iterrows():
            yield {"alpha": alpha}, rises(found["mean"] - 0.5, found["error"])

    return estimator


def _at_start(curve: pd.DataFrame, predictor: str) -> pd.DataFrame:
    return curve[curve["predictor"] == predictor].sort_values("time").groupby("alpha").first()


def _little(curve: pd.DataFrame) -> Finding | None:
    if curve.empty:
        return None
    at = _at_start(curve, "overlap2")
    mean, error = weighted_mean(at["mean"], at["error"])
    return within(mean + norm.ppf(0.975) * error, 0.0, 2 / 3, "share of pairs")


def _early(curve: pd.DataFrame) -> tuple[dict, Finding] | None:
    if curve.empty:
        return None
    alpha = curve.groupby("alpha")[["recovering", "failing"]].first().min(axis=1).idxmax()
    at = curve[(curve["alpha"] == alpha) & (curve["predictor"] == "overlap2")]
    late = at[at["time"] <= 1.0].sort_values("time").iloc[-1]
    finding = within(late["high"], 0.0, 0.75, "share of pairs")
    return {"alpha": alpha, "t": late["time"]}, finding


CLAIMS = (
    Row(
        "alignment-start-kept",
        "the lowest eigenvector of the start is still the lowest at t = {t:g}: its squared overlap "
        "is above one half",
        _kept,
    ),
    Row(
        "alignment-fades-{alpha:g}",
        "at alpha = {alpha:g} the alignment of v1 with the signal fades while |m| < {equator:g}",
        _fades,
    ),
    Row(
        "alignment-tells-{alpha:g}",
        "at alpha = {alpha:g} the alignment of v1 at t = 0 tells who recovers, better than chance",
        _tells("overlap2"),
    ),
    Row(
        "overlap-tells-{alpha:g}",
        "at alpha = {alpha:g} the overlap |m| at t = 0, which is chance, tells who recovers, "
        "better than chance",
        _tells("abs_overlap"),
    ),
    Row(
        "alignment-tells-little",
        "the alignment of v1 at t = 0 orders two runs of one alpha and different fate rightly in "
        "fewer than two cases of three, over all alphas: upper end of the interval",
        _little,
    ),
    Row(
        "alignment-early",
        "at alpha = {alpha:g} the alignment of v1 at t = {t:g} orders two runs of different fate "
        "rightly in fewer than three cases of four: upper end of the interval",
        _early,
    ),
)
"""Evaluated on ``loss``, ``rows`` of `companion.ensembles.observations`, of random starts and one
size, and their ``curve`` (`companion.analysis.prediction`)."""


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

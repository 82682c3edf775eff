"""Claims beyond phase retrieval (notebook 12)."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace

import pandas as pd

from companion.analysis.best import NAME
from companion.claims.claim import Refuted, Row
from companion.claims.verdicts import Finding, jointly, rises, too_few, within
from prlib.models.matrix_tensor import MatrixTensor

EFFECT = 0.1
"""Distance of half points that would matter, in units of the transition."""

INDEPENDENT = ("rademacher", "sparse", "student", "hadamard")
"""Sensings whose rows were said to keep the squared overlap of normal ones."""

RAISED, LONGER = 0.06, 0.1
"""By how much orthogonal rows were said to raise that overlap, and by how much larger a share of
its time the direction of a = 1 was said to last under noise than that of a = 0.01."""


def _window(start: float, end: float) -> Finding:
    return within(end / start, 1 + EFFECT, math.inf, "ratio of the two transitions")


def _no_window(models: list[MatrixTensor]) -> Finding:
    there = [
        [model.outlier(mu) is not None for mu in (0.0, model.threshold_mu)] for model in models
    ]
    both = sum(early == late for early, late in there)
    return within(both / len(models), 1.0, 1.0, "share of strengths")


def _used(retrieval: pd.DataFrame) -> Finding:
    return jointly(
        {
            f"N = {row.n}": rises(row.gap, row.error, tests=len(retrieval))
            for row in retrieval.itertuples()
        }
    )


def _lasts(lives: pd.DataFrame) -> tuple[dict, Finding]:
    sigma = lives["sigma"].max()
    at = lives[lives["sigma"] == sigma].set_index("loss")
    losses = ["normalized(a=1)", "normalized(a=0.01)"]
    if not {*losses} <= {*at.index}:
        return {"sigma": sigma}, too_few()
    wide, small = (at.loc[loss] for loss in losses)
    error = math.hypot(wide["share_error"], small["share_error"])
    found = rises(
        wide["share"] - small["share"], error, wide["batches"], "difference of the shares"
    )
    return {"sigma": sigma}, replace(found, claimed=(LONGER, math.inf))


def _longest(lives: pd.DataFrame) -> Finding:
    at = lives[lives["sigma"] == lives["sigma"].max()].set_index("loss")
    names = [loss for loss in at.index if loss.startswith("amplitude")]
    if len(names) != 1 or len(at) < 2:
        return too_few()
    best, others = at.loc[names[0]], at.drop(names)
    return jointly(
        {
            loss: rises(
                best["share"] - other["share"],
                math.hypot(best["share_error"], other["share_error"]),
                other["batches"],
                "difference of the shares",
                tests=len(others),
            )
            for loss, other in others.iterrows()
        }
    )


def _difference(row: pd.Series, claimed: tuple[float, float] = (0.0, 0.0)) -> Finding:
    ends = (float(row["low"]), float(row["high"]))
    quantity = "difference of squared overlaps"
    return Finding(
        float(row["difference"]), ends, claimed, quantity, tolerant=claimed == (0.0, 0.0)
    )


def _overlaps(found: pd.DataFrame) -> pd.DataFrame:
    return found[found["quantity"] == "overlap2"].set_index("sensing")


def _universal(sensing: pd.DataFrame) -> Finding:
    rows = _overlaps(sensing)
    kept = [name for name in rows.index if name.partition("(")[0] in INDEPENDENT]
    return jointly({name: _difference(rows.loc[name]) for name in kept})


def _raised(sensing: pd.DataFrame) -> Finding:
    return _difference(_overlaps(sensing).loc["orthogonal"], (RAISED, math.inf))


def _alike(rotations: pd.DataFrame) -> Finding:
    return _difference(_overlaps(rotations).loc["coded_diffraction"])


def _best(halves: pd.DataFrame) -> Iterator[tuple[dict, Finding]]:
    best = halves[halves["start"] == NAME].set_index("n")
    for n, rows in halves[halves["start"] != NAME].groupby("n"):
        if n not in best.index or rows["half"].isna().all():
            yield {"n": n, "start": "none"}, too_few()
            continue
        nearest = rows.loc[rows["half"].idxmin()]
        error = math.hypot(nearest["error"], best.loc[n, "error"])
        yield (
            {"n": n, "start": nearest["start"]},
            rises(nearest["half"] - best.loc[n, "half"], error, quantity="difference in alpha"),
        )


CLAIMS = (
    Row(
        "beyond-window",
        "in phase retrieval threshold states lose their last outlier well above the transition of "
        "a random start",
        _window,
        "check",
    ),
    Row(
        "beyond-no-window",
        "in the matrix-tensor model a random start and threshold states have an outlier at the "
        "same strengths",
        _no_window,
        "check",
    ),
    Row(
        "beyond-used",
        "at every size of phase retrieval half of the random starts recover before half of the "
        "constrained ones do",
        _used,
        effect=EFFECT,
    ),
    Row(
        "beyond-noise",
        "at noise {sigma:g} the early direction of the loss with a = 1 lasts for a share of its "
        f"noiseless time that is larger, by {LONGER:g} or more, than that of a = 0.01",
        _lasts,
        effect=0.1,
        refuted=Refuted(
            "2026-11-26",
            "the shares differ by no more than the interval of the number: noise blurs the start "
            "at a = 0.01 more, and its direction lasts no shorter for it",
        ),
    ),
    Row(
        "beyond-noise-amplitude",
        "at that noise the direction of the amplitude loss lasts for a larger share than that of "
        "any other",
        _longest,
        effect=0.1,
    ),
    Row(
        "beyond-universal",
        "rows of independent entries and of fast transforms with room keep the squared overlap of "
        "the start of normal rows",
        _universal,
        effect=0.06,
    ),
    Row(
        "beyond-orthogonal",
        f"blocks of orthogonal rows raise that overlap by {RAISED:g} or more",
        _raised,
        effect=0.06,
    ),
    Row(
        "beyond-diffraction",
        "coded diffraction has the overlap of orthogonal rows",
        _alike,
        effect=0.06,
    ),
    Row(
        "beyond-best-{n}",
        "at N = {n} descents from every start ({start} is the best) need more measurements than "
        "message passing for half of the instances",
        _best,
        effect=EFFECT,
    ),
)
"""Evaluated on ``start`` and ``end``, the transitions of phase retrieval; ``models``, of every
strength; ``retrieval``, rows of `companion.analysis.beyond.gaps`; ``lives``, ``sensing`` and
``rotations`` of `companion.analysis.noise` and `universality`; ``halves`` of message passing and of
descents. Predicted before any run were beyond-noise, beyond-universal, beyond-orthogonal and
beyond-diffraction, in the specs theory/noise and sensing; beyond-noise-amplitude was not."""

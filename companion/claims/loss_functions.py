"""Claims on the family of losses (notebook 08)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from companion.claims.claim import Row
from companion.claims.verdicts import Finding, agrees, jointly, within
from companion.thresholds import dynamical_threshold
from prlib.losses import Loss, as_loss
from prlib.measures import initial
from prlib.spectra.outlier import outlier
from prlib.transitions import Thresholds, alpha_init, thresholds

ENDS = ("alpha_init", "alpha_minima")


def _literature(unnormalised: float) -> tuple[dict, Finding]:
    return {"alpha": unnormalised}, within(unnormalised, 13.75, 13.85, "alpha")


def _limit(found: Sequence[Thresholds], unnormalised: float) -> Finding:
    # The distance from the un-normalised loss falls as 1/a: the last two points say how far.
    other, last = found[-2:]
    predicted = (last.a * last.alpha_threshold - other.a * other.alpha_threshold) / (
        last.a - other.a
    )
    return within(predicted - unnormalised, -0.1, 0.1, "difference of alphas")


def _order(found: Sequence[Thresholds]) -> Finding:
    soft = [each for each in found if each.edge_init == "soft"]
    margin = min(each.alpha_minima - each.alpha_init for each in soft)
    return within(margin, 0.0, np.inf, "least distance in alpha")


def _opposite(found: Sequence[Thresholds]) -> Finding:
    soft = [each for each in found if each.edge_init == "soft"]
    start, end = (np.diff([getattr(each, name) for each in soft]) for name in ENDS)
    return within(min((-start).min(), end.min()), 0.0, np.inf, "least step in alpha")


def _start(rows: pd.DataFrame) -> Finding:
    members = {}
    for id_, simulated in rows.groupby("loss"):
        loss, alpha = as_loss(id_), simulated["alpha"].max()
        theory = outlier(initial(loss, alpha))
        if theory is None:
            continue
        off = simulated.loc[simulated["alpha"] == alpha, "overlap2"] - theory.overlap2
        estimate = off.mean(), off.sem(), 0.0, len(off), "difference of squared overlaps"
        members[f"a = {loss.a:g}"] = agrees(*estimate, tests=rows["loss"].nunique())
    return jointly(members)


CLAIMS = (
    Row(
        "unnormalised-threshold",
        "the threshold states of the un-normalised loss turn unstable at {alpha:.2f}, which is the "
        "13.8 of arXiv 2006.06997 to its digits",
        _literature,
        "check",
    ),
    Row(
        "large-a",
        "extrapolated in 1/a, the thresholds of large a reach that of the un-normalised loss",
        _limit,
        "check",
    ),
    Row(
        "informative-window",
        "wherever the edge of the start is soft, the start is informative before any minima are",
        _order,
        effect=0.1,
    ),
    Row(
        "opposite-ways",
        "as a rises, while that edge is soft, the start is informative earlier and the most "
        "numerous minima are later",
        _opposite,
        effect=1e-3,
    ),
    Row(
        "losses-start",
        "over decades of a, well above alpha_init, the squared overlap at the start is that of "
        "theory",
        _start,
        effect=0.1,
    ),
)
"""Evaluated on ``found``, the thresholds of the paper's family at rising a, on that of the
``unnormalised`` loss, and on ``rows`` of `companion.ensembles.start_spectra` of several losses."""


def loss_table(losses: Mapping[str, Loss]) -> pd.DataFrame:
    """Tabulate the thresholds of losses of any kind, by the name that the table shows."""
    table = {}
    for name, loss in losses.items():
        start, late = alpha_init(loss), dynamical_threshold(loss)
        bounded = np.isfinite(start.alpha)
        table[name] = {
            "alpha at the start": f"{start.alpha:.3f}" if bounded else "none at any alpha",
            "edge at the start": start.edge_kind if bounded else "no edge",
            "alpha at threshold states": str(late),
            "by 1RSB": f"{thresholds(loss).alpha_threshold:.3f}",
            "informative window": f"{late.alpha - start.alpha:.1f}" if bounded else "none",
        }
    return pd.DataFrame(table).T.rename_axis("loss")

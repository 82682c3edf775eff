"""Claims on the family of losses (notebook 08)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import pandas as pd

from companion.analysis.intervals import mean_interval
from companion.claims.claim import Row
from companion.claims.verdicts import Finding, agrees, within
from companion.thresholds import dynamical_threshold
from prlib.losses import Loss, as_loss
from prlib.measures import initial
from prlib.spectra.outlier import outlier
from prlib.transitions import Thresholds, alpha_init, thresholds


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


def _start(rows: pd.DataFrame) -> Iterator[tuple[dict, Finding]]:
    for id_, simulated in rows.groupby("loss"):
        loss, alpha = as_loss(id_), simulated["alpha"].max()
        measured = mean_interval(simulated, "alpha", "overlap2").loc[alpha]
        theory = outlier(initial(loss, alpha))
        if theory is None:
            continue
        fields = {"a": loss.a, "alpha": alpha, "expected": theory.overlap2}
        mean, error, count = measured[["mean", "error", "count"]]
        yield fields, agrees(mean, error, theory.overlap2, count)


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
    ),
    Row(
        "start-{a:g}",
        "at a = {a:g} and alpha = {alpha:.3g} the squared overlap at the start is {expected:.3f}",
        _start,
    ),
)
"""Evaluated on ``found``, the thresholds of the paper's family at rising a, on that of the
``unnormalised`` loss, and on ``rows`` of `companion.ensembles.start_spectra` of several losses."""


def loss_table(losses: Mapping[str, Loss]) -> pd.DataFrame:
    """Tabulate the thresholds of losses of any kind, by the name that the table shows."""
    table = {}
    for name, loss in losses.items():
        start, lines = alpha_init(loss), thresholds(loss)
        late = dynamical_threshold(loss)
        bounded = np.isfinite(start.alpha)
        table[name] = {
            "alpha at the start": f"{start.alpha:.3f}" if bounded else "none at any alpha",
            "edge at the start": start.edge_kind if bounded else "no edge",
            "alpha at threshold states": str(late),
            "by 1RSB": f"{lines.alpha_threshold:.3f}",
            "informative window": f"{late.alpha - start.alpha:.1f}" if bounded else "none",
        }
    return pd.DataFrame(table).T.rename_axis("loss")

"""Claims on the family of losses (notebook 08)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from companion.claims.claim import Claim, agrees, within
from companion.ensembles import mean_interval
from prlib.losses import Loss, NormalizedIntensity
from prlib.measures import initial
from prlib.spectra.outlier import outlier
from prlib.transitions import Thresholds, alpha_init, alpha_threshold, thresholds


def loss_claims(found: Sequence[Thresholds], rows: pd.DataFrame) -> list[Claim]:
    """Hold the phase diagram against limits, literature and simulated starts.

    Parameters
    ----------
    found : sequence of Thresholds
        Thresholds at rising a.
    rows : pandas.DataFrame
        From `companion.ensembles.start_spectra`, with a column ``a``.

    Returns
    -------
    list of Claim
        The claims.
    """
    claims = [_literature(), _limit(found), _order(found)]
    for a, simulated in rows.groupby("a"):
        claims.append(_start(float(a), simulated))
    return claims


def _literature() -> Claim:
    alpha = thresholds(None).alpha_threshold
    return within(
        "unnormalised-threshold",
        f"the threshold states of the un-normalised loss turn unstable at {alpha:.2f}, which is "
        "the 13.8 of arXiv 2006.06997 to its digits",
        alpha,
        13.75,
        13.85,
        "alpha",
    )


def _limit(found: Sequence[Thresholds]) -> Claim:
    # The distance from the un-normalised loss falls as 1/a: the last two points say how far.
    last, limit = found[-1], thresholds(None).alpha_threshold
    other = found[-2]
    predicted = (last.a * last.alpha_threshold - other.a * other.alpha_threshold) / (
        last.a - other.a
    )
    return within(
        "large-a",
        "extrapolated in 1/a, the thresholds of large a reach that of the un-normalised loss",
        predicted - limit,
        -0.1,
        0.1,
        "difference of alphas",
    )


def _order(found: Sequence[Thresholds]) -> Claim:
    soft = [each for each in found if each.edge_init == "soft"]
    margin = min(each.alpha_threshold - each.alpha_init for each in soft)
    return within(
        "informative-window",
        "wherever the edge of the start is soft, the start is informative before the threshold "
        "states are",
        margin,
        0.0,
        np.inf,
        "least distance in alpha",
    )


def _start(a: float, rows: pd.DataFrame) -> Claim:
    alpha = rows["alpha"].max()
    measured = mean_interval(rows, "alpha", "overlap2").loc[alpha]
    theory = outlier(initial(NormalizedIntensity(a), alpha))
    return agrees(
        f"start-{a:g}",
        f"at a = {a:g} and alpha = {alpha:.3g} the squared overlap at the start is "
        f"{theory.overlap2:.3f}",
        measured["mean"],
        measured["error"],
        theory.overlap2,
    )


def loss_table(losses: dict[str, Loss]) -> pd.DataFrame:
    """Tabulate the thresholds of losses of any kind.

    Parameters
    ----------
    losses : dict of str to Loss
        Losses by the name that the table shows.

    Returns
    -------
    pandas.DataFrame
        Per loss: both thresholds, the kind of edge at the start, and the informative window.
    """
    table = {}
    for name, loss in losses.items():
        start, end = alpha_init(loss), alpha_threshold(loss)
        bounded = np.isfinite(start.alpha)
        table[name] = {
            "alpha at the start": f"{start.alpha:.3f}" if bounded else "none at any alpha",
            "edge at the start": start.edge_kind if bounded else "no edge",
            "alpha at threshold states": f"{end.alpha:.3f}",
            "informative window": f"{end.alpha - start.alpha:.2f}" if bounded else "none",
        }
    return pd.DataFrame(table).T.rename_axis("loss")

"""Claims on the spectral start (notebook 05)."""

from __future__ import annotations

import numpy as np
import pandas as pd

from companion.claims.claim import Claim, does_better, rises, within
from prlib.losses import NormalizedIntensity
from prlib.sweeps import paired
from prlib.transitions import alpha_init


def spectral_claims(a: float, table: pd.DataFrame, alpha: float) -> list[Claim]:
    """Hold the third experiment of the paper against paired runs.

    Parameters
    ----------
    a : float
        Normalisation of the loss.
    table : pandas.DataFrame
        From `companion.ensembles.recovery`, with the starts random, spectral, optimal, deflated and
        orthogonal.
    alpha : float
        Where the summary of the paper says that v1 helps.

    Returns
    -------
    list of Claim
        Whether it helps, why, and whether that lasts as N grows.
    """
    at = table[table["alpha"] == alpha]
    claims = [
        _pooled(
            at,
            ("spectral", "random"),
            "spectral-helps",
            f"at alpha = {alpha:g} more descents recover from v1 than from the random point",
        ),
        _pooled(
            at,
            ("spectral", "deflated"),
            "spectral-overlap-counts",
            f"at alpha = {alpha:g} more descents recover from v1 than from v1 without its signal "
            "component",
        ),
        _pooled(
            at,
            ("optimal", "spectral"),
            "spectral-optimal",
            f"at alpha = {alpha:g} more descents recover from the optimal spectral start than "
            "from v1",
        ),
        _direction(at),
    ]
    if alpha < alpha_init(NormalizedIntensity(a)).alpha:
        claims.append(_fades(at, alpha))
    return claims


def _pooled(at: pd.DataFrame, starts: tuple[str, str], id_: str, statement: str) -> Claim:
    one, other = starts
    found = paired(at, one, other, by=("alpha",)).iloc[0]
    return does_better(id_, f"{statement}, over all N", found["difference"], float(found["p"]))


def _direction(at: pd.DataFrame) -> Claim:
    found = paired(at, "deflated", "orthogonal", by=("alpha",), confidence=0.9999).iloc[0]
    return within(
        "spectral-energy-alone",
        f"at alpha = {at['alpha'].iloc[0]:g} v1 without its signal component is no better a "
        "start than the random point without its own, by more than 0.05",
        float(found["low"]),
        -1.0,
        0.05,
        "lower end of the difference",
    )


def _fades(at: pd.DataFrame, alpha: float) -> Claim:
    squares = at[at["start"] == "spectral"].assign(
        square=lambda rows: rows["abs_start_overlap"] ** 2
    )
    by_size = squares.groupby("n")["square"].agg(["mean", "sem"])
    first, last = by_size.iloc[0], by_size.iloc[-1]
    return rises(
        "spectral-overlap-fades",
        f"at alpha = {alpha:g}, below the transition, the squared overlap of v1 fades with N",
        first["mean"] - last["mean"],
        float(np.hypot(first["sem"], last["sem"])),
    )

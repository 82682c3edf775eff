"""Claims on the Hessian of a random start (notebook 01)."""

from __future__ import annotations

import numpy as np
import pandas as pd

from prlib.claims.claim import Claim, agrees, falls, within
from prlib.ensembles import mean_interval
from prlib.losses import Loss
from prlib.measures import initial
from prlib.spectra.bulk import edge_scale, left_edge
from prlib.spectra.outlier import outlier
from prlib.transitions import alpha_init

TRACY_WIDOM_MEAN = 1.2065335745820
"""Mean of minus a Tracy-Widom variable of real matrices: F. Bornemann, arXiv:0904.1581, table 4."""


def initialisation_claims(
    name: str, loss: Loss, rows: pd.DataFrame, seed: int, samples: int = 1_000_000
) -> list[Claim]:
    """Hold the theory of a random start against samples and simulated Hessians.

    Parameters
    ----------
    name : str
        Prefix of the claims' names.
    loss : Loss
        The loss.
    rows : pandas.DataFrame
        Simulated lowest eigenpairs, from `prlib.ensembles.start_spectra`.
    seed : int
        Seed of the samples.
    samples : int
        Labels and fields drawn to check the quadrature.

    Returns
    -------
    list of Claim
        The transition's number by quadrature and by sampling, the outlier and its overlap above
        it, and the lowest eigenvalue and its fading overlap below.
    """
    low, high = rows["alpha"].min(), rows["alpha"].max()
    claims = [_quadrature(name, loss), *_sampled(name, loss, seed, samples)]
    if outlier(initial(loss, high)) is not None:
        claims += _outlier(name, loss, rows[rows["alpha"] == high])
    if low < alpha_init(loss).alpha:
        claims += _below(name, loss, rows[rows["alpha"] == low])
    return claims


def _quadrature(name: str, loss: Loss) -> Claim:
    transition = alpha_init(loss)
    return within(
        f"{name}-alpha-init",
        f"theory puts alpha_init at {transition.alpha:.4f}, with a {transition.edge} edge",
        transition.error,
        0.0,
        5e-5,
    )


def _sampled(name: str, loss: Loss, seed: int, samples: int) -> list[Claim]:
    transition = alpha_init(loss)
    rng = np.random.default_rng(seed)
    y, yhat = rng.standard_normal((2, samples))
    # At a hard edge the sampled integrand has its pole on the border of the support, where the
    # mean still exists: the same formula serves.
    x = loss.curvature(y, yhat) * transition.chi
    bbp = (1 - y**2) * x / (1 + x)
    return [
        agrees(
            f"{name}-monte-carlo",
            "sampled labels and fields give the same transition",
            float(bbp.mean()),
            float(bbp.std() / np.sqrt(samples)),
            1 / transition.alpha,
        )
    ]


def _outlier(name: str, loss: Loss, rows: pd.DataFrame) -> list[Claim]:
    alpha, n = rows["alpha"].iloc[0], rows["n"].max()
    theory = outlier(initial(loss, alpha))
    claims = []
    for column, expected, what in (
        ("lowest", theory.position + initial(loss, alpha).mu, "lowest eigenvalue of H + mu"),
        ("overlap2", theory.overlap2, "squared overlap with the signal"),
    ):
        found = mean_interval(rows, "n", column).loc[n]
        statement = f"at alpha = {alpha:.3g} the {what} is {expected:.3g}"
        claims.append(
            agrees(f"{name}-{column}", statement, found["mean"], found["error"], expected)
        )
    return claims


def _below(name: str, loss: Loss, rows: pd.DataFrame) -> list[Claim]:
    alpha, smallest, largest = rows["alpha"].iloc[0], rows["n"].min(), rows["n"].max()
    overlap = mean_interval(rows, "n", "overlap2")
    fall = overlap.loc[smallest, "mean"] - overlap.loc[largest, "mean"]
    error = float(np.hypot(overlap.loc[smallest, "error"], overlap.loc[largest, "error"]))
    claims = [
        falls(
            f"{name}-blind",
            f"at alpha = {alpha:.3g} the overlap fades from N = {smallest} to N = {largest}",
            fall,
            error,
        )
    ]
    measure = initial(loss, alpha)
    edge = left_edge(measure)
    if edge.kind == "soft":
        at_largest = rows[rows["n"] == largest]
        unit = edge_scale(measure, edge) * largest ** (-2 / 3)
        gap = (at_largest["lowest"] - at_largest["empirical_edge"]) / unit
        claims.append(
            agrees(
                f"{name}-edge",
                f"at alpha = {alpha:.3g} the lowest eigenvalue lies above the edge by the mean of "
                "the Tracy-Widom law",
                float(gap.mean()),
                float(gap.std() / np.sqrt(len(gap))),
                TRACY_WIDOM_MEAN,
            )
        )
    return claims

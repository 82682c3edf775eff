"""Claims on the Hessian of a random start (notebook 01)."""

from __future__ import annotations

import numpy as np
import pandas as pd

from companion.claims.claim import Claim, agrees, rises, within
from companion.ensembles import mean_interval
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
        Simulated lowest eigenpairs, from `companion.ensembles.start_spectra`.
    seed : int
        Seed of the samples.
    samples : int
        Labels and fields drawn to check the quadrature.

    Returns
    -------
    list of Claim
        The transition's number by quadrature and by sampling, the outlier and its overlap above
        it, and below it the lowest eigenvalue and its fading overlap at a soft edge, the overlap
        that the states' own laws predict at a hard one.
    """
    low, high = rows["alpha"].min(), rows["alpha"].max()
    claims = [_quadrature(name, loss), *_sampled(name, loss, seed, samples)]
    if outlier(initial(loss, high)) is not None:
        claims += _outlier(name, loss, rows[rows["alpha"] == high])
    below = rows[rows["alpha"] < 0.9 * alpha_init(loss).alpha]
    if not below.empty:
        lowest = below[below["alpha"] == low]
        hard = left_edge(initial(loss, low)).kind == "hard"
        claims += (
            [_own_law(name, below)] if hard else [_blind(name, below), _edge(name, loss, lowest)]
        )
    return claims


def _quadrature(name: str, loss: Loss) -> Claim:
    transition = alpha_init(loss)
    return within(
        f"{name}-alpha-init",
        f"theory puts alpha_init at {transition.alpha:.4f}, with a {transition.edge_kind} edge",
        transition.error,
        0.0,
        5e-5,
        "error estimate of the quadrature",
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
            "1 / alpha_init",
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


def _blind(name: str, rows: pd.DataFrame) -> Claim:
    # In logarithms: squared overlaps of a vector without preference scatter over decades.
    smallest, largest = rows["n"].min(), rows["n"].max()
    found = mean_interval(rows.assign(log=np.log(rows["overlap2"])), "n", "log")
    return rises(
        f"{name}-blind",
        f"up to alpha = {rows['alpha'].max():.3g} the overlap fades from N = {smallest} "
        f"to N = {largest}",
        found.loc[smallest, "mean"] - found.loc[largest, "mean"],
        float(np.hypot(found.loc[smallest, "error"], found.loc[largest, "error"])),
    )


def _own_law(name: str, rows: pd.DataFrame) -> Claim:
    # The bulk thins out exponentially toward a hard edge: at any size that can be simulated its
    # last eigenvalues lie far inside, and an outlier stands out long before alpha_init. What
    # predicts it is the law of the state itself, whose edge is where its labels end.
    alpha, n = rows["alpha"].max(), rows["n"].max()
    found = rows[(rows["alpha"] == alpha) & (rows["n"] == n)]
    excess = found["overlap2"] - found["predicted_overlap2"]
    return agrees(
        f"{name}-own-law",
        f"at alpha = {alpha:.3g}, below alpha_init, the overlap is the one that each state's own "
        "law of labels and fields predicts",
        float(excess.mean()),
        float(excess.sem()),
        0.0,
    )


def _edge(name: str, loss: Loss, rows: pd.DataFrame) -> Claim:
    alpha, n = rows["alpha"].iloc[0], rows["n"].max()
    measure = initial(loss, alpha)
    edge = left_edge(measure)
    largest = rows[rows["n"] == n]
    unit = edge_scale(measure, edge) * n ** (-2 / 3)
    gap = (largest["lowest"] - largest["empirical_edge"]) / unit
    return agrees(
        f"{name}-edge",
        f"at alpha = {alpha:.3g} the lowest eigenvalue lies above the edge by the mean of the "
        "Tracy-Widom law",
        float(gap.mean()),
        float(gap.sem()),
        TRACY_WIDOM_MEAN,
    )

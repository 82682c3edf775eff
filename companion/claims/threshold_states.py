"""Claims on threshold states (notebook 03)."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from companion.claims.claim import Claim, Z, agrees, rises, within
from companion.ensembles import mean_interval
from prlib.losses import Loss
from prlib.measures.threshold_states import solve_threshold_state
from prlib.transitions import alpha_threshold

LATE = 0.1
"""Share of the time after which relaxation counts as late."""

EXPONENTS = np.linspace(0.1, 3.0, 59)
"""Exponents tried for the power law: one at either end of these is no fit."""


@dataclass(frozen=True)
class Relaxation:
    r"""A power law :math:`v(t) = v_\infty + c\, t^{-p}` fitted to the late times of descents.

    Attributes
    ----------
    limit, amplitude, exponent : float
        The fit to the mean over runs.
    limit_interval, exponent_interval : tuple of float
        95 % intervals from resampling the runs.
    error : float
        Standard deviation of the limit over the resamples.
    resolved : bool
        Whether the interval of the exponent stays off both ends of those that are tried.
    """

    limit: float
    amplitude: float
    exponent: float
    limit_interval: tuple[float, float]
    exponent_interval: tuple[float, float]
    error: float
    resolved: bool


def relaxation(rows: pd.DataFrame, column: str, *, resamples: int = 400) -> Relaxation:
    """Fit a power law to the late times of the runs of one alpha and size.

    Parameters
    ----------
    rows : pandas.DataFrame
        From `companion.ensembles.constrained_descents`, of one alpha and size.
    column : str
        What relaxes.
    resamples : int
        Bootstrap samples of the runs.

    Returns
    -------
    Relaxation
        See there.
    """
    late = rows[rows["time"] >= LATE * rows["time"].max() * (1 - 1e-9)]
    runs = late.pivot_table(index="replica", columns="time", values=column)
    times, values = runs.columns.to_numpy(), runs.to_numpy()
    limit, amplitude, exponent = _fit(times, values.mean(axis=0))
    rng = np.random.default_rng(0)
    samples = rng.integers(len(values), size=(resamples, len(values)))
    fits = np.array([_fit(times, values[sample].mean(axis=0)) for sample in samples])
    (low, high), (slow, fast) = (np.quantile(fits[:, i], [0.025, 0.975]) for i in (0, 2))
    return Relaxation(
        limit=limit,
        amplitude=amplitude,
        exponent=exponent,
        limit_interval=(low, high),
        exponent_interval=(slow, fast),
        error=float(fits[:, 0].std(ddof=1)),
        resolved=bool(slow > EXPONENTS[0] and fast < EXPONENTS[-1]),
    )


def _fit(times: NDArray, values: NDArray) -> tuple[float, float, float]:
    # Linear in all but the exponent, so that no start value is needed.
    powers = times[None, :] ** -EXPONENTS[:, None]
    centred = powers - powers.mean(axis=1, keepdims=True)
    slopes = centred @ values / (centred**2).sum(axis=1)
    residuals = values - values.mean() - slopes[:, None] * centred
    best = int((residuals**2).sum(axis=1).argmin())
    limit = values.mean() - slopes[best] * powers[best].mean()
    return float(limit), float(slopes[best]), float(EXPONENTS[best])


def threshold_claims(loss: Loss, rows: pd.DataFrame) -> list[Claim]:
    """Hold one-step replica symmetry breaking against constrained descents.

    Parameters
    ----------
    loss : Loss
        The loss.
    rows : pandas.DataFrame
        From `companion.ensembles.constrained_descents`.

    Returns
    -------
    list of Claim
        The constraint, energy and edge against theory, and the eigenpair toward the signal: what
        it is above the transition, and that its overlap fades below.
    """
    claims = [
        within(
            "threshold-equator",
            "no run ever has an overlap with the signal",
            float(rows["overlap"].abs().max()),
            0,
            1e-9,
            "largest overlap",
        ),
        within(
            "threshold-monotone",
            "no step of any run raised the energy",
            float(rows["rises"].max()),
            0,
            0,
            "largest count of a run",
        ),
    ]
    largest = rows[rows["n"] == rows["n"].max()]
    transition = alpha_threshold(loss).alpha
    claims.append(_energy(loss, largest))
    for alpha, found in largest.groupby("alpha"):
        claims += [_rising(alpha, found), _marginal(alpha, found)]
        # Near the transition a finite size rounds the corner: compare where theory is sharp.
        if alpha > 1.1 * transition:
            claims += _eigenpair(alpha, found)
        if alpha < transition and rows["n"].min() < rows["n"].max():
            claims.append(_blind(alpha, rows))
    return claims


def _last(rows: pd.DataFrame) -> pd.DataFrame:
    return rows[rows["time"] == rows["time"].max()]


def _energy(loss: Loss, rows: pd.DataFrame) -> Claim:
    # Summed over alpha: with few runs the excess at one alpha is hardly larger than its error.
    excess, variance, settled = 0.0, 0.0, True
    for alpha, found in rows.groupby("alpha"):
        state, fit = solve_threshold_state(loss, alpha), relaxation(found, "energy")
        end = mean_interval(_last(found), "alpha", "energy").loc[alpha, "error"]
        excess += fit.limit - state.energy
        # Neither resampling few runs nor the spread at the end alone holds all of the error.
        variance += fit.error**2 + end**2
        settled &= bool(state.complexity < 0 and fit.resolved)
    alphas = ", ".join(f"{alpha:g}" for alpha in sorted(rows["alpha"].unique()))
    claim = rises(
        "threshold-energy",
        f"over alpha = {alphas} the energy relaxes to above that of 1RSB, whose complexity is "
        "negative there",
        excess,
        float(np.sqrt(variance)),
    )
    return claim if settled else _open(claim)


def _rising(alpha: float, rows: pd.DataFrame) -> Claim:
    late = rows[rows["time"] >= LATE * rows["time"].max() * (1 - 1e-9)].sort_values("time")
    ends = late.groupby("replica")["edge"].agg(["first", "last"])
    nearer = ends["first"].abs() - ends["last"].abs()
    return rises(
        f"threshold-edge-rises-{alpha:g}",
        f"at alpha = {alpha:g} the edge of the bulk still comes nearer to 0 at late times",
        nearer.mean(),
        nearer.sem(),
    )


def _marginal(alpha: float, rows: pd.DataFrame) -> Claim:
    found = mean_interval(_last(rows), "alpha", "edge").loc[alpha]
    claim = agrees(
        f"threshold-edge-{alpha:g}",
        f"at alpha = {alpha:g} the edge of the bulk is at 0 at the end of the runs",
        found["mean"],
        found["error"],
        0.0,
    )
    # An edge below 0 may still rise; one above it is a state that is not marginal.
    return claim if found["mean"] > -Z * found["error"] else _open(claim)


def _eigenpair(alpha: float, rows: pd.DataFrame) -> list[Claim]:
    end = _last(rows)
    claims = []
    for column, own, what in (
        ("lowest", "outlier", "lowest eigenvalue"),
        ("overlap2", "outlier_overlap2", "squared overlap of its eigenvector with the signal"),
    ):
        differences = end.assign(difference=end[column] - end[own])
        found = mean_interval(differences, "alpha", "difference").loc[alpha]
        claims.append(
            agrees(
                f"threshold-{column}-{alpha:g}",
                f"at alpha = {alpha:g} the {what} is what theory makes of the state's own law",
                found["mean"],
                found["error"],
                0.0,
                "mean difference",
            )
        )
    return claims


def _blind(alpha: float, rows: pd.DataFrame) -> Claim:
    end = _last(rows)
    overlaps = mean_interval(end[end["alpha"] == alpha], "n", "overlap2").sort_index()
    small, large = overlaps.iloc[0], overlaps.iloc[-1]
    return rises(
        f"threshold-blind-{alpha:g}",
        f"at alpha = {alpha:g}, below the transition, the overlap of the lowest eigenvector with "
        f"the signal fades from N = {overlaps.index[0]} to N = {overlaps.index[-1]}",
        small["mean"] - large["mean"],
        float(np.hypot(small["error"], large["error"])),
    )


def _open(claim: Claim) -> Claim:
    return replace(claim, verdict="OPEN")


def relaxation_table(loss: Loss, rows: pd.DataFrame) -> pd.DataFrame:
    """Tabulate how far simulation ends from one-step replica symmetry breaking.

    Parameters
    ----------
    loss : Loss
        The loss.
    rows : pandas.DataFrame
        From `companion.ensembles.constrained_descents`.

    Returns
    -------
    pandas.DataFrame
        Per alpha, at the largest size: energy by theory, its complexity, the extrapolated energy
        with the interval of resampled runs, its excess over theory, and the exponent.
    """
    table = {}
    for alpha, found in rows[rows["n"] == rows["n"].max()].groupby("alpha"):
        state, fit = solve_threshold_state(loss, alpha), relaxation(found, "energy")
        low, high = fit.limit_interval
        slow, fast = fit.exponent_interval
        table[f"{alpha:g}"] = {
            "energy (1RSB)": f"{state.energy:.3g}",
            "complexity (1RSB)": f"{state.complexity:.2g}",
            "energy, extrapolated": f"{fit.limit:.3g} ({low:.3g} to {high:.3g})",
            "excess over 1RSB": f"{fit.limit / state.energy - 1:.0%}",
            "exponent": f"{fit.exponent:.2g} ({slow:.2g} to {fast:.2g})",
        }
    return pd.DataFrame(table).T.rename_axis("alpha")

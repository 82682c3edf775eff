"""Claims on the exact Hessian at every time of the descent (notebook 09)."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import pandas as pd

from companion.analysis.dynamics import at_times, log_slope, transition_times
from companion.analysis.intervals import mean_interval
from companion.analysis.runs import LATE, fit_power_law
from companion.claims.claim import Row
from companion.claims.typeset import rounded
from companion.claims.verdicts import Finding, Z, agrees, rises, too_few, within
from companion.thresholds import dynamical_threshold
from prlib.losses import Loss, takes_loss
from prlib.measures import initial
from prlib.measures.threshold_states import solve_threshold_state
from prlib.spectra.bulk import left_edge
from prlib.transitions import alpha_init

LEAST_ALPHAS = 3
"""Alphas below the transition that are enough to say that at none of them it comes later."""

SHARP = 0.2
"""Squared overlap below which a finite size rounds the corner."""


def _start(loss: Loss, theory: pd.DataFrame) -> Finding:
    start = theory[(theory["t"] == 0) & theory["left_edge"].notna()]
    exact = np.array([left_edge(initial(loss, alpha)).position for alpha in start["alpha"]])
    scores = np.abs(start["left_edge"] - exact) / start["left_edge_error"]
    return within(scores.max(), 0.0, Z, "standard errors")


def _simulated(
    column: str, name: str
) -> Callable[[pd.DataFrame, pd.DataFrame, float], Iterator[tuple[dict, Finding]]]:
    def estimator(
        theory: pd.DataFrame, simulated: pd.DataFrame, compare: float
    ) -> Iterator[tuple[dict, Finding]]:
        for alpha, rows in simulated.groupby("alpha"):
            run = theory[theory["alpha"] == alpha]
            if run.empty:
                continue
            (value,), (error,) = at_times(run, name, np.array([compare]))
            if name == "overlap2" and not value >= SHARP:
                continue
            n = rows["n"].max()
            found = mean_interval(rows[rows["n"] == n], "time", column).loc[compare]
            joint = float(np.hypot(found["error"], error))
            fields = {"alpha": float(alpha), "t": compare, "n": n}
            yield fields, agrees(found["mean"], joint, value, found["count"])

    return estimator


def _lost(loss: Loss, theory: pd.DataFrame) -> Finding:
    times = transition_times(theory)
    lost = times[times["event"] == "disappears"]
    early, late = alpha_init(loss).alpha, dynamical_threshold(loss).alpha
    return rises(*log_slope(lost[(lost["alpha"] > early) & (lost["alpha"] < late)]))


def _comes_later(loss: Loss, theory: pd.DataFrame) -> tuple[dict, Finding]:
    # The alpha below the transition whose outlier stands out most.
    below = theory[(theory["alpha"] < alpha_init(loss).alpha) & theory["bbp"].notna()]
    score = ((below["bbp"] - 1) / below["bbp_error"]).where(below["t"] > 0)
    at_start = below[below["t"] == 0].set_index("alpha")
    absent = (1 - at_start["bbp"]) / at_start["bbp_error"]
    best = score.groupby(below["alpha"]).max().where(absent > Z)
    if not best.notna().any():
        return {"place": ""}, rises(0.0, 1.0)
    finding = rises(float(best.max()), 1.0)
    # That there is one is not refuted by a few that are none.
    few = best.count() < LEAST_ALPHAS and finding.verdict == "FAIL"
    return {"place": f" (alpha = {best.idxmax():g})"}, too_few() if few else finding


def _step(checked: pd.DataFrame) -> Finding:
    moved = (checked["value_finer"] - checked["value"]).abs() / checked["error"]
    return within(moved.to_numpy().max(), 0.0, 1.0, "standard errors")


def _paths(checked: pd.DataFrame) -> Finding:
    # NaN, where another run lacks a number, is a maximum of its own.
    joint = np.hypot(checked["error"], checked["error_more"])
    apart = (checked["value_more"] - checked["value"]).abs() / joint
    return within(apart.to_numpy().max(), 0.0, Z, "standard errors")


def _batches(bias: pd.DataFrame, once: pd.DataFrame, ratio: float) -> Finding:
    # A mean over few sample paths enters the descent of those paths, so that a batch has a bias of
    # order one over its paths, which an average over batches keeps. `ratio`: how many times more
    # paths the batches of `once` have than the small ones of `bias`.
    last = once.groupby("alpha").last()
    error = (last["variance_error"] / last["variance"]).mean()
    return within(bias["bias"].mean() / ratio / error, -1.0, 1.0, "standard errors")


CLAIMS = (
    Row(
        "evolution-start",
        "at t = 0 the edge is that of the random start: largest difference in standard errors",
        _start,
        "check",
    ),
    *(
        Row(
            f"evolution-{column}-{{alpha:g}}",
            f"at alpha = {{alpha:g}}, t = {{t:g}}, the {what} of descents at N = {{n}} is that of "
            "infinite size",
            _simulated(column, name),
        )
        for column, name, what in (
            ("energy", "energy", "energy per dimension"),
            ("edge", "left_edge", "edge of the bulk"),
            ("overlap2", "overlap2", "squared overlap of the lowest eigenvector with the signal"),
        )
    ),
    Row(
        "evolution-lost",
        "between the transitions the outlier of the start is lost, once, and later at larger "
        "alpha: slope of log t against alpha, in standard errors",
        _lost,
    ),
    Row(
        "evolution-comes-later",
        "below alpha_BBP^init there is an alpha{place} without an outlier at the start, where one "
        "appears later",
        _comes_later,
    ),
    Row(
        "evolution-step",
        "half the step moves no number by more than its standard error: largest move in standard "
        "errors",
        _step,
        "check",
    ),
    Row(
        "evolution-paths",
        "four times as many other paths give the same numbers: largest difference in joint "
        "standard errors",
        _paths,
        "check",
    ),
    Row(
        "evolution-batches",
        "batches have enough paths: bias of N Var m, as measured with fewer paths and scaled as "
        "one over their number, in standard errors of a run",
        _batches,
        "check",
    ),
)
"""Evaluated on ``loss``, ``theory`` and ``simulated`` descents that are to ``compare`` at a time;
``checked`` and ``bias`` (`companion.analysis.dynamics`), ``once`` and ``ratio``."""


def convergence_table(checked: pd.DataFrame) -> pd.DataFrame:
    """Print what `companion.analysis.dynamics.convergence` found.

    Returns
    -------
    pandas.DataFrame
        Per alpha and quantity: the number, down to the first digit of the standard error, that of
        the other runs, and the digits that all of them print, as text; a dash where they share
        none.
    """
    value, error = checked["value"], checked["error"]
    form = "{value} ± {error}"
    return pd.DataFrame(
        {
            "number": _printed(value, error, form),
            "half the step": _printed(checked["value_finer"], error, "{value}"),
            "four times the paths": _printed(checked["value_more"], checked["error_more"], form),
            "digits that hold": [
                _shared(row) for row in checked[["value", "value_finer", "value_more"]].to_numpy()
            ],
        },
        checked.index,
    )


def _shared(values: np.ndarray) -> str:
    # The finest rounding, down to one digit, that is the same for all.
    leading = -int(np.floor(np.log10(np.abs(values).min())))
    for digits in range(leading + 5, leading - 1, -1):
        first, *others = np.round(values, digits)
        if all(other == first for other in others):
            return f"{first:.{max(digits, 0)}f}"
    return "–"


def _printed(values: pd.Series, errors: pd.Series, form: str) -> list[str]:
    pairs = (rounded(value, error) for value, error in zip(values, errors, strict=True))
    return [form.format(value=value, error=error) for value, error in pairs]


def batch_table(bias: pd.DataFrame, few: int, many: int) -> pd.DataFrame:
    """Print what `companion.analysis.dynamics.batch_bias` found with so many paths a batch."""
    columns = {
        f"N Var m, {paths} paths a batch": _printed(
            bias[name], bias[f"{name}_error"], "{value} ± {error}"
        )
        for name, paths in (("few", few), ("many", many))
    }
    difference = [
        f"{value:+.1%} ± {error:.1%}"
        for value, error in zip(bias["bias"], bias["bias_error"], strict=True)
    ]
    return pd.DataFrame(columns | {"difference": difference}, bias.index)


@takes_loss
def late_table(loss: Loss, theory: pd.DataFrame) -> pd.DataFrame:
    """Compare late times of the theory with threshold states.

    Returns
    -------
    pandas.DataFrame
        Per alpha: the last time and the energy there; limit, amplitude c and exponent p of a power
        law c t^(-p) of the energy through the last decade; the energy of threshold states by 1RSB;
        and the last edge.
    """
    rows = []
    for alpha, run in theory.groupby("alpha"):
        last, late = run.iloc[-1], run[run["t"] >= LATE * run["t"].max()]
        fit = fit_power_law(*late[["t", "energy", "energy_error"]].to_numpy().T)
        state = solve_threshold_state(loss, float(alpha))
        edge = f"{last['left_edge']:.3f} ± {last['left_edge_error']:.3f}"
        rows.append(
            {
                "alpha": alpha,
                "last t": f"{last['t']:g}",
                "energy": f"{last['energy']:.4f} ± {last['energy_error']:.4f}",
                "limit": f"{fit[0]:.3f}",
                "amplitude": f"{fit[1]:.3f}",
                "exponent": f"{fit[2]:.2f}",
                "of 1RSB": f"{state.energy:.4f}",
                "edge": edge.replace("-", "−"),
            }
        )
    return pd.DataFrame(rows).set_index("alpha")

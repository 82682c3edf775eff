"""Claims on the exact Hessian at every time of the descent (notebook 09)."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy.stats import chi2

from companion.analysis.dynamics import at_times, log_slope, transition_times
from companion.analysis.runs import LATE, fit_power_law
from companion.claims.claim import Row
from companion.claims.typeset import rounded
from companion.claims.verdicts import (
    LEVEL,
    Finding,
    Z,
    agrees,
    errors_of,
    jointly,
    rises,
    together,
    too_few,
    within,
)
from companion.thresholds import dynamical_threshold
from prlib.losses import Loss, takes_loss
from prlib.measures import initial
from prlib.measures.threshold_states import solve_threshold_state
from prlib.spectra.bulk import left_edge
from prlib.transitions import alpha_init

QUANTITIES = {"bbp": "condition of the transition", "left_edge": "left edge"}
"""What `as_in_theory` compares, by the column of theory."""

LEAST_ALPHAS = 3
"""Alphas below the transition that are enough to say that at none of them it comes later."""


def _start(loss: Loss, theory: pd.DataFrame) -> Finding:
    start = theory[(theory["t"] == 0) & theory["left_edge"].notna()]
    exact = np.array([left_edge(initial(loss, alpha)).position for alpha in start["alpha"]])
    # Errors come from a few batches each.
    reach = [errors_of(batches, len(start)) for batches in start["batches"]]
    scores = np.abs(start["left_edge"] - exact) / (start["left_edge_error"] * reach)
    if not len(scores):
        return too_few()
    return within(scores.max(), 0.0, 1.0, "half intervals")


def as_in_theory(theory: pd.DataFrame, conditions: pd.DataFrame, column: str = "bbp") -> Finding:
    """Ask that means over descents are the column of theory, at every alpha and time jointly."""
    return jointly(
        {
            f"alpha = {alpha:g}, t = {t:g}": agrees(
                row["mean"],
                float(np.hypot(row["error"], row["theory_error"])),
                row["theory"],
                row["count"],
                QUANTITIES[column],
                tests=len(conditions),
            )
            for (alpha, t), row in _beside(theory, conditions, column).iterrows()
        }
    )


def _one_side(
    theory: pd.DataFrame, conditions: pd.DataFrame, shared: pd.DataFrame
) -> tuple[dict, Finding]:
    told = _beside(theory, conditions)
    off = told["mean"] - told["theory"]
    fields = {"count": len(off), "low": int((off < 0).sum())}
    errors = shared.loc[off.index, off.index] + np.diag(told["theory_error"] ** 2)
    # Few instances say nothing of how the places vary together.
    if not np.isfinite(errors.to_numpy()).all() or (told["count"] <= 2 * len(off)).any():
        return fields, too_few()
    square = float(off @ np.linalg.solve(errors, off))
    probability = float(chi2.sf(square, len(off)))
    return fields, within(probability, 1 - LEVEL, 1.0, "probability of a larger chi-square")


def _gap(
    theory: pd.DataFrame, gap: tuple[float, float, int], alpha_slow: float, soon: float
) -> tuple[dict, Finding]:
    run = theory[theory["alpha"] == alpha_slow]
    if run.empty:
        return {"soon": soon}, too_few()
    (expected,), (error,) = at_times(run, "gap", [soon])
    found, spread, count = gap
    told = (found, float(np.hypot(spread, error)), expected, count, "outlier less edge")
    return {"soon": soon}, agrees(*told)


def _beside(theory: pd.DataFrame, conditions: pd.DataFrame, column: str = "bbp") -> pd.DataFrame:
    told = [
        np.ravel(at_times(theory[theory["alpha"] == alpha], column, [t]))
        for alpha, t in conditions.index
    ]
    values, errors = np.reshape(told, (-1, 2)).T
    return conditions.assign(theory=values, theory_error=errors)


def seen_lost(conditions: pd.DataFrame, alpha_slow: float) -> tuple[dict, Finding]:
    """Ask that the condition is above one at the first time and below it at the last."""
    if alpha_slow not in conditions.index.get_level_values("alpha"):
        return {"first": 0.0, "last": 0.0}, too_few()
    runs = conditions.loc[alpha_slow]
    first, last = runs.iloc[0], runs.iloc[-1]
    words = "distance of the condition from one"
    return {"first": runs.index[0], "last": runs.index[-1]}, jointly(
        {
            "above one at first": rises(
                first["mean"] - 1, first["error"], first["count"], words, tests=2
            ),
            "below one at last": rises(
                1 - last["mean"], last["error"], last["count"], words, tests=2
            ),
        }
    )


def _lost(loss: Loss, theory: pd.DataFrame) -> Finding:
    times = transition_times(theory)
    lost = times[times["event"] == "disappears"]
    early, late = alpha_init(loss).alpha, dynamical_threshold(loss).alpha
    slope, error = log_slope(lost[(lost["alpha"] > early) & (lost["alpha"] < late)])
    return rises(slope, error, quantity="slope of log t against alpha")


def _comes_later(loss: Loss, theory: pd.DataFrame) -> tuple[dict, Finding]:
    # The alpha below the transition whose outlier stands out most.
    below = theory[(theory["alpha"] < alpha_init(loss).alpha) & theory["bbp"].notna()]
    at_start = below[below["t"] == 0].set_index("alpha")
    absent = at_start.index[(1 - at_start["bbp"]) / at_start["bbp_error"] > Z]
    later = below[(below["t"] > 0) & below["alpha"].isin(absent)]
    if later.empty:
        return {"place": ""}, too_few()
    best = later.iloc[((later["bbp"] - 1) / later["bbp_error"]).argmax()]
    words = "condition of the transition less one"
    finding = rises(best["bbp"] - 1, best["bbp_error"], best["batches"], words, tests=len(later))
    # That there is one is not refuted by a few that are none.
    few = len(absent) < LEAST_ALPHAS and finding.number < 0
    return {"place": f" (alpha = {best['alpha']:g})"}, too_few() if few else finding


def _again(checked: pd.DataFrame) -> tuple[dict, Finding]:
    return together(checked["apart"], checked["freedom"])


CLAIMS = (
    Row(
        "evolution-start",
        "at t = 0 the edge is that of the random start: largest difference, in half intervals",
        _start,
        "check",
    ),
    Row(
        "evolution-condition",
        "in descents without the signal the condition of the transition, extrapolated in N, is "
        "that of theory at every alpha and time observed",
        as_in_theory,
        effect=0.04,
    ),
    Row(
        "evolution-one-side",
        "of these {count} differences {low} are negative, as chance may have it: they share "
        "instances and the slope of the extrapolation, and are none too large together",
        _one_side,
        "check",
    ),
    # Half the gap of theory: what tells an outlier there from an edge alone.
    Row(
        "evolution-gap",
        "at alpha = {alpha_slow:g}, t = {soon:g} the pooled law of such descents has an outlier, "
        "as far below its edge as theory says",
        _gap,
        effect=0.002,
    ),
    Row(
        "evolution-lost-simulated",
        "the informative direction is lost in finite time: in descents at alpha = {alpha_slow:g}, "
        "extrapolated in N, the condition of the transition is above one at t = {first:g} and "
        "below it at t = {last:g}",
        seen_lost,
        effect=0.03,
    ),
    Row(
        "evolution-lost",
        "between the transitions the outlier of the start is lost, once, and later at larger alpha",
        _lost,
        effect=1.0,
    ),
    Row(
        "evolution-comes-later",
        "below alpha_BBP^init there is an alpha{place} without an outlier at the start, where one "
        "appears later",
        _comes_later,
        effect=0.005,
    ),
    Row(
        "evolution-again",
        "other seeds give the same numbers: {beyond} of {count} differences exceed one joint "
        "standard error, as one in three does by chance, and none its interval, which holds for "
        "all at once",
        _again,
        "check",
    ),
)
"""Evaluated on ``loss``, ``theory`` and the ``conditions`` of descents without the signal, at
infinite size, with the covariance that they ``shared``, of which those at ``alpha_slow`` are
between the transitions, and the ``gap`` there at a time ``soon`` (see
`companion.analysis.signal_free`); ``checked`` (`companion.analysis.dynamics.repeated`)."""


def condition_table(
    theory: pd.DataFrame, conditions: pd.DataFrame, column: str = "bbp"
) -> pd.DataFrame:
    """Print a column of theory, the condition of the transition, beside that of descents."""
    table = _beside(theory, conditions, column)
    form = "{value} ± {error}"
    return pd.DataFrame(
        {
            "descents": _printed(table["mean"], table["error"], form),
            "theory": _printed(table["theory"], table["theory_error"], form),
        },
        table.index.set_names(["alpha", "t"]),
    )


def repeat_table(checked: pd.DataFrame) -> pd.DataFrame:
    """Print what `companion.analysis.dynamics.repeated` found.

    Returns
    -------
    pandas.DataFrame
        Per alpha and quantity: the number, down to the first digit of the standard error, that of
        the other runs, their difference in joint standard errors, and the digits that both print,
        as text; a dash where they share none.
    """
    form = "{value} ± {error}"
    return pd.DataFrame(
        {
            "number": _printed(checked["value"], checked["error"], form),
            "other seeds": _printed(checked["value_again"], checked["error_again"], form),
            "apart": [f"{apart:+.1f}" for apart in checked["apart"]],
            "digits that hold": [
                _shared(row) for row in checked[["value", "value_again"]].to_numpy()
            ],
        },
        checked.index,
    )


def _shared(values: np.ndarray) -> str:
    # The finest rounding, down to one digit, that is the same for all.
    if not np.all(np.isfinite(values) & (values != 0)):
        return "–"
    leading = -int(np.floor(np.log10(np.abs(values).min())))
    for digits in range(leading + 5, leading - 1, -1):
        first, *others = np.round(values, digits)
        if all(other == first for other in others):
            return f"{first:.{max(digits, 0)}f}"
    return "–"


def _printed(values: pd.Series, errors: pd.Series, form: str) -> list[str]:
    def told(value: float, error: float) -> str:
        if not error > 0:
            return f"{value:.3g}"
        value, error = rounded(value, error)
        return form.format(value=value, error=error)

    return [told(*pair) for pair in zip(values, errors, strict=True)]


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

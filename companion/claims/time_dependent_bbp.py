"""Claims on the exact Hessian at every time of the descent (notebook 09)."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy.optimize import curve_fit

from companion.claims.claim import Claim, Z, agrees, rises, within
from companion.claims.typeset import rounded
from companion.ensembles import mean_interval
from prlib.losses import NormalizedIntensity
from prlib.measures.threshold_states import solve_threshold_state
from prlib.transitions import alpha_init, alpha_threshold, spectrum
from prlib.transitions.time_dependent import crossings


def transition_times(theory: pd.DataFrame) -> pd.DataFrame:
    """Find when the outlier toward the signal appears and disappears.

    Parameters
    ----------
    theory : pandas.DataFrame
        From `companion.ensembles.theory_runs`.

    Returns
    -------
    pandas.DataFrame
        alpha, event (appears or disappears), t, error (standard error): a row an event.
    """
    rows = [
        (alpha, crossing.event, crossing.t, crossing.error)
        for alpha, course in theory.dropna(subset=["bbp"]).groupby("alpha")
        for crossing in crossings(tuple(course.itertuples()))
    ]
    return pd.DataFrame(rows, columns=["alpha", "event", "t", "error"])


def at_times(theory: pd.DataFrame, column: str, times: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Read one course of the theory at given times.

    Parameters
    ----------
    theory : pandas.DataFrame
        One run, from `companion.ensembles.theory_runs`.
    column : str
        The quantity.
    times : array_like
        Flow times within the run.

    Returns
    -------
    value, error : ndarray
        Between recorded times, which are close, linear in the logarithm of time.
    """
    course = theory[theory["t"] > 0]
    grid, at = np.log(course["t"]), np.log(times)
    return np.interp(at, grid, course[column]), np.interp(at, grid, course[f"{column}_error"])


def evolution_claims(
    a: float, theory: pd.DataFrame, simulated: pd.DataFrame, compare: float
) -> list[Claim]:
    """Hold the exact Hessian over time against its start, simulation, and the paper's mechanism.

    Parameters
    ----------
    a : float
        Normalisation of the loss.
    theory : pandas.DataFrame
        From `companion.ensembles.theory_runs`.
    simulated : pandas.DataFrame
        From `companion.ensembles.observations`, with the theory's alphas or some of them.
    compare : float
        Flow time, one of the observed, at which the two are compared.

    Returns
    -------
    list of Claim
        The start, the simulation at the largest size, and the comings and goings of the outlier.
    """
    loss = NormalizedIntensity(a)
    early, late = alpha_init(loss).alpha, alpha_threshold(loss).alpha
    claims = [_start(a, theory)]
    for alpha, rows in simulated.groupby("alpha"):
        course = theory[theory["alpha"] == alpha]
        if len(course):
            largest = rows[rows["n"] == rows["n"].max()]
            claims += _simulated(course, largest, float(alpha), compare)
    times = transition_times(theory)
    lost = times[times["event"] == "disappears"].set_index("alpha")
    between = lost[(lost.index > early) & (lost.index < late)]
    claims.append(
        rises(
            "evolution-lost",
            "between the transitions the outlier of the start is lost, once, and later at larger "
            "alpha: slope of log t against alpha, in standard errors",
            *_slope(between),
        )
    )
    claims.append(_comes_later(theory, early))
    return claims


PRINTED = {
    "energy": "energy",
    "mu": "mu",
    "left_edge": "edge",
    "outlier": "outlier",
    "overlap2": "squared overlap",
    "bbp": "condition of the transition",
    "variance": "variance of the overlap, times N",
    "amplification": "amplification of the overlap",
}
"""What `convergence` compares, by column of the theory's table."""


def convergence(base: pd.DataFrame, finer: pd.DataFrame, more: pd.DataFrame) -> pd.DataFrame:
    """Compare the numbers at the end of a run with those of other steps and other paths.

    Parameters
    ----------
    base, finer, more : pandas.DataFrame
        Runs of the same alphas and times, from `companion.ensembles.theory_runs`: one, the same
        with shorter steps, and one with more paths of another seed.

    Returns
    -------
    pandas.DataFrame
        A row a number: alpha and quantity are the index; value and error are those of the base,
        value_finer, value_more and error_more those of the others.
    """
    table = _last_numbers(base)
    for name, theory in (("finer", finer), ("more", more)):
        table = table.join(_last_numbers(theory).add_suffix(f"_{name}"))
    return table.drop(columns="error_finer").sort_index()


def _last_numbers(theory: pd.DataFrame) -> pd.DataFrame:
    rows = {}
    for alpha, course in theory.groupby("alpha"):
        last = course.iloc[-1]
        for column, quantity in PRINTED.items():
            if last[f"{column}_error"] > 0:
                rows[alpha, quantity] = (last[column], last[f"{column}_error"])
    for row in transition_times(theory).itertuples():
        rows[row.alpha, f"time at which the outlier {row.event}"] = (row.t, row.error)
    index = pd.MultiIndex.from_tuples(rows, names=["alpha", "quantity"])
    return pd.DataFrame(rows.values(), index, ["value", "error"])


def convergence_table(table: pd.DataFrame) -> pd.DataFrame:
    """Print what `convergence` found, down to the first digit of the standard error.

    Parameters
    ----------
    table : pandas.DataFrame
        From `convergence`.

    Returns
    -------
    pandas.DataFrame
        Per alpha and quantity: the number, that of the other runs, and the digits that all of them
        print, as text; a dash where they share none.
    """
    value, error = table["value"], table["error"]
    return pd.DataFrame(
        {
            "number": _printed(value, error, "{value} ± {error}"),
            "half the step": _printed(table["value_finer"], error, "{value}"),
            "four times the paths": _printed(
                table["value_more"], table["error_more"], "{value} ± {error}"
            ),
            "digits that hold": [
                _shared(row) for row in table[["value", "value_finer", "value_more"]].to_numpy()
            ],
        },
        table.index,
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


def convergence_claims(table: pd.DataFrame) -> list[Claim]:
    """Claim that neither steps nor paths matter.

    Parameters
    ----------
    table : pandas.DataFrame
        From `convergence`.

    Returns
    -------
    list of Claim
        FAIL also where another run lacks a number.
    """
    moved = (table["value_finer"] - table["value"]).abs() / table["error"]
    joint = np.hypot(table["error"], table["error_more"])
    apart = (table["value_more"] - table["value"]).abs() / joint
    return [
        within(
            "evolution-step",
            "half the step moves no number by more than its standard error: largest move in "
            "standard errors",
            float(moved.to_numpy().max()),
            0.0,
            1.0,
            "standard errors",
        ),
        within(
            "evolution-paths",
            "four times as many other paths give the same numbers: largest difference in joint "
            "standard errors",
            float(apart.to_numpy().max()),
            0.0,
            Z,
            "standard errors",
        ),
    ]


def batch_bias(few: pd.DataFrame, many: pd.DataFrame) -> pd.DataFrame:
    """Compare N Var m at the end of runs with few and with many paths a batch.

    Parameters
    ----------
    few, many : pandas.DataFrame
        Runs of the same alphas and times, from `companion.ensembles.theory_runs`.

    Returns
    -------
    pandas.DataFrame
        Per alpha: few, many, and bias, which is few / many - 1, each with its standard error.
    """
    rows = {}
    for name, theory in (("few", few), ("many", many)):
        last = theory.groupby("alpha").last()
        rows |= {name: last["variance"], f"{name}_error": last["variance_error"]}
    table = pd.DataFrame(rows)
    ratio = table["few"] / table["many"]
    relative = [table[f"{name}_error"] / table[name] for name in ("few", "many")]
    return table.assign(bias=ratio - 1, bias_error=ratio * np.hypot(*relative))


def batch_table(bias: pd.DataFrame, few: int, many: int) -> pd.DataFrame:
    """Print what `batch_bias` found.

    Parameters
    ----------
    bias : pandas.DataFrame
        From `batch_bias`.
    few, many : int
        Paths of a batch.

    Returns
    -------
    pandas.DataFrame
        Per alpha: N Var m of both, and their difference, as text.
    """
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


def batch_claim(bias: pd.DataFrame, base: pd.DataFrame, ratio: float) -> Claim:
    """Claim that the bias of a run's batches is small beside its standard error.

    A mean over few paths enters the descent of those paths, so that a batch has a bias of order one
    over its paths, which an average over batches keeps.

    Parameters
    ----------
    bias : pandas.DataFrame
        From `batch_bias`.
    base : pandas.DataFrame
        The runs, of the same alphas.
    ratio : float
        How many times more paths their batches have than the small ones.

    Returns
    -------
    Claim
        Mean bias over mean relative standard error.
    """
    last = base.groupby("alpha").last()
    error = (last["variance_error"] / last["variance"]).mean()
    return within(
        "evolution-batches",
        "batches have enough paths: bias of N Var m, as measured with fewer paths and scaled as "
        "one over their number, in standard errors of a run",
        float(bias["bias"].mean() / ratio / error),
        -1.0,
        1.0,
        "standard errors",
    )


def _start(a: float, theory: pd.DataFrame) -> Claim:
    start = theory[(theory["t"] == 0) & theory["left_edge"].notna()]
    exact = np.array([spectrum(a, alpha).left_edge for alpha in start["alpha"]])
    scores = np.abs(start["left_edge"] - exact) / start["left_edge_error"]
    return within(
        "evolution-start",
        "at t = 0 the edge is that of the random start: largest difference in standard errors",
        float(scores.max()),
        0.0,
        Z,
        "standard errors",
    )


def _simulated(
    course: pd.DataFrame, rows: pd.DataFrame, alpha: float, compare: float
) -> list[Claim]:
    n, claims = rows["n"].iloc[0], []
    for column, name, what in (
        ("energy", "energy", "energy per dimension"),
        ("edge", "left_edge", "edge of the bulk"),
        ("overlap2", "overlap2", "squared overlap of the lowest eigenvector with the signal"),
    ):
        value, error = at_times(course, name, [compare])
        if column == "overlap2" and value[0] < 0.2:
            continue  # below this a finite size rounds the corner
        found = mean_interval(rows, "time", column).loc[compare]
        claims.append(
            agrees(
                f"evolution-{column}-{alpha:g}",
                f"at alpha = {alpha:g}, t = {compare:g}, the {what} of descents at N = {n} is that "
                "of infinite size",
                found["mean"],
                float(np.hypot(found["error"], error[0])),
                float(value[0]),
            )
        )
    return claims


def _slope(lost: pd.DataFrame) -> tuple[float, float]:
    if len(lost) < 3 or lost.index.has_duplicates:
        return float("nan"), 1.0
    weights = lost["t"] / lost["error"]
    line, covariance = np.polyfit(lost.index, np.log(lost["t"]), 1, w=weights, cov="unscaled")
    return float(line[0]), float(np.sqrt(covariance[0, 0]))


def _comes_later(theory: pd.DataFrame, early: float) -> Claim:
    # The alpha below the transition whose outlier stands out most.
    below = theory[(theory["alpha"] < early) & theory["bbp"].notna()]
    score = ((below["bbp"] - 1) / below["bbp_error"]).where(below["t"] > 0)
    at_start = below[below["t"] == 0].set_index("alpha")
    absent = (1 - at_start["bbp"]) / at_start["bbp_error"]
    best = score.groupby(below["alpha"]).max().where(absent > Z)
    place = f" (alpha = {best.idxmax():g})" if best.notna().any() else ""
    return rises(
        "evolution-comes-later",
        f"below alpha_BBP^init there is an alpha{place} without an outlier at the start, where one "
        "appears later",
        float(best.max()) if place else 0.0,
        1.0,
    )


def late_table(a: float, theory: pd.DataFrame) -> pd.DataFrame:
    """Compare late times of the theory with threshold states.

    Parameters
    ----------
    a : float
        Normalisation of the loss.
    theory : pandas.DataFrame
        From `companion.ensembles.theory_runs`.

    Returns
    -------
    pandas.DataFrame
        Per alpha: the last time and the energy there; limit, amplitude c and exponent p of a power
        law c t^(-p) of the energy through the last decade; the energy of threshold states by 1RSB;
        and the last edge.
    """
    rows = []
    for alpha, course in theory.groupby("alpha"):
        last = course.iloc[-1]
        limit, amplitude, power = _extrapolated(course)
        state = solve_threshold_state(NormalizedIntensity(a), float(alpha))
        rows.append(
            {
                "alpha": alpha,
                "last t": f"{last['t']:g}",
                "energy": f"{last['energy']:.4f} ± {last['energy_error']:.4f}",
                "limit": f"{limit:.3f}",
                "amplitude": f"{amplitude:.3f}",
                "exponent": f"{power:.2f}",
                "of 1RSB": f"{state.energy:.4f}",
                "edge": f"{last['left_edge']:.3f} ± {last['left_edge_error']:.3f}".replace(
                    "-", "−"
                ),
            }
        )
    return pd.DataFrame(rows).set_index("alpha")


def _extrapolated(course: pd.DataFrame) -> tuple[float, float, float]:
    """Fit energy = limit + amplitude t^-power over the last decade; return the three."""
    rows = course[course["t"] >= course["t"].max() / 10]
    last = float(rows["energy"].iloc[-1])
    (limit, amplitude, power), _ = curve_fit(
        lambda t, limit, amplitude, power: limit + amplitude * t**-power,
        rows["t"],
        rows["energy"],
        p0=(0.9 * last, 0.1 * last, 0.7),
        sigma=rows["energy_error"],
        bounds=([0, 0, 0.05], [last, np.inf, 3]),
    )
    return float(limit), float(amplitude), float(power)

"""Who recovers, from which start, at which size (notebooks 04 and 05)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from scipy.special import expit

from companion.analysis.half_points import REACH, near_half
from companion.analysis.intervals import mean_interval
from companion.figures.export import BookFigure, book_figure, nothing_drawn
from companion.figures.style import (
    ALPHA,
    THEORY,
    heading,
    legend_below,
    legend_under,
    look,
    mark_late,
    of,
    panels,
    points,
    says_nothing,
    sequence,
    size_colours,
)
from companion.figures.theory import start_overlaps
from companion.thresholds import dynamical_threshold
from prlib.descent.instance import HOLD
from prlib.descent.starts import STARTS, as_start
from prlib.losses import Loss, takes_loss
from prlib.sweeps import half_point, paired, rates
from prlib.transitions import alpha_init


@book_figure("fig-constrained-overlap", data=("alignment",))
@takes_loss
def overlap_over_time_figure(loss: Loss, rows: pd.DataFrame) -> BookFigure:
    """Absolute overlap against time of paired random and constrained starts."""
    starts = [start for start in STARTS if start in set(rows["start"])]
    with panels(1, len(starts), height=2.8, sharey=True) as (figure, axes):
        for axis, start in zip(axes, starts, strict=True):
            found = rows[rows["start"] == start]
            for _, run in found.groupby("replica"):
                axis.plot(
                    run["time"],
                    run["abs_overlap"],
                    color=look(start)["color"] if run["recovered"].iloc[0] else "0.6",
                    alpha=0.3,
                    linewidth=0.7,
                )
            ends = found.groupby("replica")["recovered"].first()
            axis.set_xscale("symlog", linthresh=1e-3, linscale=0.3)
            axis.set_xlim(0, found["time"].max())
            axis.set_xticks([0, 1e-2, 1, 100])
            axis.set_xlabel("time t")
            heading(axis, f"{look(start)['label']}: {ends.sum()} of {len(ends)} recover")
        axes[0].set_ylabel("overlap |m|")
        axes[0].set_ylim(0, 1.02)
    alpha, n = rows["alpha"].iloc[0], rows["n"].iloc[0]
    return BookFigure(
        "fig-constrained-overlap",
        title=rf"At {ALPHA} = {alpha:g}, {_ending(rows, starts)} recover",
        caption=f"Overlap with the signal along the descent from the same instances and random "
        rf"points, N = {n}, {of(loss)}. Coloured: runs that recover the signal by t = "
        f"{rows['time'].max():g}, when all were stopped; grey: runs that do not. Constrained "
        f"descents are held at overlap zero until t = {HOLD:g}.",
        alt="Overlap against time, a panel a start. Constrained runs stay at zero until they are "
        f"set free. Before the runs were stopped, {_ending(rows, starts)} reach one."
        f"{_still_rising(rows, starts)}",
        figure=figure,
    )


def _ending(rows: pd.DataFrame, starts: Sequence[str]) -> str:
    ends = rows.groupby(["start", "replica"])["recovered"].first().groupby("start")
    counts = ends.agg(["sum", "size"])
    return " and ".join(
        f"{counts['sum'][start]} of {counts['size'][start]} runs from {as_start(start).phrase}"
        for start in starts
    )


def _still_rising(rows: pd.DataFrame, starts: Sequence[str]) -> str:
    """Say in how many of the runs that had not recovered the overlap still grew at the end."""
    before, last = np.sort(rows["time"].unique())[-2:]
    failing = rows[~rows["recovered"]]
    if failing.empty:
        return ""
    overlaps = failing.pivot_table(index=["start", "replica"], columns="time", values="abs_overlap")
    counts = (overlaps[last] > overlaps[before]).groupby("start").agg(["sum", "size"])
    found = " and ".join(
        f"{counts['sum'][start]} of the {counts['size'][start]} grey runs in ({letter})"
        for letter, start in zip("abcdefghij", starts, strict=False)
        if start in counts.index
    )
    return (
        f" From t = {before:g} to {last:g} the overlap still grew in {found}: more of them may "
        "recover later."
    )


@book_figure(
    "fig-constrained-recovery",
    "fig-constrained-recovery-wide",
    "fig-scaling-recovery",
    data=("recovery", "recovery-a1"),
)
@takes_loss
def recovery_figure(
    loss: Loss, table: pd.DataFrame, starts: Sequence[str], name: str = "fig-recovery"
) -> BookFigure:
    """Recovered fraction against alpha, one panel a start, one colour a size."""
    sizes = sorted(table["n"].unique())
    counted = rates(table, by=["n", "start", "alpha"]).rename(columns={"rate": "mean"})
    with panels(1, len(starts), height=3.2, sharey=True, sharex=True) as (figure, axes):
        for axis, start in zip(axes, starts, strict=True):
            if start not in set(table["start"]):
                says_nothing([axis], f"no runs from\n{as_start(start).phrase}")
                continue
            _thresholds(axis, loss)
            for n, colour in zip(sizes, size_colours(sizes), strict=True):
                found = counted[(counted["n"] == n) & (counted["start"] == start)]
                if found.empty:
                    continue
                points(axis, found["alpha"], found, color=colour, label=f"N = {n}")
                _fitted(axis, table[(table["n"] == n) & (table["start"] == start)], colour)
            axis.set(xlabel=r"$\alpha$", ylim=(-0.02, 1.02))
            heading(axis, look(start)["label"])
        axes[0].set_ylabel("recovered fraction")
        legend_below(figure, axes[0])
    return BookFigure(
        name,
        title=_cost(table, starts),
        caption=f"Fraction of starts that recover the signal (|m| > 0.99 before t = "
        f"{_limits(table)}), {of(loss)}, {_runs(counted)}, the same instances in each panel. "
        f"Points: simulation, with 95 % Wilson intervals; curves: {_fits(table)}. Upright: the "
        "transitions at the start (dotted) and at threshold states (dashed), at infinite size.",
        alt=f"Recovered fractions against alpha, one curve a size. {_halves(table, starts)}",
        figure=figure,
    )


def _cost(table: pd.DataFrame, starts: Sequence[str]) -> str:
    """Say at which alpha each start recovers at the largest size where all of them pass one half.

    Of a random and a constrained start: what it costs to withhold the early direction.
    """
    places = {
        n: {start: _place(rows[rows["start"] == start]) for start in starts}
        for n, rows in table.groupby("n")
    }
    whole = {n: at for n, at in places.items() if np.isfinite([*at.values()]).all()}
    if not whole:
        return "Not every start recovers half of its runs"
    n, at = max(whole.items())
    if [*starts] == ["random", "constrained"]:
        cost = at["constrained"] - at["random"]
        word = "costs" if cost >= 0 else "saves"
        return rf"Withholding the early direction {word} {abs(cost):.2f} in {ALPHA} at N = {n}"
    told = ", ".join(f"{place:.2f} from {in_caption(start)}" for start, place in at.items())
    return rf"At N = {n} half recover at {ALPHA} = {told}"


def _limits(table: pd.DataFrame) -> str:
    return " or ".join(f"{limit:g}" for limit in sorted(table["time_limit"].unique()))


def _lacking(table: pd.DataFrame, starts: Sequence[str]) -> str:
    """Say which starts were not run at all sizes."""
    every = table["n"].nunique()
    by_start = table.groupby("start")["n"].unique()
    part = [
        f"{as_start(start).phrase} only at N = {', '.join(map(str, sorted(by_start[start])))}"
        for start in starts
        if len(by_start[start]) < every
    ]
    return f" Runs from {'; '.join(part)}.".replace("v1", r"\(v_1\)") if part else ""


def _halves(table: pd.DataFrame, starts: Sequence[str]) -> str:
    """Say at which alpha each start's curves pass one half at the smallest and largest size."""
    told = []
    for start in starts:
        at = table[table["start"] == start]
        places = {n: _place(found) for n, found in at.groupby("n")}
        places = {n: place for n, place in places.items() if np.isfinite(place)}
        if places:
            ends = [f"{places[n]:.2f} at N = {n}" for n in {min(places): 0, max(places): 0}]
            told.append(f"from {as_start(start).phrase} at alpha = {' and '.join(ends)}")
    return f"One half is passed {'; '.join(told)}." if told else "None passes one half."


def _place(found: pd.DataFrame) -> float:
    near = near_half(found)
    return half_point(near["alpha"], near["recovered"]).alpha if len(near) else np.nan


def _thresholds(axis: Axes, loss: Loss) -> None:
    axis.axvline(alpha_init(loss).alpha, color=THEORY, linestyle=":", linewidth=1)
    mark_late(axis.axvspan, axis.axvline, dynamical_threshold(loss), linestyle="--")


def _fitted(axis: Axes, table: pd.DataFrame, colour) -> None:
    near = near_half(table)
    fit = half_point(near["alpha"], near["recovered"]) if len(near) else None
    if fit is not None and np.isfinite(fit.slope):
        grid = np.linspace(near["alpha"].min(), near["alpha"].max(), 100)
        axis.plot(grid, expit(fit.slope * (grid - fit.alpha)), color=colour, linewidth=0.8)


def _fits(table: pd.DataFrame) -> str:
    """Say what the curves of `_fitted` are fitted to."""
    counts = near_half(table).groupby(["n", "start"])["alpha"].nunique()
    if counts.empty:
        return "logistic fits near one half, for which there are no points"
    least, most = counts.min(), counts.max()
    many = f"{least}" if least == most else f"{least} to {most}"
    exact = "; a fit to two alphas meets both points" if least == 2 else ""
    return (
        f"logistic fits near one half only, each to the {many} alphas within {REACH:g} of where "
        f"its fraction passes one half{exact}"
    )


def _runs(counted: pd.DataFrame) -> str:
    least, most = counted["runs"].min(), counted["runs"].max()
    many = f"{least}" if least == most else f"{least} to {most}"
    return f"{many} run{'s' if most > 1 else ''} a point"


def in_caption(start: str) -> str:
    """Return what a start is called, with its mathematics as a caption writes it."""
    return as_start(start).phrase.replace("v1", r"\(v_1\)")


@book_figure("fig-constrained-difference", "fig-spectral-difference", data=("recovery",))
@takes_loss
def paired_difference_figure(
    loss: Loss, table: pd.DataFrame, one: str, other: str, name: str
) -> BookFigure:
    """Difference of two starts' recovered fractions on the same instances."""
    differences = paired(table, one, other).rename(columns={"difference": "mean"})
    if differences.empty:
        both = f"{as_start(one).phrase} and from {as_start(other).phrase}"
        return nothing_drawn(name, f"no instance was run from {both}")
    sizes = sorted(differences["n"].unique())
    with panels(height=3.0, width=5.4) as (figure, (axis,)):
        _thresholds(axis, loss)
        axis.axhline(0, color="0.7", linewidth=0.8)
        for i, (n, colour) in enumerate(zip(sizes, size_colours(sizes), strict=True)):
            found = differences[differences["n"] == n]
            shift = 0.02 * (i - (len(sizes) - 1) / 2)
            points(axis, found["alpha"] + shift, found, color=colour, label=f"N = {n}")
            axis.plot(found["alpha"] + shift, found["mean"], color=colour, linewidth=0.6)
        axis.set(
            xlabel=r"$\alpha$",
            ylabel=f"recovered fraction,\n{look(one)['label']} less {look(other)['label']}",
        )
        legend_below(figure, axis)
    return BookFigure(
        name,
        title=_gain(differences, one, other),
        caption="Difference of the recovered fractions on the same instances, "
        f"{of(loss)}, {differences['pairs'].min()} to {differences['pairs'].max()} pairs a point, "
        "with 95 % intervals of paired differences (Agresti and Min). Points of one alpha are "
        "drawn side by side, and thin lines join those of an N. Upright: the transitions at the "
        "start (dotted) and at threshold states (dashed), at infinite size.",
        alt=f"The fraction recovered from {as_start(one).phrase} less that from "
        f"{as_start(other).phrase}, against alpha. It is largest {_largest(differences)}.",
        figure=figure,
    )


def _gain(differences: pd.DataFrame, one: str, other: str) -> str:
    """Say by how much more often one start recovers than the other, where that is most."""
    best = differences.loc[differences["mean"].idxmax()]
    first = in_caption(one)
    return (
        f"{first[0].upper()}{first[1:]} recover up to {best['mean']:.2f} more of the instances "
        rf"than {in_caption(other)}, at {ALPHA} = {best['alpha']:g}, N = {best['n']:.0f}"
    )


def _largest(differences: pd.DataFrame) -> str:
    best = differences.loc[differences.groupby("n")["mean"].idxmax()]
    cells = best[["n", "alpha", "mean"]].itertuples(index=False, name=None)
    return ", ".join(f"at alpha = {alpha:g} for N = {n}, {mean:.2f}" for n, alpha, mean in cells)


@book_figure("fig-spectral-overlap", data=("recovery", "theory of infinite size"))
@takes_loss
def start_overlap_figure(loss: Loss, table: pd.DataFrame) -> BookFigure:
    """Squared overlap of v1 with the signal at the start, against alpha and against N."""
    spectral = table[table["start"] == "spectral"]
    if spectral.empty:
        return nothing_drawn("fig-spectral-overlap", "there are no runs from v1")
    spectral = spectral.assign(square=spectral["abs_start_overlap"] ** 2)
    sizes = sorted(spectral["n"].unique())
    chosen = _spread(sorted(spectral["alpha"].unique()), 4)
    with panels(1, 2, height=3.4) as (figure, (left, right)):
        grid = np.linspace(spectral["alpha"].min(), spectral["alpha"].max(), 160)
        left.plot(grid, start_overlaps(loss, grid), color=THEORY)
        for n, colour in zip(sizes, size_colours(sizes), strict=True):
            means = mean_interval(spectral[spectral["n"] == n], "alpha", "square")
            points(left, means.index, means, color=colour, label=f"N = {n}")
        left.set(xlabel=r"$\alpha$", ylabel="squared overlap of $v_1$", ylim=(0, None))
        legend_under(left)
        heading(left, "against alpha")
        for alpha, colour in zip(chosen, sequence(len(chosen)), strict=True):
            means = mean_interval(spectral[spectral["alpha"] == alpha], "n", "square")
            points(right, means.index, means, color=colour, label=rf"$\alpha$ = {alpha:g}")
            if level := start_overlaps(loss, [alpha])[0]:
                right.axhline(level, color=colour, linewidth=1)
        sizes_grid = np.array([min(sizes), max(sizes)])
        right.plot(sizes_grid, 1 / sizes_grid, color="0.5", linestyle=":", label="1/N: chance")
        right.set(xscale="log", yscale="log", xlabel="N", ylabel="squared overlap of $v_1$")
        right.minorticks_off()
        right.set_xticks(sizes, [str(n) for n in sizes])
        legend_under(right)
        heading(right, "against N")
    counts = spectral.groupby(["n", "alpha"]).size()
    return BookFigure(
        "fig-spectral-overlap",
        title=_fades(loss, spectral),
        caption="Squared overlap with the signal of the lowest eigenvector of the Hessian at a "
        f"random point, {of(loss)}. Points: means over {counts.min()} to {counts.max()} instances, "
        "with 95 % intervals; lines: infinite size, zero below the transition. Dotted: what a "
        "random direction has.",
        alt="Squared overlaps of the lowest eigenvector with the signal, left against alpha and "
        f"right against N, with the line of infinite size. {_overlaps_at_ends(spectral)}",
        figure=figure,
    )


def _fades(loss: Loss, spectral: pd.DataFrame) -> str:
    """Say what the squared overlap is at the smallest and largest size below the transition."""
    below = spectral[spectral["alpha"] < alpha_init(loss).alpha]
    rows = below if len(below) else spectral
    largest = rows[rows["n"] == rows["n"].max()]
    alpha = largest["alpha"].max()
    means = rows[rows["alpha"] == alpha].groupby("n")["square"].mean()
    where = "below the transition" if len(below) else "above the transition"
    sizes = dict.fromkeys((means.index[0], means.index[-1]))
    ends = " and ".join(f"{means[n]:.2f} at N = {n}" for n in sizes)
    return rf"At {ALPHA} = {alpha:g}, {where}, the squared overlap of \(v_1\) is {ends}"


def _overlaps_at_ends(spectral: pd.DataFrame) -> str:
    """Say how large they are at the least and the largest alpha, at the ends of the sizes there."""
    told = []
    for alpha in sorted({spectral["alpha"].min(), spectral["alpha"].max()}):
        means = spectral[spectral["alpha"] == alpha].groupby("n")["square"].mean()
        ends = [f"{means[n]:.2g} at N = {n}" for n in sorted({means.index[0], means.index[-1]})]
        told.append(f"At alpha = {alpha:g} they are {', '.join(ends)}.")
    return " ".join(told)


def _spread(values: Sequence[float], count: int) -> list[float]:
    places = np.unique(np.linspace(0, len(values) - 1, count).round().astype(int))
    return [values[i] for i in places]


@book_figure("fig-spectral-recovery", data=("recovery",))
@takes_loss
def starts_figure(loss: Loss, table: pd.DataFrame, sizes: Sequence[int]) -> BookFigure:
    """Recovered fraction against alpha of all starts, one panel a size."""
    sizes = sorted({*sizes})
    table = table[table["n"].isin(sizes)]
    starts = [start for start in STARTS if start in set(table["start"])]
    counted = rates(table, by=["n", "start", "alpha"]).rename(columns={"rate": "mean"})
    with panels(1, len(sizes), height=3.2, sharey=True, sharex=True) as (figure, axes):
        for axis, n in zip(axes, sizes, strict=True):
            axis.axvline(alpha_init(loss).alpha, color=THEORY, linestyle=":", linewidth=1)
            lacking = 0
            for start in starts:
                found = counted[(counted["n"] == n) & (counted["start"] == start)]
                if found.empty:
                    lacking += 1
                    continue
                points(axis, found["alpha"], found, **look(start))
                at = table[(table["n"] == n) & (table["start"] == start)]
                _fitted(axis, at, look(start)["color"])
            axis.set(xlabel=r"$\alpha$", ylim=(-0.02, 1.02))
            shown = f", {len(starts) - lacking} of {len(starts)} starts" if lacking else ""
            heading(axis, f"N = {n}{shown}")
        axes[0].set_ylabel("recovered fraction")
        legend_below(figure, axes[0])
    return BookFigure(
        "fig-spectral-recovery",
        title=_savings(table, starts),
        caption=f"Fraction of descents that recover the signal from each start, {of(loss)}, "
        f"{_runs(counted)}, on the same instances. Points: simulation, with 95 % Wilson "
        f"intervals; curves: {_fits(table)}. Dotted: the transition at the start."
        f"{_lacking(table, starts)}",
        alt=f"Recovered fractions against alpha for several starts. {_halves(table, starts)}",
        figure=figure,
    )


_SAVING = {
    "spectral": r"Starting along \(v_1\)",
    "deflated": "without its part along the signal it",
}
"""Starts that are held against a random one, in words."""


def _savings(table: pd.DataFrame, starts: Sequence[str]) -> str:
    """Say what starting along v1, and along what is left of it without the signal, saves."""
    told = []
    for start, words in _SAVING.items():
        sizes = table.loc[table["start"] == start, "n"] if start in starts else ()
        for n in sorted({*sizes}, reverse=True):
            at = table[table["n"] == n]
            saved = _place(at[at["start"] == "random"]) - _place(at[at["start"] == start])
            if np.isfinite(saved):
                word = "saves" if saved >= 0 else "costs"
                told.append(rf"{words} {word} {abs(saved):.2f} in {ALPHA} at N = {n}")
                break
    return "; ".join(told) or "No start passes one half beside a random one"

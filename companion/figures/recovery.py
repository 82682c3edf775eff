"""Who recovers, from which start, at which size (notebooks 04, 05 and 06)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from scipy.special import expit

from companion.analysis.half_points import REACH, near_half
from companion.analysis.intervals import mean_interval
from companion.analysis.scaling import FORMS, LEAST_SIZES, Scaling
from companion.figures.export import BookFigure, book_figure, nothing_drawn
from companion.figures.style import (
    OPAQUE,
    THEORY,
    heading,
    legend_below,
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
        rf"Overlap with the signal along the descent: \(\alpha\) = {alpha:g}, N = {n}, {of(loss)}, "
        f"{rows['replica'].nunique()} instances. Both panels show the same instances and random "
        f"points, until t = {rows['time'].max():g}, when the runs were stopped. Coloured: runs "
        "that recover the signal by then; grey: runs that do not. The constrained descent is held "
        f"at overlap zero until t = {HOLD:g}. Lines join the times of observation."
        f"{_still_rising(rows, starts)}",
        "Overlap against time, a panel a start. Constrained runs stay at zero until they are set "
        f"free. Before the runs were stopped, {_ending(rows, starts)} reach one.",
        figure,
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
        f"Fraction of {' and '.join(starts)} starts that recover the signal at {of(loss)} "
        f"(|m| > 0.99 before t = {_limits(table)}), {_runs(counted)}, the same instances in each "
        "panel. Points: simulation, with 95 % Wilson intervals; curves: "
        f"{_fits(table)}. "
        r"Vertical lines: \(\alpha_\mathrm{BBP}\) at the start (dotted, "
        f"{alpha_init(loss).alpha:.3f}) "
        rf"and at threshold states (dashed, {dynamical_threshold(loss)}), both at infinite size.",
        f"Recovered fractions against alpha, one curve a size. {_halves(table, starts)}",
        figure,
    )


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


def _in_caption(start: str) -> str:
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
        f"Recovered fraction from {_in_caption(one)} less that from {_in_caption(other)}, on the "
        f"same instances, {of(loss)}, {differences['pairs'].min()} to {differences['pairs'].max()} "
        "pairs a point, with 95 % intervals of paired differences (Agresti and Min). Vertical "
        "lines: the transitions at the start (dotted) and at threshold states (dashed), at "
        "infinite size. Points of one alpha are drawn side by side; thin lines join those of an N.",
        f"The fraction recovered from {as_start(one).phrase} less that from "
        f"{as_start(other).phrase}, against alpha. It is largest {_largest(differences)}.",
        figure,
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
    with panels(1, 2, height=3.0) as (figure, (left, right)):
        grid = np.linspace(spectral["alpha"].min(), spectral["alpha"].max(), 160)
        left.plot(grid, start_overlaps(loss, grid), color=THEORY)
        for n, colour in zip(sizes, size_colours(sizes), strict=True):
            means = mean_interval(spectral[spectral["n"] == n], "alpha", "square")
            points(left, means.index, means, color=colour, label=f"N = {n}")
        left.set(xlabel=r"$\alpha$", ylabel="squared overlap of $v_1$", ylim=(0, None))
        left.legend(**OPAQUE)
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
        right.legend(**OPAQUE)
        heading(right, "against N")
    counts = spectral.groupby(["n", "alpha"]).size()
    return BookFigure(
        "fig-spectral-overlap",
        "Squared overlap with the signal of the lowest eigenvector of the Hessian at a random "
        f"point, {of(loss)}. Points: means over {counts.min()} to {counts.max()} instances, with "
        "95 % intervals. Lines: infinite size, zero below the transition at "
        rf"\(\alpha\) = {alpha_init(loss).alpha:.3f}. Dotted: what a random direction has.",
        "Squared overlaps of the lowest eigenvector with the signal, left against alpha and right "
        f"against N, with the line of infinite size. {_overlaps_at_ends(spectral)}",
        figure,
    )


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
            for start in starts:
                found = counted[(counted["n"] == n) & (counted["start"] == start)]
                if found.empty:
                    continue
                points(axis, found["alpha"], found, **look(start))
                at = table[(table["n"] == n) & (table["start"] == start)]
                _fitted(axis, at, look(start)["color"])
            axis.set(xlabel=r"$\alpha$", ylim=(-0.02, 1.02))
            heading(axis, f"N = {n}")
        axes[0].set_ylabel("recovered fraction")
        legend_below(figure, axes[0])
    return BookFigure(
        "fig-spectral-recovery",
        rf"Fraction of descents that recover the signal from each start, {of(loss)}, "
        f"{_runs(counted)}, on the same instances. Points: simulation, with 95 % Wilson "
        rf"intervals; curves: {_fits(table)}. Dotted: \(\alpha_\mathrm{{BBP}}\) at the start, "
        f"{alpha_init(loss).alpha:.3f}.{_lacking(table, starts)}",
        f"Recovered fractions against alpha for several starts. {_halves(table, starts)}",
        figure,
    )


@book_figure("fig-half-points", data=("recovery",))
@takes_loss
def half_points_figure(
    loss: Loss,
    half_points: pd.DataFrame,
    fits: dict[str, Sequence[Scaling]],
    predicted: pd.DataFrame,
) -> BookFigure:
    """Half points against the dimension, with the forms that were fitted to them."""
    styles = ("-", "--", ":", "-.")
    starts = list(fits)
    if half_points.empty:
        return nothing_drawn("fig-half-points", "at no size do half the runs recover")
    with panels(1, len(starts), height=3.4, sharey=False) as (figure, axes):
        for axis, start in zip(axes, starts, strict=True):
            found = half_points[half_points["start"] == start].rename(columns={"half": "mean"})
            heading(axis, look(start)["label"])
            if not fits[start]:
                few = f"half points at\n{len(found)} sizes, and\na fit needs {LEAST_SIZES}"
                says_nothing([axis], few)
                continue
            grid = np.geomspace(found["n"].min(), predicted["n"].max() * 2, 200)
            for fit, style in zip(fits[start], styles, strict=True):
                axis.plot(grid, fit.half_point(grid), style, color=THEORY, label=FORMS[fit.form][0])
            points(axis, found["n"], found, **look(start) | {"label": None})
            mine = predicted[predicted["start"] == start]
            # One beside the other, in the line style of their forms.
            for i, (style, (_, row)) in enumerate(zip(styles, mine.iterrows(), strict=True)):
                place = row["n"] * 1.35 ** (i - 1.5)
                axis.plot([place] * 2, [row["low"], row["high"]], style, color="0.45", linewidth=2)
            axis.set(xscale="log", xlabel="N")
            axis.minorticks_off()
            axis.set_xticks([100, 1000, 10000], ["100", "1000", "10000"])
        axes[0].set_ylabel(r"$\alpha$ at which half the runs recover")
        legend_below(figure, axes[0])
    counts = half_points["runs"]
    return BookFigure(
        "fig-half-points",
        r"The \(\alpha\) at which half the descents recover the signal, against the dimension, "
        f"{of(loss)}. Points: logistic fits to {counts.min()} to {counts.max()} runs a size, with "
        "95 % bootstrap intervals. Lines: four forms, each fitted to the runs of all sizes. Grey "
        f"bars, side by side: their predictions for N = {predicted['n'].iloc[0]}, 95 % bootstrap "
        "intervals. "
        rf"For scale: \(\alpha_\mathrm{{BBP}}\) is {alpha_init(loss).alpha:.3f} at the start and "
        f"{dynamical_threshold(loss)} at threshold states.",
        f"Half points against N, and the four forms fitted to them. {_ends_of(half_points)}",
        figure,
    )


def _ends_of(half_points: pd.DataFrame) -> str:
    """Say where the half points of each start lie at its smallest and its largest size."""
    told = [
        f"{as_start(start).phrase}: {rows['half'].iloc[0]:.2f} at N = {rows['n'].iloc[0]}, "
        f"{rows['half'].iloc[-1]:.2f} at N = {rows['n'].iloc[-1]}"
        for start, rows in half_points.groupby("start", sort=False)
    ]
    return f"{'; '.join(told)}."

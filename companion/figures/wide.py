"""Wide students: recovery by width, threshold states, transitions that jump (chapter 15)."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from companion.analysis.half_points import Halves
from companion.analysis.intervals import mean_interval
from companion.figures.export import BookFigure, book_figure
from companion.figures.plotted import ends_in_words
from companion.figures.style import (
    THEORY,
    heading,
    legend_below,
    look,
    panels,
    points,
    sequence,
    size_colours,
)
from prlib.sweeps import rates


def units(width: float) -> str:
    """Name a width."""
    return f"{width:g} unit" if width == 1 else f"{width:g} units"


@book_figure("fig-wide", data=("students",))
def wide_figure(table: pd.DataFrame, halves: Halves, starts: pd.Series) -> BookFigure:
    """Recovered fractions of wide students, and where half of them recover, by width.

    Parameters
    ----------
    table : pandas.DataFrame
        Runs of both starts, with their ``width``.
    halves : Halves
        From `companion.analysis.wide.halves_by_width`.
    starts : pandas.Series
        The transition of the Hessian at a random start, by width.
    """
    widths, n = sorted(table["width"].unique()), int(table["n"].min())
    found = rates(table[table["n"] == n], by=["width", "start", "alpha"])
    found = found.rename(columns={"rate": "mean"})
    with panels(1, 2, height=3.1) as (figure, (left, right)):
        for width, colour in zip(widths, sequence(len(widths)), strict=True):
            for start in ("random", "constrained"):
                rows = found[(found["width"] == width) & (found["start"] == start)]
                open_ = start == "constrained"
                style = {"color": colour, "marker": look(start)["marker"]}
                style["markerfacecolor"] = "white" if open_ else colour
                label = f"{units(width)}, {look(start)['label']}"
                points(left, rows["alpha"], rows, label=label, **style)
                line = {"linewidth": 0.8, "linestyle": "--" if open_ else "-"}
                left.plot(rows["alpha"], rows["mean"], color=colour, **line)
        left.set(xlabel=r"measurements per dimension $\alpha$", ylabel="recovered fraction")
        left.set_ylim(-0.02, 1.02)
        heading(left, f"N = {n}")
        _half_points(right, halves, starts)
        handles, labels = left.get_legend_handles_labels()
        more = right.get_legend_handles_labels()
        figure.legend(
            [*handles, *more[0]], [*labels, *more[1]], loc="outside lower center", ncols=3
        )
    runs = found["runs"]
    return BookFigure(
        "fig-wide",
        f"Wide students, a = {table['a'].iloc[0]:g}. (a) Fraction of descents that recover the "
        f"signal against the measurements, N = {n}, from random starts (filled) and from the same "
        f"held at overlap zero for a time (open), both free for t = {table['time'].max():g}; "
        f"{runs.min()} to {runs.max()} instances a point, with 95 % Wilson intervals. (b) Where "
        "half of them recover against the number of hidden units, with 95 % intervals, larger "
        "markers for larger N; line: the transition of the Hessian at a random start.",
        f"Recovered fractions and half points by width. {ends_in_words(figure)}",
        figure,
    )


def _half_points(axis: Axes, halves: Halves, starts: pd.Series) -> None:
    sizes = sorted({name[2] for name in halves.best.index})
    axis.plot(starts.index, starts, color=THEORY, label="transition of a random start")
    for n, size in zip(sizes, np.linspace(3.5, 6, len(sizes)), strict=True):
        for start in ("random", "constrained"):
            names = [name for name in halves.best.index if name[1:] == (start, n)]
            errors = 1.96 * halves.draws[names].std().to_numpy()
            style = look(start) | {"label": f"{look(start)['label']}, N = {n}"}
            places = halves.best[names].to_numpy()
            estimate = {"mean": places, "low": places - errors, "high": places + errors}
            widths = [name[0] for name in names]
            points(axis, widths, estimate, markersize=size, **style)
            axis.plot(widths, places, color=style["color"], linewidth=size / 6)
    axis.set_xscale("log", base=2)
    axis.set_xticks(starts.index, [f"{p:g}" for p in starts.index])
    axis.minorticks_off()
    axis.set(xlabel="hidden units p", ylabel=r"$\alpha$ at which half recover")
    axis.set_ylim(bottom=0)
    heading(axis, "half points")


@book_figure("fig-wide-states", data=("students-hold",))
def states_figure(table: pd.DataFrame, starts: pd.Series) -> BookFigure:
    """Draw what the lowest eigenvectors know at the start and after a long hold, by width.

    Parameters
    ----------
    table : pandas.DataFrame
        Held descents, from the experiment `wide_hold`.
    starts : pandas.Series
        The transition of the Hessian at a random start, by width.
    """
    widths, sizes = sorted(table["width"].unique()), sorted(table["n"].unique())
    with panels(1, len(widths), height=3.0, sharey=True) as (figure, axes):
        for axis, width in zip(axes, widths, strict=True):
            for when, line in (("start", "-"), ("end", "--")):
                for n, colour in zip(sizes, size_colours(sizes), strict=True):
                    rows = table[(table["width"] == width) & (table["when"] == when)]
                    found = mean_interval(rows[rows["n"] == n], "alpha", "overlap2")
                    x = found.index / starts[int(width)]
                    style = {"color": colour, "markersize": 4}
                    style["markerfacecolor"] = colour if when == "start" else "white"
                    points(axis, x, found, label=f"{_WHEN[when]}, N = {n}", **style)
                    axis.plot(x, found["mean"], color=colour, linestyle=line, linewidth=0.8)
            axis.axvline(1, linestyle=":", color=THEORY, linewidth=1)
            axis.set(xlabel="measurements,\nover the transition of a start", ylim=(0, None))
            heading(axis, units(width))
        axes[0].set_ylabel("squared overlap\nwith the signal")
        legend_below(figure, axes[0], 2)
    counts = table.groupby(["width", "n", "alpha"])["replica"].nunique()
    return BookFigure(
        "fig-wide-states",
        "Squared overlap of the lowest eigenvectors of the Hessian, as many as there are hidden "
        "units, with the directions in which a unit turns toward the signal; one panel a width. "
        "Filled: at a start of overlap zero. Open: after a descent that was held there until t = "
        f"{table['time'].max():g}. Dotted: the transition of a random start at infinite size. "
        f"a = {table['a'].iloc[0]:g}, {counts.min()} to {counts.max()} instances a point, with "
        "95 % intervals.",
        f"Squared overlaps against the measurements. {ends_in_words(figure)}",
        figure,
    )


_WHEN = {"start": "at the start", "end": "at threshold states"}


@book_figure("fig-jump", data=("students-start", "theory"))
def jump_figure(
    table: pd.DataFrame, starts: pd.Series, lines: Mapping[int, pd.DataFrame]
) -> BookFigure:
    """Overlap of the best-aligned eigenvector, and how often it is the lowest, by width and N.

    Parameters
    ----------
    table : pandas.DataFrame
        Random starts, from the experiment `wide_start`.
    starts : pandas.Series
        The transition by width.
    lines : mapping
        For each width, ``ratio`` (alpha over the transition) and ``overlap2`` of theory.
    """
    widths, sizes = sorted(table["width"].unique()), sorted(table["n"].unique())
    table = table.assign(
        ratio=table["alpha"] / table["width"].astype(int).map(starts),
        recovered=table["best"] < table["width"],
    )
    table["ratio"] = table["ratio"].round(6)
    with panels(2, len(widths), height=2.4, sharex=True, sharey="row") as (figure, axes):
        for column, width in enumerate(widths):
            upper, lower = axes[column], axes[column + len(widths)]
            theory = lines[int(width)]
            upper.plot(
                theory["ratio"], theory["overlap2"], color=THEORY, label="theory, N infinite"
            )
            for n, colour in zip(sizes, size_colours(sizes), strict=True):
                rows = table[(table["width"] == width) & (table["n"] == n)]
                overlaps = rows.groupby("ratio")["best_overlap2"]
                places = {"low": 0.1, "mean": 0.5, "high": 0.9}
                drawn = pd.DataFrame({k: overlaps.quantile(v) for k, v in places.items()})
                # Side by side: their spreads overlap.
                x = drawn.index * (1 + 0.006 * sizes.index(n))
                points(upper, x, drawn, color=colour, label=f"N = {n}")
                shares = rates(rows.drop(columns="run"), by=["ratio"])
                shares = shares.rename(columns={"rate": "mean"}).sort_values("ratio")
                points(lower, shares["ratio"], shares, color=colour)
                lower.plot(shares["ratio"], shares["mean"], color=colour, linewidth=0.8)
            for axis in (upper, lower):
                axis.axvline(1, linestyle=":", color=THEORY, linewidth=1)
            lower.set(xlabel=r"$\alpha$ over the transition", ylim=(-0.02, 1.02))
            heading(upper, units(width))
        axes[0].set_ylabel("squared overlap\nof the best")
        axes[len(widths)].set_ylabel("share of draws in which\nthe best is the lowest")
        legend_below(figure, axes[0])
    counts = table.groupby(["width", "n", "alpha"])["replica"].nunique()
    return BookFigure(
        "fig-jump",
        "The Hessian of wide students at a random start, against the measurements over the "
        "transition of infinite size (dotted), one column a width: with one unit the edge of the "
        "bulk is soft and the transition continuous, with more it is hard and jumps. Above: "
        "squared overlap of the best-aligned of the lowest eigenvectors, its median and the range "
        "of 80 % of the draws; line: theory. Below: fraction of draws in which the best-aligned is "
        "among the p lowest, with 95 % Wilson intervals. "
        f"a = {table['a'].iloc[0]:g}, {counts.min()} to {counts.max()} draws a point.",
        f"Overlaps and fractions against the measurements. {ends_in_words(figure)}",
        figure,
    )

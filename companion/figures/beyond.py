"""Problems in units of their own transitions, and descent beside the best (notebook 12)."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from companion.analysis.intervals import mean_interval
from companion.figures.export import BookFigure, book_figure
from companion.figures.style import (
    ALPHA,
    LATE,
    THEORY,
    heading,
    legend_below,
    look,
    panels,
    points,
)
from prlib.descent.starts import as_start
from prlib.sweeps import rates
from prlib.transitions.state_evolution import baseline, message_passing_overlap


@book_figure("fig-beyond", data=("recovery", "tensor"))
def beyond_figure(retrieval: pd.DataFrame, tensor: pd.DataFrame, window: float) -> BookFigure:
    """Recovered fractions of both problems against their signal, in units of the transition.

    Parameters
    ----------
    retrieval, tensor : pandas.DataFrame
        Runs from random and constrained starts, their alpha in units of the transition.
    window : float
        Ratio of the transition of threshold states to that of a random start, of phase retrieval.
    """
    with panels(1, 2, height=3.2, sharey=True) as (figure, axes):
        _panel(axes[0], retrieval, "phase retrieval", "measurements, over the transition")
        axes[0].axvspan(1, window, color="0.9", zorder=-2)
        axes[0].axvline(window, linestyle="--", color=THEORY, linewidth=1)
        _panel(axes[1], tensor, "matrix and tensor", "signal, over the transition")
        axes[0].set_ylabel("recovered fraction")
        legend_below(figure, axes[0], 2)
    told = [
        f"{name}, N = {n}, {start}: {mean:.2f} up to the transition"
        for name, table in (("phase retrieval", retrieval), ("matrix and tensor", tensor))
        for (n, start), mean in table[table["alpha"] <= 1]
        .groupby(["n", "start"])["recovered"]
        .mean()
        .items()
    ]
    return BookFigure(
        "fig-beyond",
        title="Random starts that recover up to their transition: "
        f"{_early(retrieval)} in phase retrieval, {_early(tensor)} in the matrix-tensor model",
        caption="Fraction of descents that find the signal, against the strength of the signal in "
        "units of the transition of the Hessian at a random start (dotted), from random and from "
        "constrained starts; larger markers, larger N. Left: phase retrieval; shaded, up to the "
        "transition of threshold states (dashed), is the window. Right: the matrix-tensor model, "
        r"where the two transitions are one; a signal counts as found from |m| = 0.5 on. Points: "
        "simulation, with 95 % Wilson intervals.",
        alt=f"Recovered fractions against the signal's strength. {'; '.join(told)}.",
        figure=figure,
    )


def _early(table: pd.DataFrame) -> str:
    """Say which fraction of random starts recovers up to the transition, at the largest N."""
    rows = table[(table["n"] == table["n"].max()) & (table["start"] == "random")]
    below = rows.loc[rows["alpha"] <= 1, "recovered"]
    return f"{below.mean():.2f} (N = {rows['n'].max()})" if len(below) else "none was run"


def _panel(axis: Axes, table: pd.DataFrame, name: str, label: str) -> None:
    counted = rates(table, by=["n", "start", "alpha"]).rename(columns={"rate": "mean"})
    sizes = sorted(table["n"].unique())
    for start in ("random", "constrained"):
        for n, size in zip(sizes, np.linspace(3, 6, len(sizes)), strict=True):
            found = counted[(counted["n"] == n) & (counted["start"] == start)]
            drawn = look(start)
            drawn["label"] = f"{drawn['label']}, {'small' if n == sizes[0] else 'large'} N"
            points(axis, found["alpha"], found, markersize=size, alpha=0.9, **drawn)
            axis.plot(found["alpha"], found["mean"], color=drawn["color"], linewidth=size / 6)
    axis.axvline(1, linestyle=":", color=THEORY, linewidth=1)
    axis.set(xlabel=label, ylim=(-0.02, 1.02))
    heading(axis, f"{name}, N = {', '.join(map(str, sizes))}")


@book_figure("fig-problems", data=("recovery", "recovery-a1", "noise", "tensor"))
def problems_figure(halves: pd.DataFrame) -> BookFigure:
    """Half points of each problem in units of its own transition, beside its two transitions.

    Parameters
    ----------
    halves : pandas.DataFrame
        Rows of `companion.analysis.beyond.problem_halves`, of as many problems as there are.
    """
    problems = list(dict.fromkeys(halves["problem"]))
    starts = list(dict.fromkeys(halves["start"]))
    with panels(height=3.6, width=1.6 + 1.1 * len(problems)) as (figure, (axis,)):
        axis.axhline(1, linestyle=":", color=THEORY, linewidth=1)
        for place, problem in enumerate(problems):
            rows = halves[halves["problem"] == problem]
            end, error = rows[["end", "end_error"]].iloc[0]
            ends = [place - 0.4, place + 0.4]
            axis.fill_between(ends, 1, end, color="0.92", linewidth=0, zorder=-2)
            known = error < math.inf
            label = ("dynamical threshold" if known else "threshold by 1RSB") if end > 1 else None
            axis.plot(
                ends,
                [end, end],
                color=LATE,
                linestyle="-" if known else "--",
                linewidth=1.2,
                label=label,
            )
            for shift, start in zip(np.linspace(-0.15, 0.15, len(starts)), starts, strict=True):
                found = rows[rows["start"] == start].sort_values("n")
                at = place + shift + np.linspace(-0.06, 0.06, len(found))
                drawn = look(start)
                axis.plot(at, found["half"], color=drawn["color"], linewidth=1)
                for k, fill in enumerate(("white", drawn["color"])[-len(found) :]):
                    one = found.iloc[[k]].rename(columns={"half": "mean"})
                    words = drawn["label"] + (", small N" if fill == "white" else ", large N")
                    points(
                        axis,
                        at[[k]],
                        one,
                        marker=drawn["marker"],
                        color=drawn["color"],
                        markerfacecolor=fill,
                        label=words,
                    )
        axis.set_xticks(range(len(problems)), problems)
        axis.set_xlim(-0.6, len(problems) - 0.4)
        axis.set_yscale("log")
        ticks = [t for t in (0.5, 0.7, 1, 1.5, 2, 3, 4, 5, 6) if t <= 1.1 * halves["end"].max()]
        axis.set_yticks(ticks, [f"{t:g}" for t in ticks])
        axis.minorticks_off()
        axis.set(xlabel="problem", ylabel="signal, over the\ntransition of the start")
        handles = dict(zip(*axis.get_legend_handles_labels()[::-1], strict=True))
        figure.legend(handles.values(), handles.keys(), loc="outside lower center", ncols=2)
    sizes = "; ".join(
        f"{problem.replace(chr(10), ' ')}, N = {' and '.join(map(str, sorted(rows['n'].unique())))}"
        for problem, rows in halves.groupby("problem", sort=False)
    )
    told = "; ".join(
        f"{row.problem.replace(chr(10), ' ')}, {row.start}, N = {row.n}: {row.half:.2f}"
        for row in halves.itertuples()
    )
    return BookFigure(
        "fig-problems",
        title=f"In units of the transition of the start half succeed {_ranges(halves)}",
        caption="Where half the descents succeed, problem by problem, in units of the transition "
        "of the Hessian at a random start (dotted). Grey: the window, up to the threshold of the "
        "states that trap descents (red; dashed where 1RSB alone gives it). Hollow: the smaller "
        f"size, filled: the larger ({sizes}), with 95 % bootstrap intervals. With noise and in "
        "the matrix-tensor model an overlap of one half counts as success.",
        alt=f"Half points by problem, over the transition of the start: {told}.",
        figure=figure,
    )


def _ranges(halves: pd.DataFrame) -> str:
    """Say between which half points the problems lie at their larger sizes, start by start."""
    largest = halves.loc[halves.groupby(["problem", "start"])["n"].idxmax()]
    told = [
        f"at {half.min():.2f} to {half.max():.2f} from {as_start(start).phrase}"
        for start, half in largest.groupby("start", sort=False)["half"]
    ]
    return " and ".join(told)


@book_figure("fig-best", data=("recovery", "simulations of the notebook"))
def best_figure(best: pd.DataFrame, descents: pd.DataFrame) -> BookFigure:
    """Message passing and descents from each start against alpha, with the limits of all of them.

    Parameters
    ----------
    best : pandas.DataFrame
        Rows of `companion.analysis.best.message_passing_runs`.
    descents : pandas.DataFrame
        Descents of one size, one of those of `best`.
    """
    limits = baseline()
    marks = {
        "weak recovery": (limits.weak_recovery, ":"),
        "information": (limits.perfect_recovery, "--"),
        "message passing jumps": (limits.jump, "-"),
    }
    (n,) = descents["n"].unique()
    grid = np.linspace(0.4, 1.8, 141)
    with panels(1, 2, height=3.4, width_ratios=(2, 3)) as (figure, (left, right)):
        line = [math.sqrt(message_passing_overlap(alpha)) for alpha in grid]
        left.plot(grid, line, color=THEORY, label="state evolution")
        for axis in (left, right):
            for name, (alpha, style) in marks.items():
                axis.axvline(alpha, color="0.5", linestyle=style, linewidth=1, label=name)
        sizes = sorted(best["n"].unique())
        for size, colour in zip(sizes, ("0.6", "black"), strict=False):
            rows = best[best["n"] == size]
            drawn = {"color": colour, "marker": "P", "label": f"message passing, N = {size}"}
            means = mean_interval(rows, "alpha", "abs_overlap").reset_index()
            points(left, means["alpha"], means, **drawn)
            counted = rates(rows, by=["alpha"]).rename(columns={"rate": "mean"})
            points(right, counted["alpha"], counted, **drawn)
            right.plot(counted["alpha"], counted["mean"], color=colour, linewidth=0.8)
        for start in dict.fromkeys(descents["start"]):
            rows = descents[descents["start"] == start]
            counted = rates(rows, by=["alpha"]).rename(columns={"rate": "mean"})
            drawn = look(start)
            points(right, counted["alpha"], counted, **drawn)
            right.plot(counted["alpha"], counted["mean"], color=drawn["color"], linewidth=0.8)
        left.set(xlabel=r"$\alpha$", ylabel="overlap |m|", ylim=(0, 1.02), xlim=(0.4, 1.8))
        right.set(xlabel=r"$\alpha$", ylabel="recovered fraction", ylim=(-0.02, 1.02))
        heading(left, "message passing")
        heading(right, f"beside descents, N = {n}")
        legend_below(figure, right, 3)
    runs = best.groupby(["n", "alpha"]).size()
    told = ", ".join(f"{name} at {alpha:.3f}" for name, (alpha, _) in marks.items())
    reached = rates(descents, by=["start", "alpha"])
    half = reached.loc[reached["rate"] >= 1 / 2, "alpha"]
    return BookFigure(
        "fig-best",
        title=rf"Message passing jumps to the signal at {ALPHA} = {limits.jump:.2f}; of descents "
        f"at N = {n} half recover "
        + (f"from {half.min():g} on at the earliest" if len(half) else "at none that was run"),
        caption="How far descent is from the best, without noise. Left: overlap that message "
        f"passing reaches; line, at large N; points, means of {runs.min()} instances each, with "
        "95 % Student intervals. Right: fraction of instances that it recovers (|m| from 0.99 on), "
        f"beside descents from each start, {descents['loss'].iloc[0]}, with 95 % Wilson intervals. "
        "Upright: weak recovery, below which every fast algorithm is blind (dotted); where labels "
        "determine the signal (dashed); where message passing jumps to it (full).",
        alt="Left, overlaps of message passing; right, recovered fractions of it and of descents "
        f"against alpha. Vertical lines: {told}.",
        figure=figure,
    )

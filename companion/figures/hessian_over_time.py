"""The Hessian along the descent (notebooks 02 and 07)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from companion.analysis.condition import SMALL
from companion.analysis.intervals import mean_interval
from companion.analysis.prediction import LEAST
from companion.analysis.runs import fates, overlap_when_halved
from companion.figures.export import BookFigure, book_figure
from companion.figures.plotted import ends_in_words
from companion.figures.style import (
    ALPHA,
    COLOURS,
    heading,
    legend_below,
    of,
    panels,
    points,
    says_nothing,
    sequence,
    time_axis,
)
from prlib.losses import Loss, takes_loss

QUARTILES = (0.25, 0.5, 0.75)

ABREAST = 5
"""Panels that fit side by side."""

MIN_RUNS = 5
"""Runs below which a mean is not drawn, if others have more."""

SINGLE = 0.7
"""Width of the line of a single run, which is no median."""


@book_figure("fig-hessian-over-time", "fig-hessian-over-time-wide", data=("observed",))
@takes_loss
def edge_over_time_figure(
    loss: Loss, rows: pd.DataFrame, name: str = "fig-hessian-over-time"
) -> BookFigure:
    """Lowest eigenvalue, left edge of the bulk and the gap between them, one column an alpha."""
    rows = rows.assign(gap=rows["edge"] - rows["lowest"])
    alphas = sorted(rows["alpha"].unique())
    columns = min(ABREAST, len(alphas))
    blocks = -(-len(alphas) // columns)
    ends = rows[["edge", "lowest"]]
    bottom, top = 2 * min(ends.min().min(), -1), max(3 * ends.max().max(), 1)
    with panels(2 * blocks, columns, height=2.2, sharex=True, sharey="row") as (figure, axes):
        for number, alpha in enumerate(alphas):
            place = 2 * columns * (number // columns) + number % columns
            upper, lower = axes[place], axes[place + columns]
            at_alpha = rows[rows["alpha"] == alpha]
            for style, found in _fates(at_alpha):
                # The bulk as a ground, on whose rim or below it the line lies.
                edge = found.groupby("time")["edge"].median()
                ground = {"color": COLOURS[0], "alpha": 0.2, "linewidth": 0, "label": "bulk"}
                upper.fill_between(edge.index, edge, top, **ground)
                _band(upper, found, "lowest", COLOURS[3], style, "lowest eigenvalue")
                _band(lower, found, "gap", COLOURS[2], style, "edge minus lowest eigenvalue")
            upper.set_yscale("symlog", linthresh=1)
            upper.set_ylim(bottom, top)
            lower.set_yscale("symlog", linthresh=0.1)
            for axis in (upper, lower):
                axis.axhline(0, color="0.7", linewidth=0.8, zorder=0)
                time_axis(axis, rows, every=2 if columns > 3 else 1)
            runs = at_alpha.groupby("replica")["recovered"].first()
            heading(upper, f"$\\alpha$ = {alpha:.3g}\n{runs.sum()} of {len(runs)} recover")
            _label_lowest([lower], 1)
        for block in range(blocks):
            axes[2 * block * columns].set_ylabel("eigenvalue of H")
            axes[(2 * block + 1) * columns].set_ylabel("edge minus lowest\neigenvalue")
        _leave_out(axes, 2 * columns * (blocks - 1), columns, len(alphas))
        _common_legend(figure, axes)
    return BookFigure(
        name,
        title=f"An eigenvalue stands apart from the bulk at the start {_apart(rows, 0)}, and at "
        f"the end {_apart(rows, -1)}",
        caption=f"Descents from a random start, {_sample(loss, rows)}. Above: where the bulk lies "
        "(shaded, from each state's own law of labels and fields) and the lowest eigenvalue; "
        f"below: by how far the edge lies above it. {_LINES}{_single(rows)}",
        alt="For each alpha, above, the lowest eigenvalue and the edge of the bulk against time, "
        f"and below, the edge minus the lowest eigenvalue. {ends_in_words(figure)}",
        figure=figure,
    )


def _apart(rows: pd.DataFrame, moment: int) -> str:
    """Say at which alphas three of four runs have an eigenvalue below the bulk, at one time."""
    time = sorted(rows["time"].unique())[moment]
    lowest = rows[rows["time"] == time].groupby("alpha")["gap"].quantile(QUARTILES[0])
    apart = lowest.index[lowest > 0]
    places = ", ".join(f"{alpha:.3g}" for alpha in apart)
    return rf"at {ALPHA} = {places}" if len(apart) else "at none"


@book_figure("fig-alignment-over-time", data=("observed",))
@takes_loss
def alignment_over_time_figure(loss: Loss, rows: pd.DataFrame) -> BookFigure:
    """Alignment of the lowest eigenvector, gap to the bulk, overlap and energy against time."""
    alphas = sorted(rows["alpha"].unique())
    rows = rows.assign(gap=rows["edge"] - rows["lowest"])
    quantities = (
        ("overlap2", "squared overlap of $v_1$\nwith the signal", "alignment"),
        ("gap", "edge minus lowest\neigenvalue", "gap"),
        ("abs_overlap", "overlap |m|", "overlap"),
        ("energy", "energy per dimension", "energy"),
    )
    with panels(2, 2, height=2.6, sharex=True) as (figure, axes):
        for axis, (column, label, name) in zip(axes, quantities, strict=True):
            for alpha, colour in zip(alphas, sequence(len(alphas)), strict=True):
                for style, found in _fates(rows[rows["alpha"] == alpha]):
                    _band(axis, found, column, colour, style, rf"$\alpha$ = {alpha:.3g}")
            axis.set_ylabel(label)
            time_axis(axis, rows)
            heading(axis, name)
        _label_lowest(axes, 2)
        axes[1].set_yscale("symlog", linthresh=0.1)
        axes[3].set_yscale("log")
        axes[3].set_ylim(bottom=1e-6)
        _common_legend(figure, axes)
    ends, halved = fates(rows)["recover"], overlap_when_halved(rows)
    recovering = ", ".join(f"{count} at alpha = {alpha:.3g}" for alpha, count in ends.items())
    told = f"Of the instances {recovering} recover. "
    if halved:
        when = (f"{overlap:.2f} at alpha = {alpha:.3g}" for alpha, overlap in halved.items())
        told += f"In runs that recover, the alignment has halved when |m| is {', '.join(when)}. "
    return BookFigure(
        "fig-alignment-over-time",
        title=_lost(halved) or "No run that recovers loses half of its alignment",
        caption="(a) Squared overlap of the lowest eigenvector with the signal, (b) distance of "
        "the lowest eigenvalue below the bulk, (c) overlap of the estimate and (d) energy, along "
        f"the descent from a random start; {_sample(loss, rows)}. {_LINES}{_single(rows)}",
        alt="Alignment of the lowest eigenvector with the signal, gap, overlap and energy against "
        f"time. {told}{ends_in_words(figure)}",
        figure=figure,
    )


def _lost(halved: Mapping[float, float]) -> str:
    """Say how far the runs that recover have come when they lose the direction."""
    if not halved:
        return ""
    least, most = min(halved), max(halved)
    first = rf"Runs that recover lose half of the alignment at |m| = {halved[least]:.2f} at {ALPHA}"
    return f"{first} = {least:.3g}" + (
        rf", and at {halved[most]:.2f} at {ALPHA} = {most:.3g}" if most > least else ""
    )


@book_figure("fig-small-labels", data=("constrained descents",))
@takes_loss
def labels_figure(loss: Loss, alpha: float, n: int, parts: pd.DataFrame) -> BookFigure:
    """Draw what each measurement adds to the condition, and its curvature, against its label.

    Parameters
    ----------
    parts : pandas.DataFrame
        From `companion.analysis.condition.condition_by_label`, with their ``time``.
    """
    times = sorted(parts["time"].unique())
    ends = np.array(sorted(parts["label"].unique()))
    widths = np.diff([*ends, 2 * ends[-1] - ends[-2]])
    with panels(1, 2, height=3.0) as (figure, (left, right)):
        for time, color in zip(times, sequence(len(times)), strict=True):
            at = parts[parts["time"] == time].dropna()
            for axis, column, scale in ((left, "share", widths), (right, "curvature", 1.0)):
                found = mean_interval(at, "label", column)
                found = found[["mean", "low", "high"]].div(pd.Series(scale, ends), axis=0).dropna()
                middle = found.index + widths[ends.searchsorted(found.index)] / 2
                options = {"color": color, "markersize": 3, "label": f"t = {time:.2g}"}
                points(axis, middle, found, **options)
                axis.plot(middle, found["mean"], color=color, linewidth=0.8)
        for axis in (left, right):
            axis.axhline(0, color="0.7", linewidth=0.8)
            axis.axvline(SMALL, color="0.7", linewidth=0.8, linestyle=":")
            axis.set(xlabel="label |y|", xlim=(0, None))
        left.set_ylabel("part of the condition, per |y|")
        right.set(ylabel="mean curvature f", yscale="symlog")
        heading(left, "who makes the signal's direction stand apart")
        heading(right, "how stiff they are")
        legend_below(figure, left)
    laws = parts["law"].nunique()
    both = parts, parts[parts["label"] < SMALL]
    whole, small = (found.groupby("time")["share"].sum() / laws for found in both)
    told = " and ".join(
        f"{small[time]:.2f} of the condition's {whole[time]:.2f} at t = {time:.2g}"
        for time in (times[0], times[-1])
    )
    return BookFigure(
        "fig-small-labels",
        title=rf"Labels below {SMALL:g} make {told}",
        caption="What measurements add to the condition of the transition, above one where the "
        rf"signal's direction stands apart, {of(loss)}, \(\alpha\) = {alpha:g}, along "
        f"{laws} descents at N = {n} that are held without the signal. (a) Their "
        "part by label, per unit of it, so that areas add up to the condition; (b) their mean "
        "curvature. Dotted: left of it a measurement sees less of the signal than of a direction "
        "at random; bars: 95 % intervals.",
        alt=f"Two panels against the label. {ends_in_words(figure)}",
        figure=figure,
    )


@book_figure("fig-alignment-directions", data=("alignment",))
@takes_loss
def directions_figure(loss: Loss, rows: pd.DataFrame) -> BookFigure:
    """Overlap of the lowest eigenvector with four directions against time."""
    alphas, n = sorted(rows["alpha"].unique()), rows["n"].iloc[0]
    quantities = (
        ("overlap2", "signal"),
        ("start_overlap2", "$v_1$ of the start"),
        ("displacement_overlap2", "displacement (own scale)"),
        ("gradient_overlap2", "gradient"),
    )
    ends = fates(rows)
    least = min(MIN_RUNS, int(ends.to_numpy().max()))
    drawn = [
        (alpha, colour, style, found)
        for alpha, colour in zip(alphas, sequence(len(alphas)), strict=True)
        for style, found in _fates(rows[rows["alpha"] == alpha])
        if _count(found) >= least
    ]
    with panels(2, 2, height=2.6, sharex=True) as (figure, axes):
        for axis, (column, name) in zip(axes, quantities, strict=True):
            for alpha, colour, style, found in drawn:
                means = found.groupby("time")[column].mean()
                label = rf"$\alpha$ = {alpha:.3g}"
                axis.plot(means.index, means, color=colour, linestyle=style, label=label)
            time_axis(axis, rows)
            heading(axis, name)
        for axis in (axes[0], axes[1], axes[3]):
            axis.set_ylim(-0.02, 1.02)
        axes[2].axhline(1 / n, color="0.4", linestyle=":", linewidth=1)
        axes[2].set_ylim(bottom=0)
        for axis in axes[::2]:
            axis.set_ylabel("squared overlap of $v_1$")
        _label_lowest(axes, 2)
        _common_legend(figure, axes)
    counted = ", ".join(
        f"{fail} fail and {recover} recover at alpha = {alpha:.3g}"
        for alpha, fail, recover in ends.itertuples()
    )
    return BookFigure(
        "fig-alignment-directions",
        title=_turned((alpha, found) for alpha, _, _, found in drawn),
        caption="Squared overlap of the lowest eigenvector of the Hessian with (a) the signal, (b) "
        "what it was at the start, (c) the displacement since then and (d) the gradient, along the "
        f"descent from a random start; {_sample(loss, rows)}. Lines: means over the runs that fail "
        f"(solid) and those that recover (dashed), if they are at least {least}. Dotted in (c): "
        "1/N, what a random direction has; the time axis is linear near zero.",
        alt="Squared overlaps of the lowest eigenvector with the signal, the first direction, the "
        f"displacement and the gradient, against time. Of the runs, {counted}. "
        f"{ends_in_words(figure)}",
        figure=figure,
    )


def _turned(drawn: Iterable[tuple[float, pd.DataFrame]]) -> str:
    """Say by when each alpha's eigenvector has turned away from what it was at the start."""
    by: dict[float, float] = {}
    for alpha, found in drawn:
        means = found.groupby("time")["start_overlap2"].mean()
        below = means.index[means < 0.5]
        by[alpha] = max(by.get(alpha, 0.0), below[0] if len(below) else np.inf)
    turned = {alpha: time for alpha, time in by.items() if np.isfinite(time)}
    if not turned:
        return "The lowest eigenvector keeps more than half of its first direction"
    ends = dict.fromkeys((min(turned), max(turned)))
    places = (rf"by t = {turned[alpha]:g} at {ALPHA} = {alpha:.3g}" for alpha in ends)
    return f"The lowest eigenvector has left its first direction {' and '.join(places)}"


@book_figure(
    "fig-alignment-prediction",
    "fig-alignment-prediction-wide",
    data=("alignment", "alignment-a1"),
)
@takes_loss
def prediction_figure(
    loss: Loss, rows: pd.DataFrame, curve: pd.DataFrame, name: str = "fig-alignment-prediction"
) -> BookFigure:
    """How well alignment, overlap and lowest eigenvalue tell at each time who will recover."""
    alphas = sorted(curve["alpha"].unique()) if len(curve) else []
    looks = {
        "overlap2": (COLOURS[0], "o", "$v_1$ and signal"),
        "abs_overlap": (COLOURS[1], "s", "overlap |m|"),
        "lowest": (COLOURS[7], "v", "lowest eigenvalue"),
    }
    with panels(1, max(1, len(alphas)), height=2.9, sharey=True, sharex=True) as (figure, axes):
        for axis, alpha in zip(axes, alphas, strict=False):
            for predictor, (colour, marker, label) in looks.items():
                found = curve[(curve["alpha"] == alpha) & (curve["predictor"] == predictor)]
                look = {"color": colour, "marker": marker, "label": label}
                points(axis, found["time"], found, **look, markersize=3)
                axis.plot(found["time"], found["mean"], color=colour, linewidth=0.7)
            axis.axhline(0.5, color="0.7", linewidth=0.8)
            counts = curve[curve["alpha"] == alpha].iloc[0]
            time_axis(axis, rows)
            axis.set_xlabel("time t")
            ends = f"{counts['recovering']} recover, {counts['failing']} fail"
            heading(axis, rf"$\alpha$ = {alpha:g}: {ends}")
        if alphas:
            axes[0].set(ylabel="area under the curve", ylim=(0, 1.03))
            legend_below(figure, axes[0])
        else:
            says_nothing(axes, f"at no alpha are there {LEAST} runs of both fates")
    return BookFigure(
        name,
        title=_tells(curve) or "Too few runs of both fates to tell them apart",
        caption="Probability that, of two runs of different fate, the one that recovers has the "
        "larger overlap, the larger alignment of its lowest eigenvector with the signal, or the "
        f"lower lowest eigenvalue, at time t; one half is chance. {of(loss)}, "
        f"N = {rows['n'].iloc[0]}, random starts, with 95 % intervals (Hanley and McNeil).",
        alt=f"The area under the curve against time, one panel an alpha. {ends_in_words(figure)}"
        if alphas
        else f"Nothing is drawn: at no alpha are there {LEAST} runs of both fates.",
        figure=figure,
    )


def _tells(curve: pd.DataFrame) -> str:
    """Say how well the overlap and the alignment of the start tell who will recover."""
    if curve.empty:
        return ""
    first = curve[curve["time"] == curve["time"].min()].groupby("predictor")["mean"]
    ends = {
        name: f"{areas.min():.2f}" + (f" to {areas.max():.2f}" if len(areas) > 1 else "")
        for name, areas in first
    }
    return (
        f"At the start the overlap |m| tells who recovers with an area of {ends['abs_overlap']}, "
        f"the alignment with {ends['overlap2']}"
    )


def _fates(rows: pd.DataFrame) -> Iterator[tuple[str, pd.DataFrame]]:
    """Split runs by how they end, each with its line style."""
    for recovered, found in rows.groupby("recovered"):
        yield ("--" if recovered else "-"), found


def _count(rows: pd.DataFrame) -> int:
    return len(rows["replica"].unique())


def _common_legend(figure: Figure, axes: Sequence[Axes]) -> None:
    """Put one legend for all panels below them; what fails alone stands for both styles."""
    entries: dict[str, Artist] = {}
    for axis in axes:
        for handle, label in zip(*axis.get_legend_handles_labels(), strict=True):
            line = isinstance(handle, Line2D)
            entries.setdefault(label, Line2D([], [], color=handle.get_color()) if line else handle)
    figure.legend(entries.values(), entries.keys(), loc="outside lower center", ncols=len(entries))


_LINES = "Lines: medians; bands: quartiles; dashed: the runs that recover the signal."


def _single(rows: pd.DataFrame) -> str:
    """Say that a thin line is one run, if there is any."""
    return " Thin: a single run." if (fates(rows) == 1).to_numpy().any() else ""


def _band(
    axis: Axes,
    rows: pd.DataFrame,
    column: str,
    colour: str | tuple[float, float, float],
    style: str,
    label: str,
    width: float = 1.5,
) -> None:
    low, middle, high = (rows.groupby("time")[column].quantile(q) for q in QUARTILES)
    axis.fill_between(low.index, low, high, color=colour, alpha=0.2, linewidth=0)
    width = SINGLE if _count(rows) == 1 else width
    axis.plot(middle.index, middle, color=colour, linestyle=style, linewidth=width, label=label)


def _leave_out(axes: Sequence[Axes], first: int, columns: int, count: int) -> None:
    """Hide the panels of the last block that have no alpha."""
    for place in range((count - 1) % columns + 1, columns):
        for axis in (axes[first + place], axes[first + columns + place]):
            axis.set_axis_off()
            axis.set_title("")


def _label_lowest(axes: Sequence[Axes], columns: int) -> None:
    """Label the time axis of the lowest panel of each column."""
    for axis in axes[-columns:]:
        axis.tick_params(labelbottom=True)
        axis.set_xlabel("time t")


def _sample(loss: Loss, rows: pd.DataFrame) -> str:
    runs = int(rows.groupby("alpha")["replica"].nunique().min())
    return f"{loss}, N = {rows['n'].iloc[0]}, {runs} instances per alpha"

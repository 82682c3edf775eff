"""The Hessian along the descent (notebooks 02 and 07)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from prlib.figures.export import BookFigure
from prlib.figures.style import (
    COLOURS,
    heading,
    legend_below,
    panels,
    points,
    sequence,
    time_axis,
)
from prlib.losses import Loss, NormalizedIntensity

QUARTILES = (0.25, 0.5, 0.75)


def edge_over_time_figure(loss: Loss, rows: pd.DataFrame) -> BookFigure:
    """Lowest eigenvalue and left edge of the bulk against time, one panel an alpha.

    Parameters
    ----------
    loss : Loss
        The loss.
    rows : pandas.DataFrame
        From `prlib.ensembles.descents`.

    Returns
    -------
    BookFigure
        The figure.
    """
    alphas = sorted(rows["alpha"].unique())
    columns = min(3, len(alphas))
    height = -(-len(alphas) // columns)
    with panels(height, columns, height=2.5, sharex=True) as (figure, axes):
        for axis, alpha in zip(axes, alphas, strict=False):
            at_alpha = rows[rows["alpha"] == alpha]
            for style, found in _fates(at_alpha):
                _band(axis, found, "lowest", COLOURS[3], style, "lowest eigenvalue")
                _band(axis, found, "edge", COLOURS[0], style, "edge of the bulk")
            axis.axhline(0, color="0.7", linewidth=0.8, zorder=0)
            axis.set_yscale("symlog", linthresh=1)
            time_axis(axis, rows)
            runs = at_alpha.groupby("replica")["recovered"].first()
            heading(axis, rf"$\alpha$ = {alpha:.3g}: {runs.sum()} of {len(runs)} recover")
        for axis in axes[len(alphas) :]:
            axis.set_axis_off()
            axis.set_title("")
        for axis in axes[::columns]:
            axis.set_ylabel("eigenvalue of H")
        _label_lowest(axes[: len(alphas)], columns)
        _common_legend(figure, axes)
    return BookFigure(
        "fig-hessian-over-time",
        rf"Lowest eigenvalue of the Hessian and left edge of its bulk along the descent from a "
        rf"random start, {_sample(loss, rows)}. The edge is that of each state's own law of labels "
        "and fields. Lines: medians; bands: quartiles; dashed: the runs that recover the signal. "
        "Both axes are linear near zero and logarithmic beyond.",
        "For each alpha the lowest eigenvalue and the edge of the bulk rise together from large "
        "negative values toward zero as time goes on; where the signal is recovered they end "
        "above zero.",
        figure,
    )


def alignment_over_time_figure(loss: Loss, rows: pd.DataFrame) -> BookFigure:
    """Alignment of the lowest eigenvector, gap to the bulk, overlap and energy against time.

    Parameters
    ----------
    loss : Loss
        The loss.
    rows : pandas.DataFrame
        From `prlib.ensembles.descents`.

    Returns
    -------
    BookFigure
        The figure.
    """
    alphas = sorted(rows["alpha"].unique())
    rows = rows.assign(gap=rows["edge"] - rows["lowest"])
    quantities = (
        ("overlap2", "squared overlap of $v_1$\nwith the signal", "alignment"),
        ("gap", "edge minus lowest\neigenvalue", "gap"),
        ("overlap", "overlap |m|", "overlap"),
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
    return BookFigure(
        "fig-alignment-over-time",
        "What the descent from a random start sees of the signal: squared overlap of the lowest "
        "eigenvector with it, distance of the lowest eigenvalue below the bulk, overlap of the "
        f"estimate, and energy; {_sample(loss, rows)}. Lines: medians; bands: quartiles; dashed: "
        "the runs that recover the signal.",
        "Four panels against time. The alignment of the lowest eigenvector with the signal starts "
        "higher for larger alpha; it falls in the runs that fail and rises to one in those that "
        "recover, together with the overlap.",
        figure,
    )


def directions_figure(a: float, rows: pd.DataFrame) -> BookFigure:
    """Overlap of the lowest eigenvector with four directions against time.

    Parameters
    ----------
    a : float
        Normalisation of the loss.
    rows : pandas.DataFrame
        From `prlib.ensembles.observations`, of one size.

    Returns
    -------
    BookFigure
        The figure.
    """
    alphas = sorted(rows["alpha"].unique())
    quantities = (
        ("overlap2", "signal"),
        ("start_overlap2", "$v_1$ of the start"),
        ("displacement_overlap2", "displacement"),
        ("gradient_overlap2", "gradient"),
    )
    with panels(2, 2, height=2.6, sharex=True, sharey=True) as (figure, axes):
        for axis, (column, name) in zip(axes, quantities, strict=True):
            for alpha, colour in zip(alphas, sequence(len(alphas)), strict=True):
                for style, found in _fates(rows[rows["alpha"] == alpha]):
                    means = found.groupby("time")[column].mean()
                    label = rf"$\alpha$ = {alpha:.3g}"
                    axis.plot(means.index, means, color=colour, linestyle=style, label=label)
            axis.set_ylim(-0.02, 1.02)
            time_axis(axis, rows)
            heading(axis, name)
        for axis in axes[::2]:
            axis.set_ylabel("squared overlap of $v_1$")
        _label_lowest(axes, 2)
        _common_legend(figure, axes)
    return BookFigure(
        "fig-alignment-directions",
        "Squared overlap of the lowest eigenvector of the Hessian with the signal, with what it "
        "was at the start, with the displacement since then, and with the gradient, along the "
        f"descent from a random start; {_sample(NormalizedIntensity(a), rows)}. Lines: means over "
        "the runs that fail (solid) and those that recover (dashed). The time axis is linear near "
        "zero.",
        "Four panels against time. The eigenvector keeps its first direction until about t = 0.1 "
        "and then turns; in the runs that recover it turns to the signal.",
        figure,
    )


def prediction_figure(a: float, rows: pd.DataFrame, curve: pd.DataFrame) -> BookFigure:
    """How well alignment, overlap and lowest eigenvalue tell at each time who will recover.

    Parameters
    ----------
    a : float
        Normalisation of the loss.
    rows : pandas.DataFrame
        From `prlib.ensembles.observations`, of one size.
    curve : pandas.DataFrame
        From `prlib.claims.alignment.prediction_curve`.

    Returns
    -------
    BookFigure
        The figure.
    """
    alphas = sorted(curve["alpha"].unique()) if len(curve) else []
    looks = {
        "overlap2": (COLOURS[0], "$v_1$ and signal"),
        "overlap": (COLOURS[1], "overlap |m|"),
        "lowest": (COLOURS[7], "lowest eigenvalue"),
    }
    with panels(1, max(1, len(alphas)), height=2.9, sharey=True, sharex=True) as (figure, axes):
        for axis, alpha in zip(axes, alphas, strict=False):
            for name, (colour, label) in looks.items():
                found = curve[(curve["alpha"] == alpha) & (curve["predictor"] == name)]
                points(axis, found["time"], found, color=colour, label=label, markersize=3)
                axis.plot(found["time"], found["mean"], color=colour, linewidth=0.7)
            axis.axhline(0.5, color="0.7", linewidth=0.8)
            counts = curve[curve["alpha"] == alpha].iloc[0]
            time_axis(axis, rows)
            axis.set_xlabel("time t")
            fates = f"{counts['recovering']} recover, {counts['failing']} fail"
            heading(axis, rf"$\alpha$ = {alpha:g}: {fates}")
        axes[0].set(ylabel="area under the curve", ylim=(0, 1.03))
        legend_below(figure, axes[0])
    return BookFigure(
        "fig-alignment-prediction",
        "How early one can tell who recovers: probability that, of two runs of different fate, "
        "the one that recovers has the larger alignment of its lowest eigenvector with the signal, "
        "the larger overlap, or the lower lowest eigenvalue, at time t. "
        f"a = {a:g}, N = {rows['n'].iloc[0]}, random starts. 95 % intervals (Hanley and McNeil); "
        "one half is chance.",
        "The area under the curve against time, one panel an alpha. The overlap rises from above "
        "one half to one. Alignment and lowest eigenvalue stay near one half, and fall below it "
        "late.",
        figure,
    )


def _fates(rows: pd.DataFrame) -> Iterator[tuple[str, pd.DataFrame]]:
    """Split runs by how they end, each with its line style."""
    for recovered, found in rows.groupby("recovered"):
        yield ("--" if recovered else "-"), found


def _common_legend(figure: Figure, axes: Sequence[Axes]) -> None:
    """Put one legend for all panels below them; what fails alone stands for both styles."""
    entries: dict[str, Artist] = {}
    for axis in axes:
        for handle, label in zip(*axis.get_legend_handles_labels(), strict=True):
            entries.setdefault(label, Line2D([], [], color=handle.get_color()))
    figure.legend(entries.values(), entries.keys(), loc="outside lower center", ncols=len(entries))


def _band(axis: Axes, rows: pd.DataFrame, column: str, colour, style: str, label: str) -> None:
    low, middle, high = (rows.groupby("time")[column].quantile(q) for q in QUARTILES)
    axis.fill_between(low.index, low, high, color=colour, alpha=0.2, linewidth=0)
    axis.plot(middle.index, middle, color=colour, linestyle=style, label=label)


def _label_lowest(axes: Sequence[Axes], columns: int) -> None:
    """Label the time axis of the lowest panel of each column."""
    for axis in axes[-columns:]:
        axis.tick_params(labelbottom=True)
        axis.set_xlabel("time t")


def _sample(loss: Loss, rows: pd.DataFrame) -> str:
    runs = int(rows.groupby("alpha")["replica"].nunique().min())
    return f"{loss}, N = {rows['n'].iloc[0]}, {runs} instances per alpha"

"""Curvature of networks along their training, beside what they learn (chapter 15)."""

from __future__ import annotations

import pandas as pd
from matplotlib.axes import Axes

from companion.analysis.intervals import mean_interval
from companion.figures.export import BookFigure, book_figure
from companion.figures.plotted import ends_in_words
from companion.figures.style import (
    PALETTE,
    THEORY,
    heading,
    legend_below,
    panels,
    time_axis,
)

LOOKS = {
    "true": ("true labels", "blue", "o"),
    "shuffled": ("shuffled labels", "grey", "v"),
}
"""What networks on each kind of labels are called, and how they are drawn."""


@book_figure("fig-trained", data=("teacher", "digits"))
def trained_figure(teacher: pd.DataFrame, digits: pd.DataFrame) -> BookFigure:
    """Draw what the lowest eigenvectors know of the teacher, and of where training leads.

    Parameters
    ----------
    teacher, digits : pandas.DataFrame
        Rows of the two experiments with networks, with ``chance``, ``toward`` and ``displaced``
        as `companion.analysis.trained` gives them.
    """
    with panels(1, 3, height=3.0) as (figure, axes):
        same = {"true": "toward", "shuffled": "toward"}
        _panel(axes[0], teacher, "teacher", "squared overlap with the teacher", **same)
        way = {"true": "displaced", "shuffled": "other_displaced"}
        _panel(axes[1], digits, "digits, the way", "part of the displacement", **way)
        same = {"true": "early", "shuffled": "early"}
        _panel(axes[2], digits, "digits, turning", "overlap with those at the start", **same)
        legend_below(figure, axes[0])
    counts = [table["replica"].nunique() for table in (teacher, digits)]
    return BookFigure(
        "fig-trained",
        "The lowest eigenvectors of the Hessian of a network of two layers, both of which learn, "
        "along gradient descent. (a) Square units on the squared field of one teacher: mean "
        "squared overlap of the eigenvectors, as many as units, with the directions in "
        "which a unit turns toward it. (b) Rectified units on digits: part of the displacement "
        f"of the whole training that the {int(digits['eigenvectors'].iloc[0])} "
        "lowest eigenvectors span. (c) What they keep of those at the start. Grey: the "
        "same network, start and rows, with shuffled labels; in (b) the part of the displacement "
        "on shuffled labels that the eigenvectors on true ones span. "
        f"Dotted: chance. Means over {counts[0]} and {counts[1]} draws, with 95 % intervals.",
        f"Three panels against time. {ends_in_words(figure)}",
        figure,
    )


def _panel(axis: Axes, table: pd.DataFrame, name: str, label: str, **columns: str) -> None:
    for kind, (words, colour, marker) in LOOKS.items():
        # What the eigenvectors on true labels span of either displacement.
        whose = kind if columns["true"] == columns["shuffled"] else "true"
        found = mean_interval(table[table["labels"] == whose], "t", columns[kind])
        style = {"color": PALETTE[colour], "marker": marker, "label": words}
        axis.plot(found.index, found["mean"], linewidth=1, **style)
        axis.fill_between(
            found.index, found["low"], found["high"], color=PALETTE[colour], alpha=0.2
        )
    axis.axhline(table["chance"].iloc[0], linestyle=":", color=THEORY, linewidth=1)
    axis.set(xlabel="time of training t", ylabel=label, ylim=(0, None))
    time_axis(axis, table[["t"]].rename(columns={"t": "time"}), every=2)
    heading(axis, name)

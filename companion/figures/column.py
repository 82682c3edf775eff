"""A figure for one column of a journal: its panels one below the other, all else as it is."""

from __future__ import annotations

import pickle
from textwrap import fill

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.gridspec import GridSpec
from matplotlib.legend import Legend

from companion.figures.plotted import label_of
from companion.figures.style import COLUMN

MOST = 4
"""Panels that one below the other fit on a page; more of them come in two columns."""

LEAST_HEIGHT, PANEL_HEIGHT = 2.6, 1.9
"""Heights, in inches, of a panel that stands alone, and of one among others."""

LONG = 22
"""Letters of a line of a label, and of a legend's entry, two of which then stand side by side."""


def in_one_column(figure: Figure) -> Figure:
    """Return a copy of a figure that is as wide as a journal's column.

    Every panel has its own numbers and labels, which panels side by side share.
    """
    copy = pickle.loads(pickle.dumps(figure))  # noqa: S301 - what was written a moment ago
    FigureCanvasAgg(copy)
    panels = [axis for axis in copy.axes if axis.get_subplotspec() is not None and axis.axison]
    labels = [[label_of(axis, which) for which in "xy"] for axis in panels]
    columns = 1 if len(panels) <= MOST else 2
    rows = max(1, -(-len(panels) // columns))
    places = GridSpec(rows, columns, figure=copy)
    for number, (axis, (x, y)) in enumerate(zip(panels, labels, strict=True)):
        axis.set_subplotspec(places[number])
        axis.tick_params(labelbottom=True, labelleft=True)
        axis.set(xlabel=x, ylabel=y)
    for axis in copy.axes:
        if "$" not in axis.get_ylabel():
            axis.set_ylabel(fill(axis.get_ylabel(), LONG))
    _narrow_legends(copy)
    height = LEAST_HEIGHT if len(panels) < 2 else PANEL_HEIGHT * rows
    copy.set_size_inches(COLUMN, height + 0.15 * sum(map(_lines, copy.legends)))
    return copy


def _narrow_legends(figure: Figure) -> None:
    for legend in list(figure.legends):
        handles, texts = legend.legend_handles, [text.get_text() for text in legend.get_texts()]
        legend.remove()
        columns = 2 if max(map(len, texts), default=0) <= LONG else 1
        figure.legend(handles, texts, loc="outside lower center", ncols=columns)


def _lines(legend: Legend) -> int:
    return len(legend.get_texts())

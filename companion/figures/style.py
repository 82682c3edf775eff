"""One look for every figure: theory as lines, simulation as points with intervals."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from string import ascii_lowercase

import matplotlib as mpl
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from companion.thresholds import DynamicalThreshold
from prlib.descent.starts import as_start
from prlib.losses import Loss, NormalizedIntensity

COLUMN = 3.4
"""Width of a journal's column, in inches."""

PAGE = 7.0
"""Width of a page, in inches."""

COLOURS = sns.color_palette("colorblind").as_hex()
"""Seaborn's colour-blind safe cycle."""

PALETTE = dict(
    zip("blue orange green red purple brown pink grey yellow sky".split(), COLOURS, strict=True)
)
"""The colours by name."""

LATE = COLOURS[3]
"""Colour of the dynamical threshold."""

THEORY = "#222222"
"""Colour of a theory line that stands alone."""

RC = {
    **sns.axes_style("ticks"),
    "axes.grid": False,
    "axes.labelsize": 9,
    "axes.linewidth": 0.8,
    "axes.prop_cycle": mpl.cycler(color=COLOURS),
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlelocation": "left",
    "axes.titlesize": 9,
    "figure.dpi": 100,
    "figure.facecolor": "white",
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],
    "font.size": 9,
    "legend.fontsize": 9,
    "legend.frameon": False,
    "lines.linewidth": 1.5,
    "lines.markersize": 4,
    "mathtext.fontset": "dejavusans",
    "pdf.fonttype": 42,
    "savefig.facecolor": "white",
    "svg.fonttype": "path",
    "svg.hashsalt": "prlib",
    "xtick.labelsize": 9,
    "ytick.labelsize": 9,
}


ALPHA = r"\(\alpha\)"
"""What titles and captions call the measurements per dimension.

:meta hide-value:
"""

FEW = 4
"""Colours up to which the steps of the usual sequence are wide enough to tell lines apart."""


def sequence(count: int) -> list[tuple[float, float, float]]:
    """Colours from light to dark for an ordered quantity, told apart in grey too.

    Beyond `FEW` of them the range of lightness and hue is the wider one of viridis.
    """
    if count <= FEW:
        return list(sns.color_palette("crest", count))
    return [mpl.colormaps["viridis"](place)[:3] for place in np.linspace(0.76, 0, count)]


def size_colours(sizes: Sequence[int]) -> list[tuple[float, float, float]]:
    """Colours of sizes N: one N has the same in every figure, and a larger one is darker."""
    ends = np.log([48, 5000])
    places = np.clip((ends[1] - np.log(sizes)) / np.diff(ends), 0, 1)
    return [mpl.colormaps["viridis"](0.85 * place)[:3] for place in places]


@contextmanager
def own_style() -> Iterator[None]:
    """Draw in the book's style, whatever the settings of the user are."""
    backend = {"backend", "backend_fallback", "interactive", "toolbar", "timezone"}
    defaults = {key: mpl.rcParamsDefault[key] for key in mpl.rcParamsDefault if key not in backend}
    with mpl.rc_context(), warnings.catch_warnings():
        warnings.simplefilter("ignore", mpl.MatplotlibDeprecationWarning)
        mpl.rcParams.update(defaults)
        mpl.rcParams.update(RC)
        yield


@contextmanager
def panels(
    rows: int = 1, columns: int = 1, *, height: float = 2.6, width: float = PAGE, **kwargs
) -> Iterator[tuple[Figure, list[Axes]]]:
    """Make a figure of panels in the book's style, lettered if there are several.

    Parameters
    ----------
    rows, columns : int
        Layout.
    height : float
        Height of a row, in inches.
    width : float
        Width of the figure, in inches.
    **kwargs
        Passed to `matplotlib.figure.Figure.subplots`.

    Yields
    ------
    figure, axes
        The figure and its axes in reading order.
    """
    with own_style():
        figure = Figure(figsize=(width, height * rows), layout="constrained")
        FigureCanvasAgg(figure)
        axes = figure.subplots(rows, columns, squeeze=False, **kwargs).ravel().tolist()
        if len(axes) > 1:
            for letter, axis in zip(ascii_lowercase, axes, strict=False):
                axis.set_title(f"({letter})")
        yield figure, axes


def heading(axis: Axes, text: str) -> None:
    """Set a panel's heading beside its letter."""
    axis.set_title(f"{axis.get_title(loc='left')} {text}".strip())


def points(axis: Axes, x: Sequence, estimate, *, marker: str = "o", **kwargs) -> None:
    """Draw simulated means with their 95 % intervals: columns ``mean``, ``low`` and ``high``."""
    spread = [estimate["mean"] - estimate["low"], estimate["high"] - estimate["mean"]]
    axis.errorbar(x, estimate["mean"], yerr=spread, fmt=marker, capsize=0, elinewidth=1, **kwargs)


def time_axis(axis: Axes, rows: pd.DataFrame, *, every: int = 1) -> None:
    """Make the axis of time linear from zero to the first observation, and logarithmic beyond.

    Parameters
    ----------
    axis : matplotlib.axes.Axes
        The panel.
    rows : pandas.DataFrame
        Observations, with their ``time``.
    every : int
        Decades from one number on the axis to the next, counted from the last.
    """
    first, last = rows.loc[rows["time"] > 0, "time"].min(), rows["time"].max()
    axis.set_xscale("symlog", linthresh=first, linscale=0.3)
    decades = np.arange(np.ceil(np.log10(first) + 0.3), np.floor(np.log10(last)) + 1)
    axis.set_xticks([0, *(10.0 ** decades[::-every])])
    axis.set_xlim(0, last)


OPAQUE = {"frameon": True, "framealpha": 1.0, "edgecolor": "none"}
"""A legend through which no line runs."""


def legend_below(figure: Figure, axis: Axes, columns: int | None = None) -> None:
    """Put one panel's legend below all of them, so many entries a line, or all that fit."""
    handles, labels = axis.get_legend_handles_labels()
    most = columns or len(labels)
    fit = (n for n in range(most, 0, -1) if _breadth(labels, n) <= figure.get_figwidth())
    figure.legend(handles, labels, loc="outside lower center", ncols=next(fit, 1))


def _breadth(labels: Sequence[str], columns: int) -> float:
    """Return about how wide a legend is, in inches: its columns, each as wide as it must be."""
    rows = -(-len(labels) // columns)
    parts = [labels[first : first + rows] for first in range(0, len(labels), rows)]
    return sum(0.6 + 0.075 * max(len(label.replace("$", "")) for label in part) for part in parts)


def legend_under(axis: Axes, columns: int = 2) -> None:
    """Put a panel's legend below it, where it hides no point."""
    axis.legend(loc="upper center", bbox_to_anchor=(0.5, -0.2), ncols=columns)


def look(start: str) -> dict[str, str]:
    """Return the colour, marker and label of a start, of the reader's own too."""
    drawn = as_start(start)
    return {"color": PALETTE[drawn.colour], "marker": drawn.marker, "label": drawn.label}


def mark_late(span: Callable, line: Callable, late: DynamicalThreshold, **style) -> None:
    """Mark the dynamical threshold: by `axvspan` and `axvline`, or `axhspan` and `axhline`.

    The span is one standard error to either side; where there is no error, none is drawn.
    """
    if math.isfinite(late.error):
        ends = late.alpha - late.error, late.alpha + late.error
        span(*ends, color=LATE, alpha=0.25, linewidth=0)
    line(late.alpha, color=LATE, **{"linewidth": 1, **style})


def of(loss: Loss) -> str:
    """Name a loss in a caption: by a if it is of the paper's family, else in words."""
    return f"a = {loss.a:g}" if isinstance(loss, NormalizedIntensity) else str(loss)


def counted(rows: pd.DataFrame) -> str:
    """Say in a caption how many instances there are of each size."""
    counts = rows.groupby("n")["replica"].nunique()
    return ", ".join(f"{count} at N = {n}" for n, count in counts.items())


def says_nothing(axes: Sequence[Axes], why: str) -> None:
    """Say in the first panel why there is nothing to draw, and leave the others out."""
    for axis in axes:
        axis.set_axis_off()
    axes[0].text(0.5, 0.5, why, ha="center", va="center", wrap=True, transform=axes[0].transAxes)

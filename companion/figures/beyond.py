"""Two problems in units of their own transitions (notebook 12)."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from companion.figures.export import BookFigure, book_figure
from companion.figures.style import THEORY, heading, legend_below, look, panels, points
from prlib.sweeps import rates


@book_figure("fig-beyond", data=("recovery", "simulations of the notebook"))
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
        "Fraction of descents that find the signal, against the strength of the signal in units of "
        "the transition of the Hessian at a random start (dotted), from random and from "
        "constrained starts. Left: phase retrieval; shaded, up to the transition of threshold "
        "states (dashed), is the window. Right: the matrix-tensor model, where the two transitions "
        r"are one; a signal counts as found from |m| = 0.5 on. Points: simulation, with 95 % "
        "Wilson intervals; larger markers, larger N.",
        f"Recovered fractions against the signal's strength. {'; '.join(told)}.",
        figure,
    )


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

"""The half point against the dimension, and the forms fitted to it (notebook 06)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from companion.analysis.scaling import FORMS, LEAST_SIZES, Scaling
from companion.figures.export import BookFigure, book_figure, nothing_drawn
from companion.figures.recovery import in_caption
from companion.figures.style import THEORY, legend_below, look, of, panels, points
from companion.figures.theory import DASHES
from prlib.descent.starts import as_start
from prlib.losses import Loss, takes_loss


@book_figure("fig-half-points", data=("recovery",))
@takes_loss
def half_points_figure(
    loss: Loss,
    half_points: pd.DataFrame,
    fits: dict[str, Sequence[Scaling]],
    predicted: pd.DataFrame,
) -> BookFigure:
    """Half points against the dimension, with the forms that were fitted to them."""
    starts = list(fits)
    if half_points.empty:
        return nothing_drawn("fig-half-points", "at no size do half the runs recover")
    with panels(height=4.6) as (figure, (axis,)):
        for start in starts:
            found = half_points[half_points["start"] == start].rename(columns={"half": "mean"})
            points(axis, found["n"], found, **look(start))
            colour = look(start)["color"]
            if not fits[start]:
                few = f"{len(found)} sizes: a fit needs {LEAST_SIZES}"
                beside = {"xytext": (6, 0), "textcoords": "offset points", "va": "center"}
                if len(found):
                    axis.annotate(few, found[["n", "mean"]].iloc[-1], **beside, color=colour)
                continue
            grid = np.geomspace(found["n"].min(), predicted["n"].max() * 2, 200)
            for fit, style in zip(fits[start], DASHES, strict=True):
                line = fit.half_point(grid)
                axis.plot(grid, line, color=colour, linestyle=style, linewidth=1.2)
            mine = predicted[predicted["start"] == start]
            # One beside the other, in the order of the legend.
            for i, (_, row) in enumerate(mine.iterrows()):
                place, ends = row["n"] * 1.2 ** (i - 1.5), [row["low"], row["high"]]
                axis.plot([place] * 2, ends, "_-", color=colour, linewidth=1, alpha=0.7)
        axis.set(xscale="log", xlabel="N", xlim=(0.9 * half_points["n"].min(), None))
        axis.minorticks_off()
        axis.set_xticks([100, 1000], ["100", "1000"])
        axis.set_ylabel(r"$\alpha$ at which half the runs recover")
        axis.margins(x=0)
        for fit, style in zip(next(filter(None, fits.values()), ()), DASHES, strict=False):
            axis.plot([], [], color=THEORY, linestyle=style, label=FORMS[fit.form][0])
        legend_below(figure, axis, 4)
    counts = half_points["runs"]
    return BookFigure(
        "fig-half-points",
        title=_rises(half_points),
        caption=rf"The \(\alpha\) at which half the descents recover the signal, {of(loss)}. "
        f"Points: logistic fits to {counts.min()} to {counts.max()} runs a size, with 95 % "
        "bootstrap intervals; lines: four forms, each fitted to the runs of all sizes, with their "
        f"predictions for N = {predicted['n'].iloc[0]} side by side in the order of the legend.",
        alt=f"Half points against N, and the four forms fitted to them. {_ends_of(half_points)}",
        figure=figure,
    )


def _rises(half_points: pd.DataFrame) -> str:
    """Say by how much the half point of each start moves from its smallest to its largest size."""
    told = [
        f"{rows['half'].iloc[-1] - rows['half'].iloc[0]:+.2f} from {in_caption(start)}"
        for start, rows in half_points.groupby("start", sort=False)
    ]
    sizes = half_points["n"]
    return (
        f"From N = {sizes.min()} to at most {sizes.max()} the half point moves by "
        rf"{', '.join(told)}"
    )


def _ends_of(half_points: pd.DataFrame) -> str:
    """Say where the half points of each start lie at its smallest and its largest size."""
    told = [
        f"{as_start(start).phrase}: {rows['half'].iloc[0]:.2f} at N = {rows['n'].iloc[0]}, "
        f"{rows['half'].iloc[-1]:.2f} at N = {rows['n'].iloc[-1]}"
        for start, rows in half_points.groupby("start", sort=False)
    ]
    return f"{'; '.join(told)}."

"""Measurement vectors that are not Gaussian (notebook 12)."""

from __future__ import annotations

import pandas as pd
from matplotlib.axes import Axes

from companion.analysis.universality import LEVEL, QUANTITIES
from companion.figures.export import BookFigure, book_figure
from companion.figures.style import LATE, THEORY, heading, of, panels, points
from prlib.losses import Loss, takes_loss


@book_figure("fig-sensing", data=("sensing",))
@takes_loss
def sensing_figure(
    loss: Loss, found: pd.DataFrame, table: pd.DataFrame, effect: float
) -> BookFigure:
    """Differences from normal rows, a panel a quantity and a point a sensing.

    Parameters
    ----------
    found : pandas.DataFrame
        From `companion.analysis.universality.universality`.
    table : pandas.DataFrame
        The runs that it was made of.
    effect : float
        Difference that would matter.
    """
    shown = [name for name in QUANTITIES if name in set(found["quantity"])]
    with panels(1, len(shown), height=3.4) as (figure, axes):
        for axis, quantity in zip(axes, shown, strict=True):
            rows = found[found["quantity"] == quantity]
            _panel(axis, rows, effect if quantity == "overlap2" else 0.0)
            heading(
                axis,
                rf"{_called(quantity)}, $\alpha$ = "
                rf"{rows['alpha'].iloc[0]:g}",
            )
        axes[0].set_ylabel("difference from normal rows")
    (n,) = table["n"].unique()
    count = table.groupby(["sensing", "alpha"])["replica"].nunique().min()
    words = "; ".join(
        f"{name.replace('overlap2', 'overlap')}: {QUANTITIES[name]}" for name in shown
    )
    moved = found[(found["low"] > 0) | (found["high"] < 0)]
    told = "; ".join(
        f"{row.sensing}, {row.quantity}: {row.difference:+.2f}" for row in moved.itertuples()
    )
    return BookFigure(
        "fig-sensing",
        title=f"{len(moved)} of {len(found)} differences from normal rows are seen at N = {n}",
        caption="Hessians of random starts under other measurement vectors, less those under "
        f"normal rows of the same size: {of(loss)}, {count} instances a point. {words}. The lowest "
        "eigenvalue is counted from the edge that theory of normal rows makes of the state's own "
        f"labels and fields, in units of the depth of that edge. Bars: intervals that hold "
        f"together at {100 * LEVEL:g} %, red where they leave out zero; band: overlaps that differ "
        "too little to matter.",
        alt=f"Differences from normal rows, one point a kind of rows. Those that are seen: "
        f"{told or 'none'}.",
        figure=figure,
    )


def _short(sensing: str) -> str:
    return sensing.partition("(")[0].replace("_", " ")


def _called(quantity: str) -> str:
    return quantity.replace("overlap2", "overlap")


def _panel(axis: Axes, rows: pd.DataFrame, effect: float) -> None:
    if effect:
        axis.axhspan(-effect, effect, color="0.92", zorder=-2)
    axis.axhline(0, color="0.6", linewidth=0.8)
    names = list(rows["sensing"])
    for seen, some in rows.groupby((rows["low"] > 0) | (rows["high"] < 0)):
        x = [names.index(one) for one in some["sensing"]]
        label = "differ" if seen else "not told apart"
        colour = LATE if seen else THEORY
        points(axis, x, some.assign(mean=some["difference"]), color=colour, label=label)
    axis.set_xticks(range(len(names)), [_short(one) for one in names], rotation=60, ha="right")
    axis.tick_params(axis="x", labelsize=7)
    axis.set_xlabel("measurement vectors")

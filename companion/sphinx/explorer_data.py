"""What the stage shows that a page cannot compute: theory along descents, recovered fractions."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from contourpy import contour_generator
from numpy.typing import ArrayLike, NDArray
from sphinx.application import Sphinx

from companion.analysis.dynamics import along, border
from companion.figures.front import LEVELS
from companion.figures.style import PALETTE
from companion.sphinx.front import theory
from companion.thresholds import dynamical_threshold
from prlib.descent.starts import as_start
from prlib.losses import NormalizedIntensity
from prlib.measures.dynamical import choose_flow, dynamical
from prlib.spectra.bulk import density, left_edge
from prlib.sweeps import rates
from prlib.sweeps.store import read
from prlib.transitions import alpha_init

FRACTIONS = {0.01: "recovery", 1.0: "recovery-a1"}
"""Normalisations to choose from, and where the recovered fractions at each are."""

STARTS = ("random", "spectral", "constrained")
"""Starts that the page can run itself."""

FIRST, LAST, STEPS = 0.003, 10.0, 48
"""Time is shown as log(1 + t/FIRST) up to LAST, in steps."""

BULKS = {0.01: ((2.0, 3.0, 4.0, 5.0), 6.0), 1.0: ((1.5, 3.0, 5.0, 7.0), 1.2)}
"""Alphas at which the shape of the bulk is computed, and how far from its edge."""

REACHED = np.linspace(0, 1, 13)[1:]
"""Where: cube roots of the distance from the edge, as shares of the furthest."""


def stage_times() -> NDArray:
    """Return the times that are kept: evenly spaced on the page, the first of them zero."""
    return FIRST * np.expm1(np.linspace(0, np.log1p(LAST / FIRST), STEPS + 1))


def stage(a: float, root: Path) -> dict[str, Any]:
    """Return what the page has to know at one normalisation."""
    loss, times = NormalizedIntensity(a), stage_times()
    runs = theory(loss)
    late = dynamical_threshold(loss)
    return {
        "a": a,
        "alphaInit": _short(alpha_init(loss).alpha, 5),
        "late": [_short(late.alpha - late.error, 4), _short(late.alpha + late.error, 4)],
        "border": _short(border(runs, times), 4),
        "shades": shades(runs, times),
        "runs": [
            {"alpha": float(alpha), **states(run, times)} for alpha, run in runs.groupby("alpha")
        ],
        "bulk": bulk(loss, runs, times),
        "fractions": fractions(root / "data" / f"{FRACTIONS[a]}.parquet"),
    }


def states(run: pd.DataFrame, times: NDArray) -> dict[str, list[float]]:
    """Return edge, outlier and fluctuations along one run, at the times that it reached."""
    times = times[times <= run["t"].max() * (1 + 1e-9)]
    runs = {
        "edge": run["left_edge"],
        "gap": -run["gap"].fillna(0.0),  # no outlier: it is at the edge
        "overlap2": run["overlap2"],
        "variance": run["variance"],
        "doubt": run["variance_error"] / run["variance"],
    }
    return {name: _short(np.interp(times, run["t"], column), 3) for name, column in runs.items()}


def shades(runs: pd.DataFrame, times: NDArray) -> list[list[list[list[float]]]]:
    """Return, by level, outlines of where the squared overlap lies above it: steps and alphas."""
    alphas = np.array(sorted(runs["alpha"].unique()))
    lines = contour_generator(np.arange(len(times)), alphas, along(runs, times, "overlap2"))
    return [
        [[_short(point, 4) for point in shape] for shape in lines.filled(level, np.inf)[0]]
        for level in LEVELS
    ]


def bulk(loss: NormalizedIntensity, runs: pd.DataFrame, times: NDArray) -> dict[str, Any]:
    """Return the shape of the bulk beside its edge, at a few alphas and at every fourth time.

    The shape is the density over the root of the distance from the edge, scaled to a largest value
    of one. It changes so little that few alphas, times and sample paths tell it.
    """
    alphas, furthest = BULKS[loss.a]
    distances = furthest * REACHED**3
    shapes = []
    for alpha in alphas:
        end = min(LAST, runs[runs["alpha"] == alpha]["t"].max())
        flow = choose_flow(loss, alpha, end, tolerance=5e-3)
        run = dynamical(loss, alpha, flow, paths=4096, batches=2, seed=1)
        shapes.append([])
        for time in times[::4]:
            law = run.measure(int(np.argmin(np.abs(run.times - time))))
            shape = density(law, left_edge(law).position + distances) / np.sqrt(distances)
            shapes[-1].append(_short(shape / shape.max(), 3))
    return {"alphas": alphas, "furthest": furthest, "reached": _short(REACHED, 4), "shapes": shapes}


def fractions(table: Path) -> list[dict[str, Any]]:
    """Return recovered fractions by start and size, with their intervals."""
    rows = read(table).table.to_pandas()
    rows = rows[rows["start"].isin(STARTS)]
    # A curve takes more than the one alpha of the sizes that summaries of the paper suggest.
    rows = rows[rows.groupby(["start", "n"])["alpha"].transform("nunique") > 2]
    return [
        {
            "start": start,
            "n": int(n),
            **{name: _short(found[name], 4) for name in ("alpha", "rate", "low", "high", "runs")},
        }
        for (start, n), found in rates(rows, by=["start", "n", "alpha"]).groupby(["start", "n"])
    ]


def everything(root: Path) -> dict[str, Any]:
    """Return all that the stage reads."""
    return {
        "times": _short(stage_times(), 6),
        "first": FIRST,
        "starts": [{"id": one, "colour": PALETTE[as_start(one).colour]} for one in STARTS],
        "stages": [stage(a, root) for a in FRACTIONS],
    }


def _short(values: ArrayLike, digits: int) -> Any:
    """Numbers of few digits, as short as JSON has them."""
    if np.ndim(values):
        return [_short(value, digits) for value in values]
    value = float(f"{values:.{digits}g}")
    return int(value) if value.is_integer() else value


def write(app: Sphinx, exception: Exception | None) -> None:
    """Write the data as a script: a page read from the disk may load one, and no other file."""
    if exception or app.builder.format != "html":
        return
    target = Path(app.outdir) / "_static" / "explorer" / "data.js"
    text = json.dumps(everything(Path(app.srcdir)), separators=(",", ":"))
    target.write_text(f"globalThis.EXPLORER = {text};\n", encoding="utf-8")


def setup(app: Sphinx) -> dict[str, bool]:
    """Connect the above to the build."""
    app.connect("build-finished", write, priority=400)
    return {"parallel_read_safe": True, "parallel_write_safe": True}

"""What the explorer shows that a page cannot compute: laws, thresholds, recovered fractions."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sphinx.application import Sphinx

from companion.thresholds import dynamical_threshold
from prlib.losses import NormalizedIntensity
from prlib.measures import LabelMeasure, initial
from prlib.measures.dynamical import choose_flow, dynamical
from prlib.sweeps import rates
from prlib.transitions import alpha_init, thresholds

NORMALISATIONS = (0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0)
"""Values of a to choose from; the simulations are at the second."""

LATER = {"a": 0.01, "alphas": (2.0, 3.0, 3.5, 4.0, 6.0), "time": 3.0, "paths": 8192}
"""What of the descent is there to see at later times."""

TIMES = (0.01, 0.03, 0.1, 0.3, 1.0, 3.0)

WIDTH = 0.1
"""Width of a bin of log(f - floor)."""


def law(measure: LabelMeasure) -> dict[str, Any]:
    """Return the law of curvatures, and of y² beside it, as two nodes a bin.

    They keep the mean and the variance of the curvature in the bin, and its covariance with y².
    """
    f, weights, floor = measure.curvature, measure.weights, measure.floor
    bins = np.round(np.log(np.maximum(f - floor, 1e-9)) / WIDTH).astype(int)
    _, place = np.unique(bins, return_inverse=True)
    share, square = np.bincount(place, weights), np.bincount(place, weights * measure.y**2)
    kept = share > 1e-12
    away = f - (np.bincount(place, weights * f) / share)[place]
    spread = np.sqrt(np.bincount(place, weights * away**2) / share)
    tilt = np.bincount(place, weights * measure.y**2 * away) / np.maximum(spread, 1e-300)
    mean = np.bincount(place, weights * f) / share
    nodes = [(mean + sign * spread, share, square + sign * tilt) for sign in (-1, 1)]
    f, w, y2 = (np.stack(part)[:, kept].T.ravel() for part in zip(*nodes, strict=True))
    return {"f": _short(f), "w": _short(w / 2), "y2": _short(y2 / 2), "floor": floor}


def later() -> list[dict[str, Any]]:
    """Return laws along the descent, from the dynamical theory."""
    loss, found = NormalizedIntensity(LATER["a"]), []
    for alpha in LATER["alphas"]:
        flow = choose_flow(loss, alpha, LATER["time"], tolerance=2e-3)
        run = dynamical(loss, alpha, flow, paths=LATER["paths"], seed=1)
        for time in TIMES:
            index = int(np.argmin(np.abs(run.times - time)))
            found.append(
                {
                    "alpha": alpha,
                    "t": float(f"{run.times[index]:.3g}"),
                    "mu": float(f"{run.mu.value[index]:.6g}"),
                    "variance": float(f"{run.variance.value[index]:.4g}"),
                    "varianceError": float(f"{run.variance.error[index]:.2g}"),
                    "law": law(run.measure(index)),
                }
            )
    return found


def recovered(root: Path) -> list[dict[str, Any]]:
    """Return recovered fractions by start and size, with their intervals."""
    table = pd.read_parquet(root / "data" / "recovery.parquet")
    table = table[~table["start"].isin(["deflated", "orthogonal"])]  # controls
    # A curve takes more than the one alpha of the sizes that summaries of the paper suggest.
    table = table[table.groupby(["start", "n"])["alpha"].transform("nunique") > 2]
    found = []
    for (start, n), rows in rates(table, by=["start", "n", "alpha"]).groupby(["start", "n"]):
        columns = {name: _short(rows[name]) for name in ("alpha", "rate", "low", "high")}
        found.append({"start": start, "n": int(n), "runs": _short(rows["runs"]), **columns})
    return found


def everything(root: Path) -> dict[str, Any]:
    """Return all that the explorer reads."""
    grid = np.geomspace(1e-3, 100, 61)
    losses = [NormalizedIntensity(a) for a in grid]
    lines = [thresholds(loss) for loss in losses]
    return {
        "a": _short(grid),
        "alphaInit": _short([each.alpha_init for each in lines]),
        "alphaMinima": _short([each.alpha_minima for each in lines]),
        "alphaMinimaLow": _short([each.alpha_minima_low for each in lines]),
        "laws": [
            {
                "a": a,
                "law": law(initial(NormalizedIntensity(a), 1.0)),
                "mu": float(f"{initial(NormalizedIntensity(a), 1.0).mu:.8g}"),
                "alphaInit": alpha_init(NormalizedIntensity(a)).alpha,
                "late": str(dynamical_threshold(NormalizedIntensity(a))),
            }
            for a in NORMALISATIONS
        ],
        "dataAt": LATER["a"],
        "later": later(),
        "rates": recovered(root),
    }


def _short(values: NDArray | pd.Series | list[float]) -> list[float]:
    return [float(f"{value:.6g}") for value in values]


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

"""The front page's drawings, from the tables of theory and the runs of the chapter on scaling."""

from __future__ import annotations

import pandas as pd
from sphinx.application import Sphinx
from sphinx.config import Config

from companion.analysis.half_points import near_half
from companion.ensembles import data_folder, recovery
from companion.figures.front import half_point_axis, sphere, story, story_map
from companion.reexecution import find
from companion.thresholds import dynamical_threshold
from prlib.losses import NormalizedIntensity
from prlib.sweeps import half_point
from prlib.sweeps.store import read
from prlib.transitions import thresholds

TABLES = ("theory/early", "theory/border", "theory/growth", "theory/wide")
"""Runs of the dynamical theory; of one alpha the first table's, which has the most paths."""

SCALING = "06-finite-size-scaling"
"""The chapter whose runs the half points come from, with its parameters."""


def theory(loss: NormalizedIntensity) -> pd.DataFrame:
    """Return the runs of the theory of a loss, one an alpha: the longest, with most paths."""
    tables = [read(data_folder() / f"{name}.parquet").table.to_pandas() for name in TABLES]
    runs = pd.concat(tables, ignore_index=True)
    runs = runs[runs["loss"] == loss.id]
    order = runs.groupby(["alpha", "run"]).agg(t=("t", "max"), paths=("paths", "max"))
    kept = order.reset_index().sort_values(["t", "paths"]).groupby("alpha")["run"].last()
    return runs[runs["run"].isin(kept)]


def halves() -> tuple[NormalizedIntensity, pd.DataFrame]:
    """Return the loss of the chapter on scaling, and half points of each start at two sizes."""
    given = {one.name: one.default for one in find(SCALING).parameters}
    free = ["random", "spectral"]
    ends = [min(given["sizes"]), max(given["sizes_constrained_large"])]
    run = {"time": given["time"], "seed": given["seed"], "hold": given["hold"]}
    held = {**run, "time": given["time"] + given["hold"], "hold": 2 * given["hold"]}
    asked = (
        (given["alphas"], ends[:1], free, given["replicas"], run),
        (given["alphas_large"], ends[1:], free, given["replicas"], run),
        (given["alphas_constrained"], ends[:1], ["constrained"], given["replicas"], held),
        (
            given["alphas_constrained_large"],
            ends[1:],
            ["constrained"],
            given["replicas_constrained_large"],
            held,
        ),
    )
    rows = pd.concat(
        recovery(given["a"], alphas, sizes, starts, count, **settings)
        for alphas, sizes, starts, count, settings in asked
    )
    found = [
        (start, n, half_point(runs["alpha"], runs["recovered"]).alpha)
        for (start, n), runs in near_half(rows).groupby(["start", "n"], sort=False)
    ]
    return NormalizedIntensity(given["a"]), pd.DataFrame(found, columns=["start", "n", "half"])


def drawings() -> dict[str, str]:
    """Return the drawings by the names under which the front page has them."""
    loss, found = halves()
    late, lines = dynamical_threshold(loss), thresholds(loss)
    ticks = (
        ("a start sees the signal", lines.alpha_init, lines.alpha_init),
        ("bad minima give way", lines.alpha_minima, lines.alpha_minima_low),
        ("long descents see it again", late.alpha - late.error, late.alpha + late.error),
    )
    alphas = (found["half"].min() - 0.25, lines.alpha_minima_low + 0.05)
    told = story_map(story(theory(loss), late)) + sphere()
    return {
        "front_map": f'<div class="prlib-front">{told}</div>',
        "front_axis": half_point_axis(found, ticks, alphas),
    }


def fill(app: Sphinx, _config: Config) -> None:
    """Offer the drawings to the pages."""
    app.config.myst_substitutions.update(drawings())


def setup(app: Sphinx) -> dict[str, bool]:
    """Connect the above to the build."""
    app.connect("config-inited", fill, priority=950)
    return {"parallel_read_safe": True, "parallel_write_safe": True}

"""Every figure of the book is drawn from small tables, with words, and with names for its axes."""

from __future__ import annotations

import io
import re
from pathlib import Path

import nbformat
import numpy as np
import pandas as pd
import pytest
from scipy.special import expit

from companion.analysis.beyond import problem_halves
from companion.analysis.condition import condition_by_label
from companion.analysis.finite_size import Growth, compared_rates
from companion.analysis.half_points import half_points, near_half
from companion.analysis.prediction import prediction_curve
from companion.analysis.scaling import all_fits, fit_scaling, predictions
from companion.analysis.signal_free import at_infinite_size
from companion.analysis.threshold import by_loss
from companion.analysis.wide import halves_by_width
from companion.figures.a_million_dimensions import bias_figure, million_figure
from companion.figures.bbp_at_initialisation import start_spectra_figure, start_transition_figure
from companion.figures.beyond import best_figure, beyond_figure, problems_figure
from companion.figures.export import registered
from companion.figures.finite_size_theory import (
    basin_figure,
    escape_figure,
    fluctuations_figure,
    predicted_half_points_figure,
    predicted_recovery_figure,
)
from companion.figures.half_points import half_points_figure
from companion.figures.hessian_over_time import (
    alignment_over_time_figure,
    directions_figure,
    edge_over_time_figure,
    labels_figure,
    prediction_figure,
)
from companion.figures.landscape_of_minima import energies_figure, fields_figure, plane_figure
from companion.figures.loss_functions import phase_diagram_figure, start_overlap_figure
from companion.figures.noise import life_figure, reached_figure
from companion.figures.other_dynamics import (
    direction_figure,
    recipe_figure,
    schemes_figure,
)
from companion.figures.recovery import (
    overlap_over_time_figure,
    paired_difference_figure,
    recovery_figure,
    starts_figure,
)
from companion.figures.recovery import start_overlap_figure as spectral_overlap_figure
from companion.figures.threshold_states import (
    band_figure,
    dynamics_figure,
    edge_figure,
    law_figure,
    threshold_spectrum_figure,
    threshold_transition_figure,
)
from companion.figures.time_dependent_bbp import (
    ageing_figure,
    condition_figure,
    hessian_evolution_figure,
    t_bbp_figure,
)
from companion.figures.trained import trained_figure
from companion.figures.universality import sensing_figure
from companion.figures.wide import jump_figure, states_figure, wide_figure
from companion.reexecution import FOLDER
from companion.thresholds import measured_thresholds
from prlib.losses import NormalizedIntensity
from prlib.measures import initial
from prlib.measures.dynamical import choose_flow, dynamical
from prlib.transitions import thresholds
from prlib.transitions.landscape import landscape_map

LOSS = NormalizedIntensity(0.01)
ROOT = Path(__file__).resolve().parents[3]
DRAWN = {}


def draws(*ids):
    """Register a function that draws the figure of each id."""
    return lambda function: DRAWN.update(dict.fromkeys(ids, function))


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr("companion.analysis.half_points.BOOTSTRAP", 20)
    monkeypatch.setattr("companion.analysis.finite_size.DRAWS", 20)


def starts():
    rows = [
        {"loss": LOSS.id, "alpha": alpha, "n": n, "replica": replica}
        for alpha in (2.0, 4.0, 6.0)
        for n in (50, 100)
        for replica in range(3)
    ]
    table = pd.DataFrame(rows)
    level = table["alpha"] / 10 + 0.01 * table["replica"]
    return table.assign(
        lowest=level, empirical_edge=level, overlap2=level, predicted_overlap2=level
    )


def observed(start="random", alphas=(3.0, 6.0), replicas=40):
    times = np.array([0.0, 0.01, 0.1, 1.0])
    rows = [
        pd.DataFrame(
            {
                "alpha": alpha,
                "n": 100,
                "start": start,
                "replica": replica,
                "recovered": replica % 2 == 0,
                "time": times,
                "overlap2": 0.5 * np.exp(-times),
                "start_overlap2": np.exp(-10 * times),
                "displacement_overlap2": 0.01,
                "gradient_overlap2": 0.1,
                "abs_overlap": np.clip(0.1 + times * (replica % 3) / 2, 0, 1),
                "energy": np.exp(-times),
                "lowest": -10 * np.exp(-times) + 0.01 * replica,
                "edge": -9 * np.exp(-times),
            }
        )
        for alpha in alphas
        for replica in range(replicas)
    ]
    return pd.concat(rows, ignore_index=True)


def recovering(names=("random", "spectral", "constrained"), sizes=(64, 128, 256)):
    rng = np.random.default_rng(0)
    rows = [
        (start, n, alpha, replica, rng.random() < expit(4 * (alpha - place - 0.1 * np.log(n))))
        for place, start in zip((2.2, 1.8, 2.6), names, strict=False)
        for n in sizes
        for alpha in (2.0, 2.25, 2.5, 2.75, 3.0, 3.25, 3.5)
        for replica in range(40)
    ]
    table = pd.DataFrame(rows, columns=["start", "n", "alpha", "replica", "recovered"])
    return table.assign(time_limit=400.0, abs_start_overlap=0.2)


def held():
    rows = pd.DataFrame(
        {"alpha": alpha, "n": n, "replica": replica, "time": time}
        for alpha in (4.0, 6.0)
        for n in (50, 100)
        for replica in range(3)
        for time in np.geomspace(0.1, 10, 8)
    )
    fall = rows["time"] ** -0.7
    return rows.assign(
        energy=0.5 + fall + 0.01 * rows["replica"],
        mu=1 + fall,
        edge=-fall,
        lowest=-1 - fall,
        outlier=-1.0,
        overlap2=0.5,
        outlier_overlap2=0.5,
    )


def theory(alphas=(2.0, 3.0, 4.0)):
    t = np.array([0.0, 0.01, 0.1, 1.0, 3.0])
    rows = [
        pd.DataFrame(
            {
                "alpha": alpha,
                "t": t,
                "bbp": alpha / 2.9 - 0.05 * t,
                "left_edge": -20 * np.exp(-t),
                "outlier": -21 * np.exp(-t),
                "overlap2": 0.3,
                "energy": 1 / (1 + t),
                "variance": (1 + 10 * t) ** (alpha - 1),
                "variance_error": 0.1,
                "bbp_error": 0.01,
            }
        )
        for alpha in alphas
    ]
    return pd.concat(rows, ignore_index=True)


@draws("fig-bbp-spectra")
def _(name):
    spectrum = np.linspace(-20, 80, 200)
    return start_spectra_figure(LOSS, [(alpha, spectrum) for alpha in (1.4, 2.8, 6.0)], name)


@draws("fig-bbp-transition", "fig-bbp-transition-hard")
def _(name):
    return start_transition_figure(10.0 if "hard" in name else LOSS, starts(), name)


@draws("fig-hessian-over-time", "fig-hessian-over-time-wide")
def _(name):
    return edge_over_time_figure(LOSS, observed(), name)


@draws("fig-alignment-over-time")
def _(name):
    return alignment_over_time_figure(LOSS, observed())


@draws("fig-small-labels")
def _(name):
    laws = [initial(LOSS, 3.0)] * 2
    times = (condition_by_label(laws).assign(time=time) for time in (0.005, 1.0))
    return labels_figure(LOSS, 3.0, 100, pd.concat(times))


@draws("fig-alignment-directions")
def _(name):
    return directions_figure(LOSS, observed())


@draws("fig-alignment-prediction", "fig-alignment-prediction-wide")
def _(name):
    rows = observed()
    return prediction_figure(LOSS, rows, prediction_curve(rows), name)


@draws("fig-threshold-law")
def _(name):
    return law_figure(LOSS, 6.0, initial(LOSS, 6.0), 100, 10.0)


@draws("fig-threshold-spectrum")
def _(name):
    return threshold_spectrum_figure(LOSS, 6.0, np.linspace(-3, 60, 200), initial(LOSS, 6.0), 10.0)


def long_holds():
    rows = pd.DataFrame(
        {"alpha": alpha, "n": n, "replica": replica, "time": time}
        for alpha in (3.75, 4.0, 4.25, 4.5)
        for n in (50, 100)
        for replica in range(4)
        for time in (5.0, 10.0, 20.0, 40.0, 320.0)
    )
    own = 0.01 * rows["replica"]
    return rows.assign(
        a=0.01,
        loss=LOSS.id,
        bbp=1 + 0.25 * (rows["alpha"] - 4.1) + own,
        energy=0.5 + own,
        edge=-(rows["time"] ** -0.5) * (1 + own),
        lowest=-0.1 + own,
        overlap2=0.2 + own,
    )


@draws("fig-threshold-dynamics")
def _(name):
    return dynamics_figure(long_holds(), by_loss(long_holds()))


@draws("fig-threshold-band")
def _(name):
    return band_figure(long_holds(), traps().assign(a=0.01))


@draws("fig-threshold-edge")
def _(name):
    return edge_figure(long_holds())


@draws("fig-threshold-transition")
def _(name):
    return threshold_transition_figure(LOSS, long_holds(), traps())


@draws("fig-constrained-overlap")
def _(name):
    rows = pd.concat([observed(alphas=(3.0,)), observed("constrained", alphas=(3.0,))])
    return overlap_over_time_figure(LOSS, rows)


@draws("fig-constrained-recovery", "fig-constrained-recovery-wide", "fig-scaling-recovery")
def _(name):
    return recovery_figure(LOSS, recovering(), ["random", "constrained"], name)


@draws("fig-constrained-difference", "fig-spectral-difference")
def _(name):
    return paired_difference_figure(LOSS, recovering(), "random", "spectral", name)


@draws("fig-spectral-overlap")
def _(name):
    return spectral_overlap_figure(LOSS, recovering())


@draws("fig-spectral-recovery")
def _(name):
    return starts_figure(LOSS, recovering(), [64, 256])


@draws("fig-half-points")
def _(name):
    near = near_half(recovering())
    found, fits = half_points(near, ["random"]), all_fits(near, ["random"])
    return half_points_figure(LOSS, found, fits, predictions(near, ["random"], 512, 0))


@draws("fig-phase-diagram")
def _(name):
    return phase_diagram_figure([thresholds(a) for a in (0.01, 1.0, 100.0)], measured_thresholds())


@draws("fig-losses-start-overlap")
def _(name):
    return start_overlap_figure(starts())


@draws("fig-hessian-evolution")
def _(name):
    return hessian_evolution_figure(LOSS, theory((3.0, 6.0)), observed())


@draws("fig-t-bbp", "fig-t-bbp-wide")
def _(name):
    return t_bbp_figure(LOSS, theory(), name)


@draws("fig-ageing")
def _(name):
    run = dynamical(LOSS, 3.0, choose_flow(LOSS, 3.0, 0.05), paths=512, seed=1)
    late = [float(t) for t in run.times[2:]]
    states = pd.DataFrame(
        {"n": 100, "replica": replica, "waiting": run.times[1], "time": t, "correlation": 0.9}
        for replica in range(3)
        for t in late
    )
    return ageing_figure(run, states, theory((3.0,)), observed("constrained", (3.0,)))


@draws("fig-condition", "fig-condition-large")
def _(name):
    rows = [
        (alpha, n, t, 1.0, 0.01, 40) for alpha in (2.0, 3.0) for n in (64, 128) for t in (0.1, 1)
    ]
    found = pd.DataFrame(rows, columns=["alpha", "n", "time", "mean", "error", "count"])
    return condition_figure(LOSS, theory(), at_infinite_size(found), found, name)


@draws("fig-escape")
def _(name):
    index = pd.MultiIndex.from_product([[5.0, 6.0], [64, 128]], names=["alpha", "n"])
    times = {"time": [2.0, 2.4, 1.8, 2.1], "expected": [1.5, 1.9, 1.2, 1.6]}
    return escape_figure(LOSS, pd.DataFrame(times | {"error": 0.05, "runs": 200}, index))


@draws("fig-fluctuations", "fig-fluctuations-wide")
def _(name):
    return fluctuations_figure(LOSS, theory(), observed(alphas=(2.0, 3.0)), name)


def grown():
    return Growth.of(theory((1.5, 2.0, 2.5, 3.0, 3.5, 4.0)), 1.0)


@draws("fig-predicted-recovery")
def _(name):
    table = recovering(["random"])
    compared = compared_rates(grown(), (0.7, 0.02), table)
    return predicted_recovery_figure(LOSS, grown(), (0.7, 0.02), compared, [64, 128])


@draws("fig-basin")
def _(name):
    found = pd.DataFrame({"constant": [0.7, 0.75], "constant_error": 0.01}, [2.0, 3.0])
    compared = pd.DataFrame({"alpha": [2.2, 2.7], "constant": [0.8, 0.7], "error": 0.05}, [64, 128])
    return basin_figure(LOSS, found, compared, 10.0)


@draws("fig-predicted-half-points")
def _(name):
    near = near_half(recovering(["random"]))
    fits = [fit_scaling(near, form) for form in ("log", "straight")]
    halves = half_points(near, ["random"])
    return predicted_half_points_figure(LOSS, [grown()], [(0.7, 0.02)], [halves], fits)


def traps():
    return pd.DataFrame(
        {
            "alpha": [2.0, 4.0, 6.0],
            "energy_low": [0.07, 0.52, 1.1],
            "energy_high": [0.13, 0.58, 1.2],
            "overlap_max": [0.87, 0.27, 0.1],
            "energy_1rsb": [0.05, 0.49, 1.05],
            "bbp_low": [0.2, 0.93, 1.3],
            "bbp_high": [0.5, 1.06, 1.35],
            "bbp_1rsb": [0.1, 0.86, 1.25],
            "v1": [0.0, 0.65, 0.9],
        }
    )


@draws("fig-minima-plane")
def _(name):
    plane = landscape_map(0.01, [2.0, 3.5, 6.0], [0.0, 0.3, 0.6])
    table = recovering(["random", "optimal"]).assign(abs_overlap=0.2)
    return plane_figure(LOSS, plane, traps(), table, thresholds(LOSS))


@draws("fig-minima-energies")
def _(name):
    return energies_figure(LOSS, traps(), held().assign(bbp=1.0), thresholds(LOSS))


@draws("fig-minima-law")
def _(name):
    return fields_figure(LOSS, 4.0, [initial(LOSS, 4.0)] * 2, 100, 10.0)


SCHEMES = ("flow", "sgd(batch=0.5)", "momentum(beta=0.9)", "annealed(temperature=1, cooling=5)")


@draws("fig-other-recovery")
def _(name):
    runs = recovering(("random",))
    return schemes_figure(LOSS, pd.concat(runs.assign(scheme=scheme) for scheme in SCHEMES))


@draws("fig-other-direction")
def _(name):
    t = np.array([0.0, 0.01, 0.1, 1.0])
    columns = {"alpha": 3.0, "t": t, "bbp": 1.1 - t / 5, "bbp_error": 1e-3}
    columns |= {"overlap2": 0.1 * np.exp(-t), "variance": 1 + t}
    return direction_figure(
        LOSS, pd.concat(pd.DataFrame(columns | {"scheme": one}) for one in SCHEMES)
    )


@draws("fig-recipe")
def _(name):
    runs = recovering(("random", "spectral", "wide"), sizes=(64,)).assign(steps=300)
    table = pd.concat(runs.assign(scheme=scheme) for scheme in SCHEMES)
    return recipe_figure(LOSS, table, pd.Series({"spectral": 30.0, "wide": 20.0}))


@draws("fig-beyond")
def _(name):
    table = recovering(["random", "constrained"])
    return beyond_figure(table, table.assign(alpha=table["alpha"] / 3), 1.5)


@draws("fig-problems")
def _(name):
    runs = recovering(("random", "constrained"))
    rows = [problem_halves(f"a = {end}", runs, 2.8, (end, error)) for end, error in ENDS]
    return problems_figure(pd.concat(rows))


ENDS = ((4.0, 0.1), (4.5, np.inf), (2.8, 0.0))


@draws("fig-best")
def _(name):
    runs = recovering(("random", "spectral")).assign(loss=LOSS.id)
    best = runs.assign(alpha=runs["alpha"] / 3, abs_overlap=runs["recovered"].astype(float))
    return best_figure(best, runs[runs["n"] == 64])


@draws("fig-noise-life")
def _(name):
    rows = [
        {"loss": loss, "alpha": 3.0, "sigma": sigma, "share": 1 - sigma, "variance": 9 - sigma}
        for loss in (LOSS.id, "amplitude(smoothing=0.3)")
        for sigma in (0.0, 0.2)
    ]
    return life_figure(pd.DataFrame(rows).assign(share_error=0.01, variance_error=0.1), 1.2)


@draws("fig-noise-overlap")
def _(name):
    rows = [
        {"loss": LOSS.id, "alpha": alpha, "sigma": sigma, "mean": 0.2 * alpha}
        for alpha in (2.0, 3.0)
        for sigma in (0.1, 0.3)
    ]
    table = pd.DataFrame(rows).assign(best=0.9, count=50)
    ends = {"low": table["mean"] - 0.1, "high": table["mean"] + 0.1}
    return reached_figure(table.assign(**ends), 256, 200.0)


@draws("fig-sensing")
def _(name):
    rows = [
        {"sensing": sensing, "quantity": quantity, "alpha": alpha, "difference": difference}
        for sensing, difference in (("rademacher", 0.0), ("orthogonal", 0.2))
        for quantity, alpha in (("edge", 2.0), ("outlier", 4.0), ("overlap2", 4.0))
    ]
    found = pd.DataFrame(rows)
    found = found.assign(low=found["difference"] - 0.05, high=found["difference"] + 0.05)
    table = found.assign(n=512, replica=0)
    return sensing_figure(LOSS, found, table, 0.06)


def halves_of_ratios():
    table = pd.DataFrame({"n": [64, 256] * 3, "ratio": [np.inf] * 2 + [4.0] * 2 + [16.0] * 2})
    half = 2.5 + 0.1 / table["ratio"] + 0.1 * np.log(table["n"])
    table = table.assign(half=half, low=half - 0.1, high=half + 0.1, error=0.05, runs=100)
    return pd.concat([table.assign(start="random"), table.assign(start="spectral")])


@draws("fig-million")
def _(_name):
    growth = Growth(10.0, np.array([2.0, 4.0]), np.log([20.0, 2e4]), np.array([0.1, 0.1]))
    return million_figure(LOSS, growth, (0.8, 0.02), halves_of_ratios())


@draws("fig-fast-bias")
def _(_name):
    shifts = pd.DataFrame({"mean": [-0.07, -0.02], "count": 10}, [4.0, 16.0])
    shifts = shifts.assign(low=shifts["mean"] - 0.01, high=shifts["mean"] + 0.01)
    return bias_figure(LOSS, 2.0, 256, shifts, halves_of_ratios())


def of_widths(table, widths=(1.0, 2.0)):
    return pd.concat(table.assign(width=width, a=0.1) for width in widths)


@draws("fig-wide")
def _(_name):
    table = of_widths(recovering(("random", "constrained"), sizes=(64, 128))).assign(time=400.0)
    return wide_figure(table, halves_by_width(table), pd.Series({1: 2.2, 2: 1.3}))


@draws("fig-wide-states")
def _(_name):
    table = pd.DataFrame({"alpha": [2.0, 3.0] * 3, "n": 64, "replica": [0, 0, 1, 1, 2, 2]})
    table = of_widths(table.assign(overlap2=0.1 * table["alpha"] + 0.01 * table["replica"]))
    table = pd.concat(table.assign(when=when, time=100.0) for when in ("start", "end"))
    return states_figure(table, pd.Series({1: 2.2, 2: 1.3}))


@draws("fig-jump")
def _(_name):
    rows = [(1.0, alpha, r, r / 10) for alpha in (1.0, 1.5, 2.0) for r in range(5)]
    table = pd.DataFrame(rows, columns=["width", "alpha", "replica", "best_overlap2"])
    table = table.assign(n=100, a=1.0, best=table["replica"] // 3, run="")
    line = pd.DataFrame({"ratio": [0.5, 1.0, 2.0], "overlap2": [0.0, 0.0, 0.4]})
    return jump_figure(table, pd.Series({1: 1.0}), {1: line})


@draws("fig-trained")
def _(_name):
    times = [0.0, 1.0, 10.0]
    columns = ("toward", "displaced", "other_displaced", "early")
    rows = [
        {"labels": labels, "t": t, "replica": r, "chance": 0.02, "eigenvectors": 4.0}
        | dict.fromkeys(columns, 0.1 + 0.01 * r)
        for labels in ("true", "shuffled")
        for t in times
        for r in range(3)
    ]
    return trained_figure(pd.DataFrame(rows), pd.DataFrame(rows))


SLOW = {"fig-half-points"}
"""It is drawn with predictions, each of many fits."""


@pytest.mark.filterwarnings("ignore:All-NaN slice:RuntimeWarning")
@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[pytest.mark.slow] * (name in SLOW)) for name in registered()]
)
def test_every_figure_is_drawn_from_small_tables(name):
    figure = DRAWN[name](name)
    assert figure.id == name
    assert len(figure.caption) > 100
    assert_told(figure)
    assert len(figure.alt) > 40
    table = pd.read_csv(io.StringIO(figure.csv()))
    # The map of a colour bar has one axis alone.
    drawn = table[table["kind"].isin(["line", "point", "edges", "band"])]
    for axis in ("x_axis", "y_axis"):
        assert drawn[axis].str.contains(r"\w.* \[(?:1|M/N|flow time)\]$").all()


def assert_told(figure):
    """A title is a finding in one sentence, and what follows it is short and holds no more."""
    title = re.sub(r"\\\(.*?\\\)", "x", figure.title)
    assert re.search(r"\d", title)
    assert not re.search(r"\bnan\b|\.$|\$|  ", title)
    assert 20 < len(title) < 150
    sentences = re.split(r"(?<=[.)])\s+(?=[A-Z])", figure.caption)
    assert len(sentences) <= 5
    assert not re.search(r"\bnan\b|\$|  ", figure.caption)


def test_the_figures_of_the_notebooks_are_those_that_are_registered():
    shown = {
        name
        for path in sorted(FOLDER.glob("[0-9]*.ipynb"))
        for cell in nbformat.read(path, as_version=4).cells
        for output in cell.get("outputs", [])
        for name in re.findall(r'id="(fig-[a-z-]+)"', output.get("data", {}).get("text/html", ""))
    }
    assert shown == registered().keys()


def test_a_figure_names_data_and_a_test_that_are_there():
    for figure in registered().values():
        assert (ROOT / figure.test).is_file()
        assert figure.data
        tables = [name for name in figure.data if " " not in name and name != "theory"]
        assert all((ROOT / "data" / f"{name}.parquet").is_file() for name in tables)


def test_a_figure_without_rows_says_so():
    rows = observed(replicas=4)
    figure = prediction_figure(LOSS, rows, prediction_curve(rows))
    assert "Nothing is drawn" in figure.alt
    assert b"<svg" in figure.svg()


def test_a_start_that_was_not_run_is_said_to_lack():
    table = recovering(("random", "spectral"))
    assert (
        b"<svg"
        in recovery_figure(LOSS, table, ["random", "constrained"], "fig-constrained-recovery").svg()
    )
    part = table[(table["start"] == "random") | (table["n"] == 64)]
    assert r"only at N = 64" in starts_figure(LOSS, part, [64, 256]).caption

"""What captions and alt texts say is what the data say."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from companion.figures.bbp_at_initialisation import start_transition_figure
from companion.figures.hessian_over_time import (
    alignment_over_time_figure,
    directions_figure,
    edge_over_time_figure,
)
from companion.figures.plotted import plotted
from companion.figures.recovery import (
    overlap_over_time_figure,
    paired_difference_figure,
    recovery_figure,
)
from prlib.losses import NormalizedIntensity

LOSS = NormalizedIntensity(0.01)


@pytest.fixture
def runs():
    """Descents at two alphas: at one the alignment goes first, at the other |m| comes first."""
    times = [0.0, 0.01, 0.1, 1.0]
    courses = {  # alpha: alignment, overlap and fates
        3.0: ([0.4, 0.1, 0.1, 0.0], [0.01, 0.02, 0.3, 1.0], [True] * 5 + [False]),
        6.0: ([0.8, 0.8, 0.3, 0.0], [0.01, 0.3, 0.9, 1.0], [True] * 6),
    }
    return pd.concat(
        pd.DataFrame(
            {
                "alpha": alpha,
                "n": 100,
                "start": "random",
                "replica": replica,
                "recovered": fate,
                "time": times,
                "overlap2": alignment,
                "start_overlap2": [1.0, 0.6, 0.3, 0.0] if alpha == 6 else [1.0, 0.4, 0.1, 0.0],
                "displacement_overlap2": [np.nan, 0.01, 0.02, 0.01],
                "gradient_overlap2": 0.1,
                "abs_overlap": overlap,
                "energy": [10.0, 1.0, 0.1, 0.0],
                "lowest": [-10.0, -5.0, -1.0, 1.0],
                "edge": [-9.0, -4.5, -0.9, 1.0],
            }
        )
        for alpha, (alignment, overlap, fates) in courses.items()
        for replica, fate in enumerate(fates)
    )


def starts(alphas, size=64):
    """Runs of three starts that recover ever more often."""
    rows = [
        ("recovery", size, start, alpha, replica, replica < 20 * share)
        for start, later in (("random", 0.0), ("constrained", 0.3), ("spectral", -0.2))
        for alpha, share in zip(alphas, np.linspace(0.1, 1.2, len(alphas)) - later, strict=True)
        for replica in range(20)
    ]
    columns = ["sweep", "n", "start", "alpha", "replica", "recovered"]
    return pd.DataFrame(rows, columns=columns).assign(a=0.01, time_limit=400.0, seed=1)


@pytest.mark.parametrize(("a", "jumps"), [(0.01, False), (10.0, True)])
def test_only_a_hard_edge_has_a_jump(a, jumps):
    rows = pd.DataFrame(
        {
            "alpha": [1.0, 1.0, 8.0, 8.0],
            "n": 50,
            "replica": [0, 1, 0, 1],
            "lowest": [-1.0, -1.1, 2.0, 2.1],
            "empirical_edge": [-1.0, -1.0, 3.0, 3.0],
            "overlap2": [0.1, 0.0, 0.8, 0.9],
            "predicted_overlap2": [0.0, 0.0, 0.8, 0.8],
        }
    )
    figure = start_transition_figure(NormalizedIntensity(a), rows, "fig-x")
    assert ("jumps from 0 to 0.51" in figure.alt) == jumps
    assert (
        "jumps at infinite size to 0.51; at N = 50 it is 0.05 just below" in figure.title
    ) == jumps
    assert ("its squared overlap reaches 0.85" in figure.title) != jumps
    assert ("smoothly, the more steeply" in figure.alt) != jumps


def test_alignment_is_said_to_fall_where_it_falls(runs):
    figure = alignment_over_time_figure(LOSS, runs)
    assert r"|m| = 0.02 at \(\alpha\) = 3, and at 0.90 at \(\alpha\) = 6" in figure.title
    assert "0.02 at alpha = 3, 0.90 at alpha = 6" in figure.alt
    assert "5 at alpha = 3, 6 at alpha = 6 recover" in figure.alt
    assert "Thin: a single run." in figure.caption


def test_the_gap_is_drawn_below_the_eigenvalues(runs):
    table = plotted(edge_over_time_figure(LOSS, runs).figure)
    gap = table[(table["label"] == "edge minus lowest eigenvalue") & (table["kind"] == "line")]
    assert set(gap["panel"]) == {"c", "d"}
    assert gap["y"].tolist() == pytest.approx([1.0, 0.5, 0.1, 0.0] * 3)


def test_means_of_few_runs_are_left_out_and_their_numbers_said(runs):
    figure = directions_figure(0.01, runs)
    assert "1 fail and 5 recover at alpha = 3, 0 fail and 6 recover at alpha = 6" in figure.alt
    assert "if they are at least 5" in figure.caption
    table = plotted(figure.figure)
    lines = table[(table["panel"] == "a") & (table["kind"] == "line")]
    assert len(lines.groupby("artist")) == 2
    assert r"by t = 0.01 at \(\alpha\) = 3 and by t = 0.1 at \(\alpha\) = 6" in figure.title


def test_directions_of_few_runs_are_drawn_if_there_are_no_more(runs):
    figure = directions_figure(0.01, runs[runs["replica"] < 2])
    assert "if they are at least 2" in figure.caption


@pytest.mark.parametrize(
    ("alphas", "words"),
    [
        ((2.0, 2.5, 3.0, 3.5, 4.0), "each to the 2 alphas within 0.5 of"),
        ((2.0, 2.25, 2.5, 2.75, 3.0, 3.25), "each to the 3 to 5 alphas within 0.5 of"),
    ],
)
def test_a_caption_tells_how_many_alphas_a_fit_uses(alphas, words):
    figure = recovery_figure(0.01, starts(alphas), ["random", "constrained"])
    assert words in figure.caption
    assert ("meets both points" in figure.caption) == ("the 2 alphas" in words)


def test_figures_of_other_starts_have_other_titles():
    table = starts((2.0, 2.5, 3.0, 3.5, 4.0))
    pairs = ("random", "constrained"), ("spectral", "random")
    figures = [paired_difference_figure(0.01, table, *pair, "fig-x") for pair in pairs]
    for figure, first, second in zip(
        figures,
        ("Random starts", r"Starts along \(v_1\) of the Hessian"),
        ("constrained", "random"),
        strict=True,
    ):
        assert figure.title.startswith(f"{first} recover up to 0.")
        assert f" more of the instances than {second} starts, at " in figure.title
    assert figures[0].alt != figures[1].alt


def test_a_caption_tells_until_when_runs_are_shown(runs):
    failing = runs.assign(recovered=runs["alpha"] == 6, start="constrained")
    rows = pd.concat([runs[runs["alpha"] == 3], failing[failing["alpha"] == 3]])
    figure = overlap_over_time_figure(0.01, rows)
    assert "recover the signal by t = 1, when all were stopped" in figure.caption
    assert (
        "From t = 0.1 to 1 the overlap still grew in 1 of the 1 grey runs in (a) and 6 of the 6 "
        "grey runs in (b)" in figure.alt
    )

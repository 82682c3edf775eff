"""What a figure's table holds is what the figure shows."""

from __future__ import annotations

import io

import numpy as np
import pandas as pd
import pytest

from companion.figures.plotted import as_csv, ends_in_words, plotted
from companion.figures.style import heading, panels, points


@pytest.fixture
def figure():
    with panels(1, 2) as (figure, (left, right)):
        estimate = pd.DataFrame({"mean": [0.2, 0.6], "low": [0.1, 0.5], "high": [0.4, 0.9]})
        points(left, [1.0, 2.0], estimate, color="#0173b2", label="simulation")
        left.plot([0, 1, 2], [0.0, 0.3, 0.7], color="#222222", label="theory")
        left.axvline(1.5)
        left.fill_between([0, 1], [0, 0.1], [0.2, 0.4], label="band")
        right.stairs([3, 5], [0, 1, 2], fill=True)
        right.pcolormesh([0.0, 1.0], [2.0, 3.0], [[1, 2], [3, 4]], shading="gouraud")
        right.fill_betweenx([0, 1], [5, 6], [7, 8])
    return figure


def test_a_point_without_an_interval_leaves_that_of_the_others():
    with panels() as (figure, (axis,)):
        some = pd.DataFrame({"mean": [0.2, 0.6], "low": [np.nan, 0.5], "high": [np.nan, 0.9]})
        points(axis, [1.0, 2.0], some)
        points(axis, [3.0], some.iloc[:1])
    low = plotted(figure)["low"]
    assert low.to_numpy() == pytest.approx([np.nan, 0.5, np.nan], nan_ok=True)


def one(table, panel, kind):
    return table[(table["panel"] == panel) & (table["kind"] == kind)]


def test_points_carry_their_intervals(figure):
    found = one(plotted(figure), "a", "point")
    assert found[["x", "y", "low", "high"]].to_numpy() == pytest.approx(
        np.array([[1, 0.2, 0.1, 0.4], [2, 0.6, 0.5, 0.9]])
    )
    assert set(found["label"]) == {"simulation"}
    assert set(found["colour"]) == {"#0173b2"}


def test_lines_bands_references_histograms_and_maps_are_there(figure):
    table = plotted(figure)
    assert one(table, "a", "line")[["x", "y"]].to_numpy().tolist() == [[0, 0], [1, 0.3], [2, 0.7]]
    assert one(table, "a", "reference")["x"].tolist() == [1.5]
    assert one(table, "a", "band")[["x", "low", "high"]].to_numpy().tolist() == [
        [0, 0, 0.2],
        [1, 0.1, 0.4],
    ]
    assert one(table, "b", "band")[["y", "low", "high"]].to_numpy().tolist() == [
        [0, 5, 7],
        [1, 6, 8],
    ]
    assert one(table, "b", "edges")[["x", "high", "y"]].to_numpy().tolist() == [
        [0, 1, 3],
        [1, 2, 5],
    ]
    assert one(table, "b", "map")["value"].tolist() == [1, 2, 3, 4]


def test_a_table_names_panels_axes_and_units():
    with panels(1, 2, sharey=True) as (figure, (left, right)):
        for axis in (left, right):
            axis.plot([0, 1], [2, 3], label=r"$\\alpha$ = 3")
        heading(right, "late")
        left.set_ylabel("energy")
        right.set_xlabel("time t")
    named = plotted(figure)[["panel", "heading", "label", "x_axis", "y_axis"]].drop_duplicates()
    assert named.to_numpy().tolist() == [
        ["a", "", "alpha = 3", "", "energy [1]"],
        ["b", "late", "alpha = 3", "time t [flow time]", "energy [1]"],
    ]


def test_words_say_where_what_the_legend_names_begins_and_ends(figure):
    told = ends_in_words(figure)
    assert "simulation from 0.2 at 1 to 0.6 at 2" in told
    assert "theory from 0 at 0 to 0.7 at 2" in told


def test_the_file_reads_back_and_is_the_same_each_time(figure):
    text = as_csv(figure)
    assert text == as_csv(figure)
    again = pd.read_csv(io.StringIO(text), keep_default_na=False)
    for column in ("panel", "kind", "label", "colour"):
        assert again[column].tolist() == plotted(figure)[column].tolist()
    numbers = pd.read_csv(io.StringIO(text))[["x", "y", "low", "high", "value"]]
    np.testing.assert_allclose(numbers, plotted(figure)[numbers.columns].astype(float), rtol=1e-9)

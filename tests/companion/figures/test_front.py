"""The front page's drawings say what the tables say."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
import pytest
from lxml import etree

from companion.figures.front import WIDTH, half_point_axis, sphere, story, story_map
from companion.thresholds import DynamicalThreshold

LATE = DynamicalThreshold(4.0, 0.02, measured=True)


def runs(alphas=(2.0, 2.5, 3.0, 3.25, 3.5, 4.5)):
    """Runs whose outlier, where alpha > 3, lasts until t = e^(alpha - 3) / 10."""
    times = np.array([0.0, *np.geomspace(1e-4, 10, 60)])
    rows = []
    for alpha in alphas:
        lost = np.exp(4 * (alpha - 3.1)) / 10
        seen = (times < lost) if alpha > 3 else np.zeros(len(times), dtype=bool)
        rows.append(
            pd.DataFrame(
                {
                    "alpha": alpha,
                    "t": times,
                    "bbp": 1 + 0.1 * np.log((lost if alpha > 3 else 1e-6) / (times + 1e-5)),
                    "bbp_error": 0.001,
                    "left_edge": -1.0,
                    "outlier": np.where(seen, -1.5, np.nan),
                    "overlap2": np.where(seen, 0.4 * times * np.exp(-times / lost) / lost, 0.0),
                }
            )
        )
    return pd.concat(rows, ignore_index=True)


def texts(svg: str) -> list[str]:
    return [one.text for one in etree.fromstring(svg).iter("text")]


def test_the_map_follows_one_descent_from_where_it_sees_to_where_it_is_blind():
    told = story(runs(), LATE)
    assert told.alpha == 3.5
    out, touching, gone = told.moments
    assert out < touching < gone
    assert told.gap == 0.5
    assert told.last[0] < told.alpha < told.last[-1]


def test_the_map_names_its_regions_in_words():
    said = texts(story_map(story(runs(), LATE)))
    assert {"sees the signal", "blind", "a descent goes this way", "it is gone"} <= set(said)


def test_halves_and_ticks_lie_at_their_alphas():
    halves = pd.DataFrame(
        [("random", 64, 2.0), ("random", 512, 2.5), ("constrained", 64, 3.5)],
        columns=["start", "n", "half"],
    )
    svg = half_point_axis(halves, [("the start", 3.0, 3.0), ("minima", 3.5, 4.0)], (1.5, 4.5))
    circles = [one for one in etree.fromstring(svg).iter("circle") if "size" not in str(one.attrib)]
    places = [float(one.get("cx")) for one in circles]
    at = {2.0: places[0], 2.5: places[1], 3.5: places[2]}
    assert (at[2.5] - at[2.0]) / (at[3.5] - at[2.0]) == pytest.approx(1 / 3, abs=0.01)
    bars = {
        float(one.get("x")): float(one.get("width")) for one in etree.fromstring(svg).iter("rect")
    }
    (_, low), (_, wide) = ((x, x + width) for x, width in bars.items())
    assert wide - max(bars) == pytest.approx(at[2.5] - at[2.0], abs=0.2)
    assert low == pytest.approx((at[2.5] + at[3.5]) / 2, abs=1.5)
    assert {"64 unknowns", "512 unknowns", "random start", "minima"} <= set(texts(svg))


@pytest.mark.parametrize(
    "svg",
    [story_map(story(runs(), LATE)), sphere()],
    ids=["map", "sphere"],
)
def test_a_drawing_stays_inside_and_is_told_in_words(svg):
    drawn = etree.fromstring(svg)
    width, height = map(float, drawn.get("viewBox").split()[2:])
    assert width <= WIDTH
    for one in drawn.iter("text", "circle"):
        x, y = (float(one.get(name) or one.get(f"c{name}")) for name in "xy")
        assert 0 <= x <= width
        assert 0 <= y <= height
    assert len(drawn.get("aria-label")) > 100
    assert not re.search(r"nan|None", svg)

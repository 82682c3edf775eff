"""Figures and glossary know every start of the registry."""

from pathlib import Path

import pytest
from matplotlib.markers import MarkerStyle

from companion.figures.style import PALETTE
from prlib.descent.starts import STARTS

TERMS = Path("book/glossary.md")


@pytest.mark.parametrize("start", STARTS.values(), ids=list(STARTS))
def test_a_start_can_be_drawn_and_looked_up(start):
    assert start.colour in PALETTE
    assert start.marker in MarkerStyle.markers
    terms = (Path(__file__).parents[3] / TERMS).read_text(encoding="utf-8").splitlines()
    assert any(line.startswith(start.name) and line.endswith(" start") for line in terms)

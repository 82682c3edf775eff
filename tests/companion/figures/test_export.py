"""Figures: the same bytes twice, and words beside them."""

from html.parser import HTMLParser

import pandas as pd
import pytest

from companion.figures.bbp_at_initialisation import start_transition_figure
from companion.figures.export import BookFigure
from companion.figures.style import panels
from prlib.losses import NormalizedIntensity


def make(caption="A caption", alt="A line"):
    with panels(height=2) as (figure, (axis,)):
        axis.plot([0, 1], [0, 1])
    return BookFigure("fig-test", caption, alt, figure, title="Half is 0.5 < 1")


def test_the_same_figure_gives_the_same_bytes():
    assert make().svg() == make().svg()


def test_words_are_escaped():
    markup = make(caption="a < b <script>", alt='say "x" & <y>')._repr_mimebundle_()["text/html"]
    assert "<script>" not in markup
    assert "<figcaption><strong>Half is 0.5 &lt; 1.</strong> a &lt; b" in markup

    class Alts(HTMLParser):
        found = ()

        def handle_starttag(self, tag, attrs):
            if tag == "img":
                self.found = (*self.found, dict(attrs)["alt"])

    parser = Alts()
    parser.feed(markup)
    assert parser.found == ('say "x" & <y>',)


@pytest.mark.parametrize("a", [0.01, pytest.param(10.0, marks=pytest.mark.slow)])
def test_a_caption_tells_the_sample(a):
    rows = pd.DataFrame(
        {
            "alpha": [1.0, 1.0, 8.0, 8.0],
            "n": [50] * 4,
            "replica": [0, 1, 0, 1],
            "lowest": [-1.0, -1.1, 2.0, 2.1],
            "empirical_edge": [-1.0, -1.0, 3.0, 3.0],
            "overlap2": [0.1, 0.0, 0.8, 0.9],
            "predicted_overlap2": [0.0, 0.0, 0.8, 0.8],
        }
    )
    figure = start_transition_figure(NormalizedIntensity(a), rows, "fig-x")
    assert "2 at N = 50" in figure.caption
    assert figure.id == "fig-x"
    assert figure.alt

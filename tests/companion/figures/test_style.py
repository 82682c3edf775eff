"""Figures depend on nothing outside: no setting of the user changes a byte."""

import os
import subprocess
import sys

import numpy as np

from companion.figures.style import look, of, size_colours
from prlib.losses import Amplitude, NormalizedIntensity

SETTINGS = """
backend: svg
savefig.transparent: True
savefig.bbox: tight
font.weight: bold
font.family: serif
font.size: 20
axes.labelweight: bold
axes.grid: True
figure.dpi: 33
image.cmap: gray
lines.marker: o
svg.fonttype: none
text.hinting: none
"""

DRAW = """
from hashlib import sha256
import pandas as pd
from companion.figures.export import BookFigure
from companion.figures.style import panels, points
with panels(1, 2, height=2) as (figure, (left, right)):
    left.plot([0, 1], [2, 3], label="line")
    left.set(xlabel="time t", yscale="log")
    left.legend()
    points(right, [0, 1], pd.DataFrame({"mean": [1, 2], "low": [0, 1], "high": [2, 3]}))
    right.pcolormesh([0.0, 1.0], [2.0, 3.0], [[1, 2], [3, 4]], shading="gouraud")
book = BookFigure("fig-x", "c", "a", figure, title="t")
print(*(sha256(made).hexdigest() for made in (book.svg(), book.pdf(), book.png())))
"""


def test_no_setting_of_the_user_changes_a_byte(tmp_path):
    (tmp_path / "matplotlibrc").write_text(SETTINGS)
    plain = {k: v for k, v in os.environ.items() if k not in {"MATPLOTLIBRC", "MPLBACKEND"}}
    made = [
        subprocess.run(
            [sys.executable, "-c", DRAW], env=env, check=True, capture_output=True, text=True
        ).stdout
        for env in (plain, plain | {"MATPLOTLIBRC": str(tmp_path), "MPLBACKEND": "pdf"})
    ]
    assert made[0] == made[1]
    assert len(made[0].split()) == 3


def test_a_loss_is_called_by_its_number_or_in_words():
    assert of(NormalizedIntensity(0.3)) == "a = 0.3"
    assert "amplitude" in of(Amplitude(0.3))


def test_a_size_has_one_colour_and_a_larger_one_is_darker():
    sizes = [64, 100, 128, 256, 512, 1024]
    colours = size_colours(sizes)
    assert size_colours([256, 1024]) == [colours[3], colours[5]]
    light = [np.dot(colour, (0.299, 0.587, 0.114)) for colour in colours]
    assert np.all(np.diff(light) < -0.02)


def test_a_start_has_a_look():
    assert look("random")["marker"] == "o"

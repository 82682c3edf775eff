"""The page "Add your own loss" says what its code does, and the class on it is right."""

from __future__ import annotations

import runpy
from pathlib import Path

import numpy as np
import pytest

EXAMPLES = Path(__file__).parents[2] / "book" / "examples"


@pytest.fixture(scope="module")
def loss():
    return runpy.run_path(str(EXAMPLES / "own_loss.py"))["Symmetric"](a=0.01)


def test_the_page_shows_what_the_code_prints(capsys) -> None:
    runpy.run_path(str(EXAMPLES / "own_loss.py"), run_name="__main__")
    assert capsys.readouterr().out == (EXAMPLES / "own_loss.txt").read_text(encoding="utf-8")


def test_its_derivatives_are_those_of_the_loss(loss) -> None:
    y, yhat = np.random.default_rng(0).normal(size=(2, 200))
    for function, derivative in (("value", "derivative"), ("derivative", "curvature")):
        found = getattr(loss, function)(y, yhat + 1e-30j).imag / 1e-30
        assert found == pytest.approx(getattr(loss, derivative)(y, yhat), rel=1e-12, abs=1e-13)


def test_its_floor_bounds_the_curvature(loss) -> None:
    y, yhat = np.meshgrid(np.geomspace(1e-3, 1e4, 300), np.geomspace(1e-3, 1e4, 300))
    assert loss.curvature_floor <= min(loss.curvature(y, yhat).min(), loss.curvature(y, 0).min())
    assert loss.curvature(1e4, 0.0) == pytest.approx(loss.curvature_floor, abs=1e-6)


def test_its_jump_is_the_closed_form(loss) -> None:
    y, chi = np.linspace(0.01, 3, 50), 0.8
    u = 2 - 2 * np.sqrt(1 + 1 / chi)
    square = (y * y * (1 + u / 2) + u * loss.a) / (1 - u / 2)
    assert loss.jump(y, chi) == pytest.approx(np.sqrt(np.maximum(0, square)), abs=1e-12)

"""Estimators of observed runs find what was put in."""

import numpy as np
import pandas as pd
import pytest

from companion.analysis.runs import lost_alignment, median_time


def test_alignment_is_lost_near_the_equator_only():
    rows = pd.DataFrame(
        {
            "replica": [0, 0, 0],
            "time": [0.0, 1.0, 2.0],
            "abs_overlap": [0.1, 0.2, 0.9],
            "overlap2": [0.5, 0.4, 0.0],
        }
    )
    assert lost_alignment(rows).tolist() == pytest.approx([0.1])


def test_a_median_time_is_infinite_if_half_never_come():
    rows = pd.DataFrame({"replica": [0, 1, 1], "time": [1.0, 1.0, 2.0]})
    assert median_time(rows, pd.Series([True, False, True])) == 1.5
    assert median_time(rows, pd.Series([False, False, True])) == np.inf

"""Differences from normal rows are seen where they are, and only there."""

import numpy as np
import pandas as pd
import pytest

from companion.analysis.universality import in_alpha, universality
from prlib.transitions import spectrum

LOSS = "normalized(a=1)"


def observed(**lifts):
    """Random starts of some sensings, of which each lifts the overlap by a known number."""
    rng = np.random.default_rng(0)
    rows = [
        {"sensing": sensing, "alpha": alpha, "edge": -2.0, "mu": 1.0, "overlap2": 0.3 + lift}
        for sensing, lift in ({"gaussian": 0.0} | lifts).items()
        for alpha in (1.0, 3.0)
        for _ in range(40)
    ]
    table = pd.DataFrame(rows).assign(loss=LOSS, time=0.0)
    noise = 0.02 * rng.standard_normal(len(table))
    return table.assign(lowest=-2.1 + noise, overlap2=table["overlap2"] + noise)


def test_a_shift_is_told_from_none():
    found = universality(observed(rademacher=0.0, orthogonal=0.1))
    overlaps = found[found["quantity"] == "overlap2"].set_index("sensing")
    assert overlaps.loc["orthogonal", "low"] > 0.05
    assert overlaps.loc["rademacher", "low"] < 0 < overlaps.loc["rademacher", "high"]
    assert (overlaps["visible"] < 0.02).all()
    assert {*found.loc[found["alpha"] == 1, "quantity"]} == {"edge"}
    # A tenth below an edge that is as deep as one.
    assert found.loc[found["quantity"] == "edge", "plain"].iloc[0] == pytest.approx(-0.1, abs=0.02)


def test_the_others_may_be_compared_with_any_of_them():
    found = universality(observed(orthogonal=0.1, coded_diffraction=0.1), plain="orthogonal")
    assert {*found["sensing"]} == {"gaussian", "coded_diffraction"}


def test_a_shift_of_the_overlap_is_one_of_alpha():
    found = in_alpha(universality(observed(orthogonal=0.01)), LOSS)
    (row,) = found.to_dict("records")
    reached = spectrum(LOSS, 3.0 + row["more"]).overlap2 - spectrum(LOSS, 3.0).overlap2
    assert reached == pytest.approx(row["difference"], rel=0.1)

"""What noise does to the early direction, from runs of which the answer is known."""

import math

import numpy as np
import pandas as pd
import pytest

from companion.analysis.noise import lives, reached
from prlib.transitions.state_evolution import message_passing_overlap


def losing(sigma, at, *, loss="normalized(a=1)"):
    """Theory of a run that loses its outlier at a time; it never has one if that is 0."""
    t = np.linspace(0, 1, 101)
    columns = {"loss": loss, "alpha": 2.0, "t": t, "bbp_error": 1e-4, "batches": 16}
    columns |= {"channel": f"additive(sigma={sigma})" if sigma else "noiseless"}
    bbp = 1 + at - t if at else 0.9 - t
    return pd.DataFrame(columns | {"bbp": bbp, "variance": 1 + 10 * t, "variance_error": 0.1})


def test_the_share_of_a_life_is_of_that_without_noise():
    found = lives(pd.concat([losing(0, 0.5), losing(0.2, 0.2)])).set_index("sigma")
    assert found.loc[0.2, "share"] == pytest.approx(0.4, rel=1e-3)
    assert found.loc[0.0, "share"] == 1
    assert found.loc[0.0, "share_error"] == 0
    assert found.loc[0.2, "share_error"] > found.loc[0.2, "error"]
    assert found.loc[0.2, "variance"] == pytest.approx(3, abs=0.1)


def test_a_direction_that_is_never_there_lasts_for_no_time_and_one_that_stays_for_ever():
    found = lives(pd.concat([losing(0, 0.5), losing(0.1, 2.0), losing(0.3, 0)]))
    assert found["t"].tolist()[1:] == [math.inf, 0.0]
    assert found["share"].tolist()[1:] == [math.inf, 0.0]
    assert found["share_error"].iloc[2] == 0


def test_overlaps_stand_beside_those_of_message_passing():
    runs = pd.DataFrame({"abs_overlap": [0.4, 0.6], "loss": "x", "alpha": 3.0})
    (row,) = reached(runs.assign(channel="additive(sigma=0.3)")).to_dict("records")
    assert row["mean"] == 0.5
    assert row["best"] ** 2 == pytest.approx(message_passing_overlap(3.0, 0.3))

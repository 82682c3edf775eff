"""What the alignment of the start tells can be found too much."""

import pandas as pd
import pytest

from companion.claims.eigenvector_alignment import tells_little


@pytest.mark.parametrize(
    ("areas", "error", "verdict"),
    [([0.55, 0.5], 0.03, "PASS"), ([0.75, 0.8], 0.03, "FAIL"), ([0.55, 0.5], 0.3, "FAIL")],
)
def test_an_alignment_that_tells_or_is_not_known_fails(areas, error, verdict):
    rows = [
        (alpha, time, "overlap2", area + time, error)
        for alpha, area in enumerate(areas)
        for time in (0.0, 5.0)
    ]
    curve = pd.DataFrame(rows, columns=["alpha", "time", "predictor", "mean", "error"])
    assert tells_little(curve).verdict == verdict

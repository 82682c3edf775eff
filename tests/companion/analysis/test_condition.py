"""What each measurement adds to the condition of the transition."""

from dataclasses import replace

import numpy as np
import pytest

from companion.analysis.condition import SMALL, condition_by_label
from companion.ensembles import constrained_laws
from prlib.losses import NormalizedIntensity
from prlib.measures import initial
from prlib.spectra.bulk import left_edge
from prlib.spectra.outlier import bbp

LOSS = NormalizedIntensity(0.01)


def test_the_parts_of_a_state_add_up_to_its_condition():
    # At an overlap that is not zero to the last digit the plane of w* and w is looked at whole.
    laws = [replace(law, overlap=0.0) for law in constrained_laws(LOSS, 3.0, 60, 3, 0.5, seed=1)]
    found = condition_by_label(laws).groupby("law")["share"].sum()
    wanted = [bbp(law, left_edge(law).chi) for law in laws]
    assert found.to_numpy() == pytest.approx(wanted, rel=1e-9)


def test_at_the_start_small_labels_are_stiff_and_large_ones_curve_down():
    found = condition_by_label([initial(LOSS, 3.0)])
    small = found[found["label"] < SMALL]
    assert small["share"].sum() > 0.5
    assert np.all(np.diff(small["curvature"]) < 0)
    assert np.all(found.loc[found["label"] >= 2.0, "curvature"] < 0)

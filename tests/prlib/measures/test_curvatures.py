"""The law of curvatures alone gives what the whole measure gives."""

import pytest

from prlib.losses import NormalizedIntensity
from prlib.measures import initial
from prlib.measures.curvatures import CurvatureLaw, condensed
from prlib.spectra.bulk import left_edge
from prlib.spectra.outlier import bbp, outlier

LAW = initial(NormalizedIntensity(0.01), 3.5)


@pytest.mark.parametrize("of", [lambda m: left_edge(m).position, lambda m: outlier(m).position])
def test_edge_and_outlier_are_those_of_the_whole_measure(of):
    few = condensed(LAW, 4096)
    assert isinstance(few, CurvatureLaw)
    assert len(few.curvature) <= 4096 < len(LAW.curvature)
    assert of(few) == pytest.approx(of(LAW), rel=1e-6)


def test_the_error_is_of_second_order_in_the_width_of_the_bins():
    exact = bbp(LAW, left_edge(LAW).chi)
    coarse, fine = (abs(bbp(few, left_edge(few).chi) - exact) for few in map(of_bins, (256, 1024)))
    assert fine < coarse / 6


def of_bins(bins):
    return condensed(LAW, bins)


def test_a_measure_of_few_nodes_stays_as_it_is():
    assert condensed(LAW, len(LAW.curvature)) is LAW

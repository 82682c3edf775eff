"""What chance adds to steps: its size, and whose it is."""

import numpy as np
import pytest

from prlib.descent.noise import Noise
from prlib.schemes import as_scheme


def test_a_mask_is_zero_or_one_over_the_share_so_that_its_mean_is_one():
    noise = Noise(as_scheme("sgd(0.25)").update, 4000, 10, [1], np.float64)
    noise.ready(0, 0)
    assert set(np.unique(noise.masks)) == {0.0, 4.0}
    # 64 steps of 4000 residuals: the mean is off by less than five of its own errors.
    assert noise.masks.mean() == pytest.approx(1, abs=5 * np.sqrt(3 / noise.masks.size))


def test_noise_is_of_the_seed_and_the_step_whatever_the_companions():
    update = as_scheme("langevin(0.1)").update
    alone, beside = (Noise(update, 30, 20, seeds, np.float64) for seeds in ([7], [3, 7]))
    alone.ready(0, 200)
    for b, step in ((0, 0), (1, 5), (1, 200)):
        beside.ready(b, step)
    assert np.array_equal(alone.white[0], beside.white[1])
    assert alone.white.var() == pytest.approx(1, abs=5 * np.sqrt(2 / alone.white.size))

"""How far descent is from the best: message passing on the instances of the descents."""

from __future__ import annotations

import math

import numpy as np

from prlib.descent import instance
from prlib.descent.message_passing import message_passing
from prlib.sweeps.descents import replica_seed

NAME = "message passing"
"""What its runs have for a start."""

FOUND = 0.99
"""Overlap from which a noiseless signal counts as recovered, as in the sweeps of descents."""


def message_passing_run(alpha: float, n: int, replica: int, seed: int) -> dict:
    """Run message passing on one replica of a sweep with that seed.

    Returns
    -------
    dict
        ``start`` (message passing), ``alpha, n, replica, abs_overlap, recovered``.

    Examples
    --------
    >>> message_passing_run(2.5, 400, 0, seed=1)["recovered"]
    True
    """
    own = replica_seed(seed, replica)
    # Labels and rows alone matter: the instance of every loss is the same.
    problem, _ = instance(1.0, alpha, n, own, dtype=np.float64)
    run = message_passing(problem, np.random.default_rng([own, n]))
    overlap = math.sqrt(run.overlap2[-1])
    about = {"start": NAME, "alpha": alpha, "n": n, "replica": replica}
    return about | {"abs_overlap": overlap, "recovered": overlap >= FOUND}

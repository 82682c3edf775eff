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


def message_passing_runs(alpha: float, n: int, replicas: int, seed: int) -> list[dict]:
    """Run message passing on the first replicas of a sweep with that seed.

    Returns
    -------
    list of dict
        A row an instance: ``start`` (message passing), ``alpha, n, replica, abs_overlap,
        recovered``.

    Examples
    --------
    >>> message_passing_runs(2.5, 400, 1, seed=1)[0]["recovered"]
    True
    """
    about, rows = {"start": NAME, "alpha": alpha, "n": n}, []
    for replica in range(replicas):
        own = replica_seed(seed, replica)
        # Labels and rows alone matter: the instance of every loss is the same.
        problem, _ = instance(1.0, alpha, n, own, dtype=np.float64)
        run = message_passing(problem, np.random.default_rng([own, n]))
        overlap = math.sqrt(run.overlap2[-1])
        reached = {"replica": replica, "abs_overlap": overlap, "recovered": overlap >= FOUND}
        rows.append(about | reached)
    return rows

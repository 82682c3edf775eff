"""The state of several descents over one instance, while they run."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from prlib.schemes import Scheme

RUNNING, RECOVERED, STATIONARY, STEPS, DIVERGED = range(5)
"""Codes of `Batch.status`."""


@dataclass(frozen=True)
class Limits:
    """How long steps are, and where they end.

    Attributes
    ----------
    scheme : Scheme
        The step rule.
    success : float
        Modulus of the overlap that counts as recovery; above 1 none does.
    stationary : float
        Norm of the gradient over the root of N below which a descent is stationary.
    max_steps : int
        Largest number of steps.
    """

    scheme: Scheme
    success: float
    stationary: float
    max_steps: int

    @property
    def numbers(self) -> tuple[float, float, float, int]:
        """Where steps end in numbers, of the types that compiled code expects."""
        ends = (self.scheme.slack, self.success, self.stationary)
        return (*map(float, ends), int(self.max_steps))

    @property
    def steps(self) -> tuple[float, float, float, bool, float, float, bool]:
        """How steps are made in numbers."""
        update = self.scheme.update
        lengths = (float(self.scheme.step), float(self.scheme.reach))
        inertia = (float(update.inertia), bool(update.ahead))
        noise = (float(update.temperature), float(update.cooling))
        return (*lengths, *inertia, *noise, update.plain)


RECORD = np.dtype(
    [
        *((name, np.float64) for name in ("hold", "time", "energy", "mu", "overlap")),
        *((name, np.float64) for name in ("gradient_norm", "rounding", "slope", "last_step")),
        *((name, np.float64) for name in ("smallest_step", "largest_step", "sharpness")),
        *((name, np.int64) for name in ("steps", "rises", "status")),
    ]
)
"""What a descent carries beside its estimate.

hold: flow time until which an update has no component along the signal; 0 for a free descent.
time, energy, mu, overlap, gradient_norm: observables of the estimate, as of the last advance; the
energy is per dimension, the overlap NaN where there is no signal. rounding: how far the energy may
be off by rounding. slope: fall of the energy that the last step would have had on a straight line,
0 if it was not along the gradient alone; last_step: that step. smallest_step, largest_step,
sharpness, rises: see `prlib.descent.trajectory.StepRecord`. steps: steps taken. status: a code of
this module.
"""


@dataclass
class Batch:
    """Several descents over one instance, advanced in place.

    Attributes
    ----------
    W : ndarray, shape (B, N)
        Estimates, one a row.
    last : ndarray, shape (B, N)
        The point before each, for schemes with inertia: see `prlib.schemes.Update`.
    records : structured ndarray, shape (B,)
        See `RECORD`.
    """

    W: NDArray
    last: NDArray
    records: NDArray

    @classmethod
    def at(cls, W: NDArray, hold: NDArray) -> Batch:
        """Begin at (copies of) given estimates, each held for a time."""
        records = np.zeros(len(W), RECORD)
        records["hold"] = hold
        records["energy"] = records["smallest_step"] = np.inf
        return cls(np.array(W, order="C"), np.array(W, order="C"), records)

"""The state of several descents over one instance, while they run."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

RUNNING, RECOVERED, STATIONARY, STEPS, DIVERGED = range(5)
"""Codes of `Batch.status`."""


@dataclass(frozen=True)
class Limits:
    """Where a descent's steps end, one by one and altogether.

    Attributes
    ----------
    step : float
        Largest step.
    safety : float
        Largest product of a step and the bound on the curvature.
    success : float
        Modulus of the overlap that counts as recovery; above 1 none does.
    stationary : float
        Norm of the gradient over the root of N below which a descent is stationary.
    max_steps : int
        Largest number of steps.
    """

    step: float
    safety: float
    success: float
    stationary: float
    max_steps: int

    @property
    def numbers(self) -> tuple[float, float, float, float, int]:
        """The five in order, of the types that compiled code expects."""
        return (
            float(self.step),
            float(self.safety),
            float(self.success),
            float(self.stationary),
            int(self.max_steps),
        )


RECORD = np.dtype(
    [
        *((name, np.float64) for name in ("release", "time", "energy", "mu", "overlap")),
        *((name, np.float64) for name in ("gradient_norm", "rounding", "slope", "last_step")),
        *((name, np.float64) for name in ("smallest_step", "largest_step", "sharpness")),
        *((name, np.int64) for name in ("steps", "rises", "status")),
    ]
)
"""What a descent carries beside its estimate.

release: flow time until which an update has no component along the signal; 0 for a free descent.
time, energy, mu, overlap, gradient_norm: observables of the estimate, as of the last advance.
rounding: how far the energy may be off by rounding. slope: fall of the energy that the last step
would have had on a straight line; last_step: that step. smallest_step, largest_step, sharpness,
rises: see `prlib.descent.trajectory.StepRecord`. steps: steps taken. status: a code of this module.
"""


@dataclass
class Batch:
    """Several descents over one instance, advanced in place by a kernel.

    Attributes
    ----------
    W : ndarray, shape (B, N)
        Estimates, one a row.
    records : structured ndarray, shape (B,)
        See `RECORD`.
    """

    W: NDArray
    records: NDArray

    @classmethod
    def at(cls, W: NDArray, release: NDArray) -> Batch:
        """Begin at given estimates.

        Parameters
        ----------
        W : ndarray, shape (B, N)
            Estimates; they are copied.
        release : ndarray, shape (B,)
            Times at which constrained updates end.

        Returns
        -------
        Batch
            At time zero.
        """
        records = np.zeros(len(W), RECORD)
        records["release"] = release
        records["energy"] = records["smallest_step"] = np.inf
        return cls(np.array(W, order="C"), records)

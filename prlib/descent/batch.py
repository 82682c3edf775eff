"""The state of several descents over one instance, while they run."""

from __future__ import annotations

from dataclasses import dataclass, fields

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


@dataclass
class Batch:
    """Several descents, one a row, advanced in place by a kernel.

    Attributes
    ----------
    W : ndarray, shape (B, N)
        Estimates.
    release : ndarray, shape (B,)
        Flow time until which an update has no component along the signal; 0 for a free descent.
    time, energy, mu, overlap, gradient_norm : ndarray, shape (B,)
        Observables of the estimates, as of the last `advance`.
    rounding : ndarray, shape (B,)
        How far the energy may be off by rounding.
    slope : ndarray, shape (B,)
        Fall of the energy that the last step would have had on a straight line.
    last_step, smallest_step, largest_step, sharpness : ndarray, shape (B,)
        The last step, the extreme ones, and see `StepRecord`.
    steps, rises, status : ndarray of int64, shape (B,)
        Steps taken, steps that raised the energy, and a code of this module.
    """

    W: NDArray
    release: NDArray[np.float64]
    time: NDArray[np.float64]
    energy: NDArray[np.float64]
    mu: NDArray[np.float64]
    overlap: NDArray[np.float64]
    gradient_norm: NDArray[np.float64]
    rounding: NDArray[np.float64]
    slope: NDArray[np.float64]
    last_step: NDArray[np.float64]
    smallest_step: NDArray[np.float64]
    largest_step: NDArray[np.float64]
    sharpness: NDArray[np.float64]
    steps: NDArray[np.int64]
    rises: NDArray[np.int64]
    status: NDArray[np.int64]

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
        B = len(W)
        floats = {f.name: np.zeros(B) for f in fields(cls) if "float64" in str(f.type)}
        whole = {f.name: np.zeros(B, np.int64) for f in fields(cls) if "int64" in str(f.type)}
        batch = cls(W=np.array(W, order="C"), **floats, **whole)
        batch.release[:] = release
        batch.energy[:] = np.inf
        batch.smallest_step[:] = np.inf
        return batch

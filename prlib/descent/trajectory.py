"""What was observed along one descent."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

StoppedBy = Literal["recovered", "stationary", "time", "steps", "diverged"]


@dataclass(frozen=True)
class StepRecord:
    """How the step rule fared.

    Attributes
    ----------
    smallest, largest : float
        Smallest and largest step taken; 0 if none was.
    rises : int
        Steps after which the energy was higher, beyond rounding, than before: a sign of trouble
        along the gradient, and in the nature of a scheme with inertia or noise.
    sharpness : float
        Largest product of a step and the curvature that it met along the gradient, from the
        change of the energy: above 1 a step went past the lowest point of its line, and above 2
        the energy rose. 0 for a scheme whose steps are not along the gradient alone.
    """

    smallest: float
    largest: float
    rises: int
    sharpness: float


@dataclass(frozen=True, eq=False)
class Trajectory:
    """One descent at its recorded times, and how it ended.

    Attributes
    ----------
    time : ndarray, shape (T,)
        Flow time, the sum of the steps, from 0 to where the descent stopped.
    energy : ndarray, shape (T,)
        Energy per dimension, L(w)/N.
    mu : ndarray, shape (T,)
        Multiplier of the sphere.
    overlap : ndarray, shape (T,)
        Overlap with the signal, with its sign; NaN without a signal.
    gradient_norm : ndarray, shape (T,)
        Norm of the gradient along the sphere, divided by the root of N; with a batch of the
        measurements, of what the step sees of it.
    eigenvalues : ndarray, shape (T, k)
        Lowest eigenvalues of the Hessian; k is 0 unless asked for.
    signal_overlap2, start_overlap2, displacement_overlap2, gradient_overlap2 : ndarray
        Squared overlap of each eigenvector, shape (T, k): with the signal, with the lowest
        eigenvector at the start, with the displacement w(t) - w(0), and with the gradient; NaN
        where there is no such direction (no displacement at time 0, no signal).
    states : ndarray, shape (T, N), or None
        The estimates themselves, if asked for.
    w : ndarray, shape (N,)
        The last estimate.
    steps : int
        Gradient steps taken.
    stopped_by : {"recovered", "stationary", "time", "steps", "diverged"}
        Why the descent ended.
    step : StepRecord
        How the step rule fared.
    """

    time: NDArray[np.float64]
    energy: NDArray[np.float64]
    mu: NDArray[np.float64]
    overlap: NDArray[np.float64]
    gradient_norm: NDArray[np.float64]
    eigenvalues: NDArray[np.float64]
    signal_overlap2: NDArray[np.float64]
    start_overlap2: NDArray[np.float64]
    displacement_overlap2: NDArray[np.float64]
    gradient_overlap2: NDArray[np.float64]
    states: NDArray | None
    w: NDArray
    steps: int
    stopped_by: StoppedBy
    step: StepRecord

    @property
    def recovered(self) -> bool:
        """Whether the descent ended because the signal was found."""
        return self.stopped_by == "recovered"

r"""Two-time functions of one weight, and their exact recursion in discrete time.

Every explicit scheme for the descent makes the next weight out of earlier ones and their gradients,

.. math:: w_{t+1} = \sum_j \big(A_j w_j - c_j g_j\big), \qquad
          g_j = u_j + \sum_{k \le j} R(j,k)\, w_k,

where u is Gaussian with covariance C(j,k) and R is the mean response of the residuals; white noise,
independent of all that is earlier, may be added. That is linear, so covariance and response of w
close on themselves without any sampling of w.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Term:
    """What one earlier time contributes to the next weight.

    Attributes
    ----------
    time : int
        The time j.
    weight : ndarray, shape (B,)
        Coefficient A of the weight, per batch: it holds the multiplier of the sphere.
    gradient : float
        Coefficient c of the gradient.
    """

    time: int
    weight: NDArray[np.float64]
    gradient: float


class Component:
    r"""Covariance and response of the components of w in one direction.

    Two directions are of interest: a generic one, whose covariance is :math:`C_w`; and the
    signal's, into which every residual enters with the signal's field z as a weight: means with z².

    Parameters
    ----------
    batches, capacity : int
        Batches B, and times that arrays have room for.

    Attributes
    ----------
    covariance : ndarray, shape (B, capacity, capacity)
        :math:`E[w_t w_s]`.
    memory : ndarray, shape (B, capacity, capacity)
        Response of w_t to a field added to g_s, at ``[:, s, t]``: the order in which the backward
        sweep reads it. Zero unless s < t.
    drive : ndarray, shape (B, capacity, capacity)
        :math:`\alpha E[r_t r_s]`, or with z² inside.
    response : ndarray, shape (B, capacity, capacity)
        :math:`\alpha E[dr_t/d\omega_s]` at ``[:, t, s]``, or with z² inside. Zero unless s <= t.
    gain : ndarray, shape (B, capacity)
        What a unit component at the start has become, without the noise.
    """

    def __init__(self, batches: int, capacity: int) -> None:
        shape = (batches, capacity, capacity)
        self.covariance, self.memory = np.zeros(shape), np.zeros(shape)
        self.drive, self.response = np.zeros(shape), np.zeros(shape)
        self.gain = np.zeros((batches, capacity))
        self.covariance[:, 0, 0] = 1.0
        self.gain[:, 0] = 1.0

    def grow(self, capacity: int) -> None:
        """Make room for more times."""
        more = capacity - self.gain.shape[1]
        for name in ("covariance", "memory", "drive", "response"):
            setattr(self, name, np.pad(getattr(self, name), ((0, 0), (0, more), (0, more))))
        self.gain = np.pad(self.gain, ((0, 0), (0, more)))

    def advance(self, t: int, terms: Sequence[Term], noise: float = 0.0) -> NDArray[np.float64]:
        r"""Write time t + 1 from the times up to t.

        Parameters
        ----------
        t : int
            Current time.
        terms : sequence of Term
            What the scheme makes the next weight of; each time at most once.
        noise : float
            Variance of white noise that the new weight is given.

        Returns
        -------
        ndarray, shape (B,)
            The new variance, which is the squared norm in a generic direction.
        """
        now = t + 1
        C, memory = self.covariance[:, :now, :now], self.memory[:, :now, :now]
        response = sum(term.gradient * self.response[:, term.time, :now] for term in terms)
        drive = sum(term.gradient * self.drive[:, term.time, :now] for term in terms)

        def carried(rows: NDArray) -> NDArray:
            return sum(term.weight[:, None] * rows[:, term.time] for term in terms)

        new_memory = carried(np.swapaxes(memory, 1, 2)) - _times(memory, response)
        for term in terms:
            new_memory[:, term.time] -= term.gradient
        new_covariance = carried(C) - _times(np.swapaxes(memory, 1, 2), drive) - _times(C, response)
        variance = sum(term.weight * new_covariance[:, term.time] for term in terms)
        variance -= np.sum(drive * new_memory + response * new_covariance, axis=1)
        variance += noise
        past = self.gain[:, :now, None]

        self.gain[:, now] = carried(past)[:, 0] - np.sum(response * past[..., 0], axis=1)
        self.memory[:, :now, now] = new_memory
        self.covariance[:, now, :now] = self.covariance[:, :now, now] = new_covariance
        self.covariance[:, now, now] = variance
        return variance

    def rescale(self, t: int, norm: NDArray) -> None:
        """Divide the weight at time t, the last one written, by a norm of shape (B,)."""
        self.memory[:, :t, t] /= norm[:, None]
        self.covariance[:, t, :t] /= norm[:, None]
        self.covariance[:, :t, t] /= norm[:, None]
        self.covariance[:, t, t] /= norm**2
        self.gain[:, t] /= norm


def _times(matrices: NDArray, vectors: NDArray) -> NDArray:
    return (matrices @ vectors[..., None])[..., 0]

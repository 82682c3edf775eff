r"""Wide students descend: gradient descent of p hidden units on p spheres, many instances at once.

A step takes every unit along :math:`-(g_k - \mu_k w_k)` and back to its sphere, with

.. math:: g_k = X^T (c\, ŷ_k), \qquad c = \frac{\ell'(y, \sqrt S)}{\sqrt S}, \qquad
          \mu_k = \frac1N \sum_i c_i\, ŷ_{ki}^2 ,

in the notation of `prlib.models.wide`. For one unit this is the descent of `prlib.descend`.

The length of a step follows a bound on the Hessian: its quadratic form in the p fields has no
eigenvalue above :math:`f^+ = \max(f, 0)`, so that the Hessian has none above the largest of
:math:`X^T \mathrm{diag}(f^+) X`. A power iteration that goes along with the descent follows that.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from prlib.parameters import ParameterError, check
from prlib.problem import Problem
from prlib.schemes import Scheme, as_scheme

WARM = 30
"""Products of the power iteration before the first step."""

KEPT = 0.75
"""Share of instances still under way below which the others are dropped from the arrays."""


_LEAST = 1e-12


@dataclass(frozen=True, eq=False)
class WideEnds:
    """How descents of wide students ended: arrays of shape (B, S), over instances and starts.

    Attributes
    ----------
    W : ndarray, shape (B, S, p, N)
        The estimates.
    share : ndarray
        Mean over the units of the squared overlap with the signal, 1 where all have found it.
    gradient_norm : ndarray
        Norm of the gradient along the spheres over the root of p N.
    time, steps : ndarray
        Flow time and steps.
    recovered : ndarray of bool
        Whether the root of the share reached what counts as success.
    """

    W: NDArray
    share: NDArray
    gradient_norm: NDArray
    time: NDArray
    steps: NDArray
    recovered: NDArray


def descend_wide(
    problems: Sequence[Problem],
    points: NDArray,
    *,
    time: float,
    hold: Sequence[float] | None = None,
    scheme: str | Scheme = "flow",
    success: float | None = 0.99,
    stationary: float = 1e-6,
) -> WideEnds:
    r"""Descend from several points of several instances.

    Parameters
    ----------
    problems : sequence of Problem, length B
        Instances of one loss, size and precision, each with its signal and X an array.
    points : ndarray, shape (B, S, p, N)
        Where the p units start; each is rescaled to squared norm N.
    time : float
        Flow time at which to stop.
    hold : sequence of float, length S
        For each start, flow time for which updates have no component along the signal.
    scheme : str or Scheme
        `flow`, or `descent(step=...)`.
    success : float or None
        Root of the share at which the signal counts as recovered; None to go on regardless.
    stationary : float
        Norm of the gradient below which a free descent stops.

    Raises
    ------
    ParameterError
        If the scheme has inertia or noise, or shapes do not match.

    Examples
    --------
    >>> from prlib.losses import NormalizedIntensity
    >>> rng = np.random.default_rng(0)
    >>> problem = Problem.random(NormalizedIntensity(1.0), 30, 6.0, rng)
    >>> ends = descend_wide([problem], rng.standard_normal((1, 1, 2, 30)), time=100.0)
    >>> ends.recovered.tolist(), bool(ends.share[0, 0] > 0.98)
    ([[True]], True)
    """
    scheme = as_scheme(scheme)
    if not scheme.update.plain:
        raise ParameterError(f"scheme = {scheme.id!r}: must be flow or descent, for a wide student")
    points = np.asarray(points)
    shapes = {problem.X.shape for problem in problems}
    if (
        points.ndim != 4
        or len(points) != len(problems)
        or shapes != {(problems[0].m, points.shape[3])}
    ):
        raise ParameterError(
            f"points has shape {points.shape}: must be (B, S, p, N), with B instances of one shape"
        )
    holds = np.zeros(points.shape[1]) if hold is None else np.asarray(hold, dtype=float)
    runs = _Runs(problems, points, check("time", time), holds)
    limit = np.inf if success is None else success
    return runs.to_the_end(scheme, limit, stationary)


class _Runs:
    """The state of all runs: instances in the first axis, starts in the second."""

    def __init__(
        self, problems: Sequence[Problem], points: NDArray, time: float, hold: NDArray
    ) -> None:
        self.loss = problems[0].loss
        self.X = np.stack([problem.X for problem in problems])
        self.y = np.stack([problem.y for problem in problems])[:, None]
        self.signal = np.stack([problem.signal for problem in problems])
        self.norms = np.einsum("bmn,bmn->bm", self.X, self.X)[:, None]
        B, S, p, n = points.shape
        scale = np.sqrt(n) / np.linalg.norm(points.astype(np.float64), axis=-1, keepdims=True)
        # Units and the vector of the power iteration go through X together.
        self.Z = np.zeros((B, S, p + 1, n), self.X.dtype)
        self.Z[:, :, :p] = points * scale
        self.limit, self.hold = time, np.broadcast_to(hold, (B, S)).copy()
        self.time, self.steps = np.zeros((B, S)), np.zeros((B, S), dtype=int)
        self.live = np.ones((B, S), dtype=bool)
        self.whose = np.arange(B)
        self.ends = WideEnds(
            np.zeros((B, S, p, n), self.X.dtype),
            *(np.zeros((B, S)) for _ in range(3)),
            np.zeros((B, S), dtype=int),
            np.zeros((B, S), dtype=bool),
        )
        self._begin_iteration()

    def to_the_end(self, scheme: Scheme, success: float, stationary: float) -> WideEnds:
        """Step until none is under way."""
        while len(self.whose):
            direction, bound = self._observe()
            share = self._share()
            norm = np.sqrt((direction.astype(np.float64) ** 2).mean(axis=(2, 3)))
            free = self.time >= self.hold
            recovered = free & (share >= success**2)
            over = recovered | (free & (norm < stationary)) | (self.time >= self.limit)
            ended = self.live & (over | ~np.isfinite(norm))
            if ended.any():
                self._note(ended, share, norm, recovered)
                self.live &= ~ended
            self._step(
                direction, np.array([*map(scheme.length, bound.ravel())]).reshape(bound.shape)
            )
            if self.live.any(axis=1).mean() < KEPT:
                self._drop()
        return self.ends

    def _products(self) -> NDArray:
        B, S, rows, n = self.Z.shape
        fields = self.Z.reshape(B, S * rows, n) @ self.X.transpose(0, 2, 1)
        return fields.reshape(B, S, rows, -1)

    def _adjoint(self, values: NDArray) -> NDArray:
        B, S, rows, m = values.shape
        return (values.reshape(B, S * rows, m) @ self.X).reshape(B, S, rows, -1)

    def _observe(self) -> tuple[NDArray, NDArray]:
        """Return the directions of the units, and the bound on the curvature."""
        n, fields = self.Z.shape[-1], self._products()
        units = fields[:, :, :-1]
        # A field may be zero to the last digit; the quotient has a limit there.
        output = np.maximum(np.sqrt((units**2).mean(axis=2)), _LEAST)
        common = self.loss.derivative(self.y, output) / output
        above = np.maximum(self.loss.curvature(self.y, output), 0)
        residual = common[:, :, None] * units
        mu = np.einsum("bskm,bskm->bsk", residual, units) / n
        units[...] = residual
        fields[:, :, -1] *= above
        back = self._adjoint(fields)
        norm = np.linalg.norm(back[:, :, -1], axis=-1)
        self.Z[:, :, -1] = back[:, :, -1] / np.maximum(norm, np.finfo(norm.dtype).tiny)[..., None]
        W, direction = self.Z[:, :, :-1], back[:, :, :-1]
        direction -= mu[..., None] * W
        held = self.time < self.hold
        if held.any():
            along = np.einsum("bskn,bn->bsk", direction, self.signal) / n * held[..., None]
            direction -= along[..., None] * self.signal[:, None, None]
        bound = np.maximum(norm, (above * self.norms).max(axis=-1))
        return direction, bound - np.minimum(mu.min(axis=2), 0)

    def _begin_iteration(self) -> None:
        # From the row that is steepest at the start.
        output = np.sqrt((self._products()[:, :, :-1] ** 2).mean(axis=2))
        above = np.maximum(self.loss.curvature(self.y, output), 0) * self.norms
        for b, steepest in enumerate(above.argmax(axis=-1)):
            self.Z[b, :, -1] = self.X[b, steepest] / np.sqrt(self.norms[b, 0, steepest])[:, None]
        for _ in range(WARM):
            self._observe()

    def _share(self) -> NDArray:
        along = np.einsum("bskn,bn->bsk", self.Z[:, :, :-1], self.signal) / self.Z.shape[-1]
        return (along.astype(np.float64) ** 2).mean(axis=2)

    def _step(self, direction: NDArray, lengths: NDArray) -> None:
        goal = np.where(self.time < self.hold, np.minimum(self.hold, self.limit), self.limit)
        left = goal - self.time
        lands = lengths >= left * (1 - 1e-9)
        lengths = np.where(self.live, np.where(lands, left, lengths), 0)
        self.time = np.where(self.live, np.where(lands, goal, self.time + lengths), self.time)
        self.steps += self.live
        W, n = self.Z[:, :, :-1], self.Z.shape[-1]
        W -= lengths.astype(W.dtype)[..., None, None] * direction
        scale = np.sqrt(n / np.einsum("bskn,bskn->bsk", W, W))
        W *= np.where(self.live[..., None], scale, 1).astype(W.dtype)[..., None]

    def _note(self, ended: NDArray, share: NDArray, norm: NDArray, recovered: NDArray) -> None:
        for b, s in np.argwhere(ended):
            place = self.whose[b], s
            self.ends.W[place] = self.Z[b, s, :-1]
            found = (share, norm, self.time, self.steps, recovered)
            names = ("share", "gradient_norm", "time", "steps", "recovered")
            for name, values in zip(names, found, strict=True):
                getattr(self.ends, name)[place] = values[b, s]

    def _drop(self) -> None:
        kept = self.live.any(axis=1)
        names = ("X", "y", "signal", "norms", "Z", "hold", "time", "steps", "live", "whose")
        for name in names:
            setattr(self, name, getattr(self, name)[kept])

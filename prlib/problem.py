"""One instance of phase retrieval: measurement vectors, labels, signal, energy landscape."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse.linalg import LinearOperator

from prlib.channels import NOISELESS, Channel
from prlib.losses import Loss
from prlib.parameters import ParameterError, check, check_measurements
from prlib.sensing import GAUSSIAN, Sensing

_OFF_SPHERE = 1e-3
"""By how much the norm of a signal may be off, relatively: more than rounding, no other units."""


def _real(name: str, values: Any) -> Any:
    """Return real floating-point values; an operator and ``None`` as they are."""
    if values is None:
        return None
    if not hasattr(values, "dtype"):
        values = np.asarray(values)
    kind = np.dtype(values.dtype).kind
    if kind not in "biuf":
        what = "complex numbers" if kind == "c" else f"values of type {values.dtype}"
        raise ParameterError(f"{name} holds {what}: must be real numbers")
    if isinstance(values, np.ndarray) and values.dtype not in (np.float32, np.float64):
        return values.astype(np.float64)
    return values


def random_on_sphere(n: int, rng: np.random.Generator) -> NDArray[np.float64]:
    r"""Draw a uniform point of the sphere :math:`|w|^2 = N`, shape (N,).

    Examples
    --------
    >>> w = random_on_sphere(50, np.random.default_rng(0))
    >>> round(float(w @ w), 9)
    50.0
    """
    w = rng.standard_normal(n)
    return w * np.sqrt(n / (w @ w))


@dataclass(frozen=True, eq=False)
class Problem:
    r"""Labels y of measurements X, and the landscape of a loss over them.

    With the fields :math:`ŷ = X w` the landscape on the sphere :math:`|w|^2 = N` is

    .. math:: L(w) = \sum_i \ell(y_i, ŷ_i), \quad g = X^T \ell', \quad
              \mu = \frac1N \sum_i \ell'_i ŷ_i, \quad H = X^T \mathrm{diag}(f) X - \mu I .

    Attributes
    ----------
    loss : Loss
        The loss of one measurement.
    X : ndarray or operator, shape (M, N)
        Measurement vectors divided by the root of N, one a row; an operator has ``shape``,
        ``dtype``, ``X @ v`` and ``X.T @ u``.
    y : ndarray, shape (M,)
        Labels: what was measured.
    signal : ndarray, shape (N,), optional
        The signal w*, with squared norm N, where it is known. Without noise y = X w*, up to signs.

    Raises
    ------
    ParameterError
        If the shapes do not match, a value is not finite or not real, or the norm of the signal is
        not the root of N. Whole numbers are converted.

    Examples
    --------
    >>> from prlib.losses import NormalizedIntensity
    >>> rng = np.random.default_rng(1)
    >>> problem = Problem.random(NormalizedIntensity(0.01), n=100, alpha=3.0, rng=rng)
    >>> problem.m, problem.n, problem.energy(problem.signal)
    (300, 100, 0.0)
    """

    loss: Loss
    X: NDArray | LinearOperator
    y: NDArray
    signal: NDArray | None = None

    def __post_init__(self) -> None:
        """Check shapes and values."""
        for name in ("X", "y", "signal"):
            object.__setattr__(self, name, _real(name, getattr(self, name)))
        if len(self.X.shape) != 2 or min(self.X.shape) < 1:
            raise ParameterError(
                f"X has shape {self.X.shape}: must be (M, N), one measurement vector a row"
            )
        for name, size in (("y", self.m), ("signal", self.n)):
            values = getattr(self, name)
            if values is not None and values.shape != (size,):
                raise ParameterError(
                    f"{name} has shape {values.shape}: must be ({size},) to match X"
                )
        for name in ("X", "y", "signal"):
            values = getattr(self, name)
            # The extremes tell NaN and infinity apart from numbers without an array of flags.
            if isinstance(values, np.ndarray) and not np.all(
                np.isfinite([values.min(), values.max()])
            ):
                raise ParameterError(f"{name} holds NaN or infinite values: all must be finite")
        if self.signal is not None:
            norm, root = float(np.linalg.norm(self.signal)), float(np.sqrt(self.n))
            if abs(norm / root - 1) > _OFF_SPHERE:
                raise ParameterError(
                    f"signal has norm {norm:.6g}: must be the root of N = {self.n}, {root:.6g} "
                    "(rescale it, and the labels with it)"
                )

    @classmethod
    def random(
        cls,
        loss: Loss,
        n: int,
        alpha: float,
        rng: np.random.Generator,
        dtype: np.dtype | type = np.float64,
        *,
        channel: Channel = NOISELESS,
        sensing: Sensing = GAUSSIAN,
    ) -> Problem:
        """Draw an instance: measurement vectors, a uniform signal on the sphere, labels.

        X, of the given type, is drawn first, then the signal, then the noise of the channel. M is
        the whole number nearest to ``alpha n``.
        """
        n, alpha = check("n", n), check("alpha", alpha)
        m = check_measurements(n, alpha)
        X = sensing.draw(m, n, rng, np.dtype(dtype))
        signal = random_on_sphere(n, rng).astype(dtype)
        return cls(loss, X, channel.draw(X @ signal, rng).astype(dtype), signal)

    @property
    def m(self) -> int:
        """Number of measurements M."""
        return self.X.shape[0]

    @property
    def n(self) -> int:
        """Dimension N."""
        return self.X.shape[1]

    @property
    def alpha(self) -> float:
        """Measurements per dimension, M/N."""
        return self.m / self.n

    @cached_property
    def z(self) -> NDArray:
        """The signal's own fields X w*, shape (M,): the labels, where they have no noise."""
        return self.X @ self._known_signal

    @property
    def _known_signal(self) -> NDArray:
        if self.signal is None:
            raise ParameterError("signal: this problem has none; overlaps and starts need one")
        return self.signal

    def _checked(self, w: NDArray) -> NDArray:
        w = np.asarray(w)
        if w.shape != (self.n,):
            raise ValueError(f"w has shape {w.shape}: must be ({self.n},) to match X")
        return w

    def overlap(self, w: NDArray) -> float:
        r"""Overlap :math:`m = w \cdot w^*/N` with the signal, in [-1, 1] on the sphere."""
        return float(self._checked(w) @ self._known_signal) / self.n

    def fields(self, w: NDArray) -> NDArray:
        """Fields ŷ = X w of an estimate, shape (M,)."""
        return self.X @ self._checked(w)

    def energy(self, w: NDArray) -> float:
        """Energy per dimension, L(w)/N."""
        return float(np.sum(self.loss.value(self.y, self.fields(w)))) / self.n

    def gradient(self, w: NDArray) -> NDArray:
        r"""Gradient along the sphere, :math:`X^T \ell' - \mu w`, orthogonal to w."""
        residual = self.loss.derivative(self.y, self.fields(w))
        return self.X.T @ residual - self.mu(w) * w

    def mu(self, w: NDArray) -> float:
        r"""Multiplier of the sphere, :math:`\mu = \frac1N \sum_i \ell'_i ŷ_i`."""
        yhat = self.fields(w)
        return float(self.loss.derivative(self.y, yhat) @ yhat) / self.n

    def hessian(self, w: NDArray) -> LinearOperator:
        r"""Hessian on the sphere, :math:`X^T \mathrm{diag}(f) X - \mu I`, without forming it."""
        f = self.loss.curvature(self.y, self.fields(w))[:, None]
        mu = self.mu(w)

        def apply(v: NDArray) -> NDArray:
            v = v.reshape(self.n, -1)
            return self.X.T @ (f * (self.X @ v)) - mu * v

        return LinearOperator(
            (self.n, self.n), matvec=apply, rmatvec=apply, matmat=apply, dtype=self.X.dtype
        )

    def dense_hessian(self, w: NDArray) -> NDArray:
        """Hessian on the sphere as a matrix, shape (N, N), for whole spectra."""
        f = self.loss.curvature(self.y, self.fields(w))
        X = self.X if isinstance(self.X, np.ndarray) else self.X @ np.eye(self.n)
        H = X.T @ (f[:, None] * X)
        H[np.diag_indices(self.n)] -= self.mu(w)
        return H

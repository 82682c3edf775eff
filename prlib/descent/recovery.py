"""A signal from measurements of one's own, and what the estimate is worth.

The mean square of the labels gives the norm of the signal, and a descent on the sphere of that norm
the signs of the fields; with these the rest is linear. Measurements whose columns are far from
independent are whitened first. Others are not: made orthogonal, they would need more of them, since
the large rows that a spectral start feeds on are then rarer.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import scipy.linalg
from numpy.typing import ArrayLike, NDArray
from scipy.special import betaln

from prlib.descent.simulate import descend_together
from prlib.descent.starts import starting_point
from prlib.losses import Loss, takes_loss
from prlib.memory import check_memory
from prlib.parameters import ParameterError, check
from prlib.problem import Problem, random_on_sphere
from prlib.threads import one_blas_thread

WIDE = 3.0
"""How many times wider than Gaussian ones singular values spread that ask for whitening."""

TRUST = 1e-6
"""Chance of such a fit without a signal below which an estimate is trusted."""

EXACT = 1e-10
"""Residual that is rounding alone."""

_ROUNDS = 6
"""Largest number of descents from one start, each on the sphere that the last fit has found."""

_SIGNS = 100
"""Largest number of linear fits with signs that still change."""


@dataclass(frozen=True)
class Recovery:
    r"""An estimate, and what can be said of it without the signal.

    Attributes
    ----------
    trusted : bool
        Whether `chance` is below `TRUST`.
    residual : float
        Root mean square of :math:`|x_i \cdot w| - |y_i|`, relative to that of the labels.
    log10_chance : float
        Decimal logarithm of a bound on the chance that labels which have nothing to do with X are
        fitted as well by any estimate; see `log10_chance`.
    energy : float
        Energy per dimension of the estimate, with labels of mean square one.
    alpha : float
        Measurements per dimension, M/N.
    starts : int
        Descents that were tried.
    agreeing : int
        Those among them that ended in this estimate, up to its sign.
    whitened : bool
        Whether the measurements were made orthogonal first, see `WIDE`.
    estimate : ndarray, shape (N,)
        The estimate w; its sign is arbitrary.
    """

    trusted: bool
    residual: float
    log10_chance: float
    energy: float
    alpha: float
    starts: int
    agreeing: int
    whitened: bool
    estimate: NDArray[np.float64] = field(repr=False, compare=False)

    @property
    def verdict(self) -> str:
        """What the estimate is worth, in a sentence."""
        if self.alpha <= 1:
            return (
                f"not trusted: with {self.alpha:.3g} measurements per dimension, no more than one, "
                "any labels can be fitted"
            )
        if not self.trusted:
            return (
                f"not trusted: the estimate leaves {self.residual:.2g} of the labels, and labels "
                "without a signal may be fitted as well (more measurements, or more starts?)"
            )
        if self.residual < EXACT:
            return "trusted: the estimate leaves nothing of the labels but rounding"
        return (
            f"trusted: the estimate leaves {self.residual:.2g} of the labels; without a signal the "
            f"chance of such a fit is below 1e{self.log10_chance:.0f}"
        )


def log10_chance(m: int, n: int, residual: float) -> float:
    r"""Bound the chance that labels without a signal are fitted this well.

    For given signs the best fit is linear. Where X is Gaussian and knows nothing of the labels,
    the share of their square that it leaves is Beta distributed with :math:`((M - N)/2, N/2)`, and
    there are :math:`2^{M-1}` choices of signs up to a common one. Their sum bounds the chance that
    any of them leaves as little.

    Parameters
    ----------
    m, n : int
        Measurements and dimensions.
    residual : float
        Root of the share that is left.

    Returns
    -------
    float
        Decimal logarithm of the bound; 0 where it says nothing, as for M <= N.

    Examples
    --------
    >>> log10_chance(80, 100, 0.0), log10_chance(300, 100, 0.3)
    (0.0, 0.0)
    >>> round(log10_chance(300, 100, 0.03))
    -175
    """
    if m <= n:
        return 0.0
    left = max(residual, float(np.finfo(np.float64).eps))  # rounding leaves no less
    p, q = (m - n) / 2, n / 2
    # The incomplete beta function without its factor (1 - t)^(q - 1) <= 1.
    one = 2 * p * np.log(left) - np.log(p) - betaln(p, q)
    return min(0.0, float((one + (m - 1) * np.log(2)) / np.log(10)))


@takes_loss
def recover(
    loss: Loss,
    X: ArrayLike,
    y: ArrayLike,
    *,
    starts: int = 10,
    time: float = 100.0,
    seed: int = 0,
) -> Recovery:
    r"""Estimate a signal from the moduli of its measurements.

    The first descent begins at the optimal spectral estimate, the others along the lowest
    eigenvector of the Hessian at a = 1 at random points; all descend the loss that is given. The
    signs at which each ends are then made consistent by linear fits. It ends with the first
    estimate that leaves nothing, and returns the one that leaves least.

    Parameters
    ----------
    loss : Loss, str or float
        What the descent goes down, or what `prlib.losses.as_loss` reads; ``a=0.01`` is short for
        the paper's family, and serves.
    X : array_like, shape (M, N)
        Measurement vectors, one a row, in any units.
    y : array_like, shape (M,)
        Labels; only their moduli matter.
    starts : int
        Largest number of descents.
    time : float
        Flow time of each.
    seed : int
        Seed of the random points.

    Raises
    ------
    ParameterError
        If a shape does not match, a value is not finite or not real, or all labels are zero.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> X, signal = rng.standard_normal((320, 80)), rng.standard_normal(80)
    >>> found = recover(X=X, y=abs(X @ signal), a=0.01)
    >>> (
    ...     found.trusted,
    ...     bool(
    ...         min(abs(found.estimate - signal).max(), abs(found.estimate + signal).max()) < 1e-9
    ...     ),
    ... )
    (True, True)
    >>> recover(X=X[:64], y=abs(X[:64] @ signal), a=0.01, starts=1).trusted
    False
    """
    time, seed = check("time", time), check("seed", seed)
    if isinstance(starts, bool) or not isinstance(starts, int) or starts < 1:
        raise ParameterError(f"starts = {starts!r}: must be a whole number >= 1")
    given = Problem(loss, np.asarray(X), np.asarray(y))  # checks shapes and values
    m, n = given.m, given.n
    check("n", n)
    check_memory(f"X of shape {given.X.shape}", 4 * 8 * m * n)
    moduli = np.abs(given.y.astype(np.float64))
    size = float(np.sqrt(np.mean(moduli**2)))
    if not size > 0:
        raise ParameterError("y holds only zeros: must be moduli of measurements")
    with one_blas_thread():
        frame = _Frame.of(given.X.astype(np.float64))
        ends: list[tuple[NDArray, float]] = []
        for end in _ends(loss, frame, moduli / size, starts, time, seed):
            ends.append(end)
            if end[1] < EXACT:
                break
    best, residual = min(ends, key=lambda end: end[1])
    agreeing = sum(bool(abs(w @ best) > 0.999 * np.sqrt((w @ w) * (best @ best))) for w, _ in ends)
    chance = log10_chance(m, n, residual)
    return Recovery(
        trusted=bool(chance < np.log10(TRUST)),
        residual=residual,
        log10_chance=chance,
        energy=float(np.sum(loss.value(moduli / size, frame.rows @ best))) / n,
        alpha=m / n,
        starts=len(ends),
        agreeing=agreeing,
        whitened=frame.whitened,
        estimate=size * frame.back(best),
    )


@dataclass(frozen=True)
class _Frame:
    """Measurements as the descent takes them, of mean square one: rows = X inverse(factor)."""

    rows: NDArray[np.float64]
    factor: NDArray[np.float64]
    whitened: bool

    @classmethod
    def of(cls, X: NDArray[np.float64]) -> _Frame:
        m, n = X.shape
        scale = float(np.sqrt(np.mean(X**2)))
        if not scale > 0:
            raise ParameterError("X holds only zeros: must be measurement vectors")
        if m <= n:
            return cls(X / scale, scale * np.eye(n), whitened=False)
        rows, factor = scipy.linalg.qr(X, mode="economic")
        spread = scipy.linalg.svdvals(factor)
        if spread[-1] < 1e-10 * spread[0]:
            raise ParameterError(
                f"X of shape {X.shape} is not of full rank: its columns must be independent"
            )
        root = np.sqrt(m / n)
        if spread[0] * (root - 1) < WIDE * spread[-1] * (root + 1):
            return cls(X / scale, scale * np.eye(n), whitened=False)
        return cls(rows * np.sqrt(m), factor / np.sqrt(m), whitened=True)

    def back(self, w: NDArray) -> NDArray[np.float64]:
        return scipy.linalg.solve_triangular(self.factor, w)

    @cached_property
    def inverse(self) -> NDArray[np.float64]:
        """Least squares as a matrix: every start fits many times."""
        return scipy.linalg.pinv(self.rows)


def _ends(
    loss: Loss, frame: _Frame, y: NDArray, starts: int, time: float, seed: int
) -> Iterator[tuple[NDArray[np.float64], float]]:
    """Yield estimates and what each leaves of labels whose mean square is one."""
    n = frame.rows.shape[1]
    X = np.asarray(frame.rows / np.sqrt(n), np.float32)
    rng = np.random.default_rng(np.random.SeedSequence([seed, *frame.rows.shape]))
    for k in range(starts):
        problem = Problem(loss, X, y.astype(np.float32))
        w = starting_point(problem, random_on_sphere(n, rng), "wide" if k else "optimal")
        norm, left = 1.0, np.inf
        for _ in range(_ROUNDS):
            on_sphere = Problem(loss, X, (y / norm).astype(np.float32))
            (path,) = descend_together(on_sphere, w[None], time=time)
            last, (w, left) = left, _with_signs(frame, y, path.w.astype(np.float64))
            norm = float(np.linalg.norm(w))
            if left < EXACT or left > 0.5 * last:
                break
        yield w, left


def _with_signs(frame: _Frame, y: NDArray, w: NDArray) -> tuple[NDArray[np.float64], float]:
    """Fit the labels with the signs of the estimate's fields until they stay; what is left."""
    fields = frame.rows @ w
    for _ in range(_SIGNS):
        signs = np.sign(fields)
        w = frame.inverse @ (signs * y)
        fields = frame.rows @ w
        if np.array_equal(np.sign(fields), signs):
            break
    return w, float(np.sqrt(np.mean((np.abs(fields) - y) ** 2)))

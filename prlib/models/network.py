r"""A network of two layers that is trained: its gradient, its Hessian by products, its descent.

Of rows x (divided by the root of their dimension) it makes

.. math:: F(x) = \sum_{k=1}^p a_k\, \phi(h_k), \qquad h_k = w_k \cdot x ,

and both layers learn, with the loss :math:`\frac1{2M} \sum_i s_i (F(x_i) - y_i)^2`. With residuals
:math:`r_i = s_i (F(x_i) - y_i)` and :math:`\delta F = \sum_k \delta a_k \phi(h_k) + a_k \phi'(h_k)
\delta h_k`, the product of the Hessian with :math:`(\delta w, \delta a)` is

.. math:: \frac1M \sum_i \big[s_i\, \delta F\, a_k \phi' + r_i (\delta a_k \phi' + a_k \phi''
          \delta h_k)\big] x_i, \qquad
          \frac1M \sum_i \big[s_i\, \delta F\, \phi + r_i\, \phi' \delta h_k\big] .

For units :math:`\phi(h) = h^2`, second layer :math:`1/p` and :math:`s = 1/(a + y)` with the labels
squared it is the wide student of `prlib.models.wide`, whose second layer does not learn.

References
----------
B. A. Pearlmutter, Neural Computation 6, 147 (1994), for the product with a Hessian.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import eigh
from scipy.sparse.linalg import LinearOperator, eigsh

from prlib.parameters import ParameterError
from prlib.spectra.eigenpairs import WRITTEN_OUT


@dataclass(frozen=True)
class Units:
    """What a hidden unit does: a function with its two derivatives."""

    value: Callable[[NDArray], NDArray]
    slope: Callable[[NDArray], NDArray]
    bend: Callable[[NDArray], NDArray]


UNITS: dict[str, Units] = {
    "square": Units(np.square, lambda h: 2 * h, lambda h: np.full_like(h, 2.0)),
    # Its slope jumps at zero, where no row lies: the Hessian is that of the pieces.
    "relu": Units(lambda h: np.maximum(h, 0), lambda h: (h > 0) * 1.0, np.zeros_like),
}
"""Hidden units by name."""


@dataclass(frozen=True, eq=False)
class Network:
    """A network on its data. Parameters are one vector: first layer, unit by unit, then second.

    Attributes
    ----------
    X : ndarray, shape (M, N)
        Rows, divided by the root of N.
    y : ndarray, shape (M,)
        What the network should give.
    units : str
        A name in `UNITS`.
    width : int
        Hidden units p.
    scale : ndarray, shape (M,), optional
        Weights s of the loss; one by default.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> net = Network(rng.standard_normal((30, 4)) / 2, rng.standard_normal(30), "relu", 3)
    >>> theta = rng.standard_normal(net.size)
    >>> net.size, net.gradient(theta).shape
    (15, (15,))
    """

    X: NDArray
    y: NDArray
    units: str
    width: int
    scale: NDArray | float = 1.0

    def __post_init__(self) -> None:
        """Check the units and the shapes."""
        if self.units not in UNITS:
            raise ParameterError(f"units = {self.units!r}: must be one of {', '.join(UNITS)}")
        if self.X.ndim != 2 or self.y.shape != self.X.shape[:1]:
            raise ParameterError(f"y has shape {self.y.shape}: must be ({len(self.X)},) to match X")

    @property
    def size(self) -> int:
        """Number of parameters."""
        return self.width * (self.X.shape[1] + 1)

    def layers(self, theta: NDArray) -> tuple[NDArray, NDArray]:
        """Return the first layer, shape (p, N), and the second, shape (p,)."""
        return theta[: -self.width].reshape(self.width, -1), theta[-self.width :]

    def output(self, theta: NDArray, X: NDArray | None = None) -> NDArray:
        """Return what it gives for its rows, or for others."""
        W, a = self.layers(theta)
        return UNITS[self.units].value((self.X if X is None else X) @ W.T) @ a

    def loss(self, theta: NDArray) -> float:
        """Return the loss of all rows."""
        return float((self.scale * (self.output(theta) - self.y) ** 2).mean()) / 2

    def gradient(self, theta: NDArray) -> NDArray:
        """Its gradient in both layers."""
        (W, a), m, units = self.layers(theta), len(self.y), UNITS[self.units]
        h = self.X @ W.T
        value = units.value(h)
        r = self.scale * (value @ a - self.y) / m
        first = (r[:, None] * units.slope(h) * a).T @ self.X
        return np.concatenate([first.ravel(), r @ value])

    def hessian(self, theta: NDArray) -> LinearOperator:
        """Its Hessian, without forming it."""
        (W, a), m, units = self.layers(theta), len(self.y), UNITS[self.units]
        h = self.X @ W.T
        value, slope, bend = units.value(h), units.slope(h), units.bend(h)
        r = (self.scale * (value @ a - self.y) / m)[:, None]
        weight = (np.ones(m) * self.scale / m)[:, None]

        def apply(v: NDArray) -> NDArray:
            moved, turned = self.layers(np.ravel(v))
            dh = self.X @ moved.T
            change = weight * (value @ turned + (slope * dh) @ a)[:, None]
            first = change * slope * a + r * (slope * turned + bend * dh * a)
            second = change * value + r * slope * dh
            return np.concatenate([(first.T @ self.X).ravel(), second.sum(axis=0)])

        size = (self.size, self.size)
        return LinearOperator(size, matvec=apply, rmatvec=apply, dtype=np.float64)

    def lowest(self, theta: NDArray, k: int) -> tuple[NDArray, NDArray]:
        """Lowest eigenvalues of the Hessian, shape (k,), and unit vectors, shape (k, size)."""
        operator = self.hessian(theta)
        if self.size <= WRITTEN_OUT:
            matrix = np.array([operator @ e for e in np.eye(self.size)])
            values, vectors = eigh((matrix + matrix.T) / 2, subset_by_index=[0, k - 1])
            return values, vectors.T
        # A start of its own would make the result depend on what was computed before.
        v0 = np.random.default_rng(0).standard_normal(self.size)
        values, vectors = eigsh(operator, k, which="SA", v0=v0, ncv=4 * k + 40, tol=1e-6)
        order = np.argsort(values)
        return values[order], vectors.T[order]


def train(
    network: Network, theta: NDArray, times: Sequence[float], *, safety: float = 0.5
) -> Iterator[NDArray]:
    r"""Follow gradient descent, and yield the parameters at the times given.

    Steps are :math:`s/\lambda`, with the largest modulus of an eigenvalue by a power iteration that
    goes along; the last before a time is shortened to land there.

    Parameters
    ----------
    network : Network
        What is trained.
    theta : ndarray, shape (size,)
        Where it starts.
    times : sequence of float
        Rising, from 0 on; the sum of the steps.
    safety : float
        s, below 2.
    """
    theta, now = theta.copy(), 0.0
    v = network.gradient(theta)
    for _ in range(20):
        v = network.hessian(theta) @ (v / np.linalg.norm(v))
    for until in times:
        while now < until:
            v = network.hessian(theta) @ (v / np.linalg.norm(v))
            step = min(safety / float(np.linalg.norm(v)), until - now)
            now = until if step == until - now else now + step
            theta -= step * network.gradient(theta)
        yield theta.copy()


def within(vectors: NDArray, space: NDArray) -> NDArray:
    """Squared overlap of each unit vector with a space: rows of (j, size), orthonormal or one."""
    basis = np.linalg.qr(np.atleast_2d(space).T)[0]
    return ((np.atleast_2d(vectors) @ basis) ** 2).sum(axis=1)

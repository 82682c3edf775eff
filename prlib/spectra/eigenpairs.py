"""Lowest eigenpairs of a Hessian, matrix-free, and whole spectra where they are wanted."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_factor, cho_solve
from scipy.sparse.linalg import ArpackError, LinearOperator, eigsh

from prlib.parameters import ParameterError
from prlib.problem import Problem

SUBSPACE = 60
"""Directions kept before the subspace is compressed to the best of them."""

PRODUCTS = 2000
"""Products with the Hessian after which the iteration gives up."""

WRITTEN_OUT = 2048
"""Dimension up to which an operator is written out as a matrix: as many products as the iteration
without its rows would take, and a matrix that any machine holds."""

MIXED = 0.1
"""How much of a random vector is mixed into a guess, which may lie in eigenvectors that are not the
lowest: what the mixture holds of those below is then far above the tolerance, and is found."""


@dataclass(frozen=True, eq=False)
class Eigenpairs:
    """The lowest eigenpairs of a Hessian on the sphere.

    Attributes
    ----------
    values : ndarray, shape (k,)
        Eigenvalues, the lowest first.
    vectors : ndarray, shape (k, N)
        Their eigenvectors as unit rows; the sign is arbitrary.
    residual : float
        Largest norm of H v - lambda v among the pairs.
    products : int
        Products with the Hessian that were needed.
    """

    values: NDArray[np.float64]
    vectors: NDArray[np.float64]
    residual: float
    products: int


def eigenvalues(problem: Problem, w: NDArray) -> NDArray[np.float64]:
    """All eigenvalues of the Hessian at an estimate on the sphere, densely, the lowest first.

    Examples
    --------
    >>> from prlib.losses import NormalizedIntensity
    >>> rng = np.random.default_rng(0)
    >>> problem = Problem.random(NormalizedIntensity(1.0), n=30, alpha=3.0, rng=rng)
    >>> bool(eigenvalues(problem, problem.signal)[0] > 0)
    True
    """
    return np.linalg.eigvalsh(problem.dense_hessian(np.asarray(w, np.float64)).astype(np.float64))


def lowest_eigenpairs(
    problem: Problem,
    w: NDArray,
    k: int = 1,
    *,
    guess: NDArray | None = None,
    tolerance: float = 1e-6,
) -> Eigenpairs:
    r"""Lowest eigenpairs of the Hessian :math:`X^T \mathrm{diag}(f) X - \mu I`, matrix-free.

    Parameters
    ----------
    k, guess, tolerance
        See `lowest_of_weighted`.

    Examples
    --------
    >>> from prlib.losses import NormalizedIntensity
    >>> rng = np.random.default_rng(0)
    >>> problem = Problem.random(NormalizedIntensity(0.1), n=80, alpha=3.0, rng=rng)
    >>> w = rng.standard_normal(80)
    >>> w *= np.sqrt(80 / (w @ w))
    >>> pairs = lowest_eigenpairs(problem, w, k=2)
    >>> bool(np.allclose(pairs.values, eigenvalues(problem, w)[:2]))
    True
    """
    _require_real(problem.X)
    # In the precision of X: NumPy would copy X to multiply it with another.
    yhat = problem.fields(np.asarray(w, problem.X.dtype))
    f = problem.loss.curvature(problem.y, yhat)
    mu = float(problem.loss.derivative(problem.y, yhat) @ yhat) / problem.n
    return lowest_of_weighted(problem.X, f, k, guess=guess, tolerance=tolerance, shift=mu)


def lowest_of_weighted(
    X: NDArray | LinearOperator,
    f: NDArray,
    k: int = 1,
    *,
    guess: NDArray | None = None,
    tolerance: float = 1e-6,
    shift: float = 0.0,
) -> Eigenpairs:
    r"""Lowest eigenpairs of :math:`X^T \mathrm{diag}(f) X - s I` for any weights f.

    Generalised Davidson where X is an array: the subspace grows by the residual of the first pair
    that has not converged, multiplied by :math:`(s I + X_b^T \mathrm{diag}(f_b) X_b)^{-1}`, where b
    are the measurements of largest curvature. Lanczos (ARPACK) where X is an operator of more than
    `WRITTEN_OUT` dimensions. Copies of an exactly repeated eigenvalue may be missed.

    Parameters
    ----------
    X : ndarray or operator, shape (M, N)
        Measurement vectors divided by the root of N.
    f : ndarray, shape (M,)
        Weights; a few may be much larger than the rest.
    k : int
        How many, from 1 to N.
    guess : ndarray, shape (j, N), optional
        Vectors near the eigenvectors, such as those of an earlier state. The result depends on it
        only within the tolerance.
    tolerance : float
        Residual norm accepted, relative to the scale of the edge. The error of an eigenvalue is
        of the order of its square.
    shift : float
        The shift s.

    Returns
    -------
    Eigenpairs
        Values, vectors, and what they cost.

    Raises
    ------
    ParameterError
        If k is out of range, guess has another shape, or X holds integers or complex numbers.
    RuntimeError
        If the iteration does not converge.

    References
    ----------
    E. R. Davidson, J. Comput. Phys. 17, 87 (1975); Y. Saad, Numerical Methods for Large
    Eigenvalue Problems, section 8.4.

    Examples
    --------
    >>> pairs = lowest_of_weighted(np.eye(3), np.array([2.0, -1.0, 5.0]), k=2)
    >>> pairs.values.round(6).tolist()
    [-1.0, 2.0]
    """
    _require_real(X)
    n = X.shape[1]
    if not 1 <= k <= n:
        raise ParameterError(f"k = {k}: must be a whole number from 1 to N = {n}")
    if guess is not None:
        guess = np.atleast_2d(np.asarray(guess, np.float64))
        if guess.shape[1] != n:
            raise ParameterError(f"guess has shape {guess.shape}: must be (j, {n}) to match X")

    if not isinstance(X, np.ndarray) and n <= WRITTEN_OUT:
        X = np.ascontiguousarray(X @ np.eye(n, dtype=X.dtype))

    def product(v: NDArray) -> NDArray:
        v = v.astype(X.dtype, copy=False)
        return X.T @ (f * (X @ v)) - shift * v

    if not isinstance(X, np.ndarray):
        return _lanczos(product, n, k, guess, tolerance)
    precondition, scale = _preconditioner(X, f)
    # A fixed pseudo-random direction, so that a result never depends on a global state.
    start = np.random.default_rng(0).standard_normal((k, n))
    if guess is not None:
        start = np.concatenate([_mixed(guess), start[:1]])
    return _davidson(product, precondition, start, k, tolerance, scale, np.finfo(X.dtype).eps)


def _mixed(guess: NDArray) -> NDArray:
    noise = np.random.default_rng(2).standard_normal(guess.shape) / np.sqrt(guess.shape[1])
    length = np.linalg.norm(guess, axis=1, keepdims=True)
    return guess + MIXED * length * noise


def _require_real(X: NDArray | LinearOperator) -> None:
    if np.dtype(X.dtype).kind != "f":
        raise ParameterError(f"X has dtype {X.dtype}: must be real floating-point numbers")


def _lanczos(
    product: Callable[[NDArray], NDArray],
    n: int,
    k: int,
    guess: NDArray | None,
    tolerance: float,
) -> Eigenpairs:
    if k == n:
        values, vectors = np.linalg.eigh(np.array([product(unit) for unit in np.eye(n)]))
        return Eigenpairs(values, vectors.T, 0.0, n)
    count = 0

    def counted(v: NDArray) -> NDArray:
        nonlocal count
        count += 1
        return product(v.ravel())

    start = np.random.default_rng(0).standard_normal(n)
    if guess is not None:
        start = _mixed(guess).sum(axis=0)
    operator = LinearOperator((n, n), matvec=counted, dtype=np.float64)
    try:
        values, vectors = eigsh(
            operator,
            k,
            which="SA",
            v0=start,
            ncv=min(n, max(SUBSPACE, 4 * k)),
            tol=tolerance,
            maxiter=PRODUCTS,
        )
    except ArpackError as error:
        raise RuntimeError(f"lowest_eigenpairs: k = {k} did not converge ({error})") from None
    order = np.argsort(values)
    values, vectors = values[order], vectors.T[order]
    residuals = [product(v) - value * v for value, v in zip(values, vectors, strict=True)]
    return Eigenpairs(values, vectors, float(np.linalg.norm(residuals, axis=1).max()), count)


def _preconditioner(X: NDArray, f: NDArray) -> tuple[Callable[[NDArray], NDArray], float]:
    # In units of X, to a power of two: for rows of length near one they are one.
    unit = 2.0 ** np.round(np.log2(max(float(np.vdot(X, X)) / len(X), 1e-300)))
    # A quarter as many measurements as dimensions: their inverse costs as a few products do and
    # a tenth of the memory of X, and what is left of the curvature is near the edge itself.
    count = min(len(f), max(1, X.shape[1] // 4))
    largest = np.argpartition(f, len(f) - count)[len(f) - count :]
    largest = largest[f[largest] > 0]
    if len(largest) == 0:
        return (lambda residual: residual), unit * float(np.abs(f).max())
    Xb = X[largest]
    shift = unit * (float(f[largest].min()) / 2 + 1e-3 * float(f[largest].mean()))
    gram = Xb @ Xb.T
    gram[np.diag_indices(len(largest))] += shift / f[largest]
    factor = cho_factor(gram.T, overwrite_a=True)

    def apply(residual: NDArray) -> NDArray:
        solved = cho_solve(factor, Xb @ residual.astype(Xb.dtype, copy=False))
        return (residual - Xb.T @ solved) / shift

    return apply, shift


class _Subspace:
    """Orthonormal rows V, their images A V, and the projection V A V^T."""

    def __init__(self, product: Callable[[NDArray], NDArray], n: int, size: int) -> None:
        self.product = product
        self.V, self.AV = np.zeros((size, n)), np.zeros((size, n))
        self.projection = np.zeros((size, size))
        self.size = 0
        self.products = 0

    def grow(self, direction: NDArray) -> bool:
        """Add a direction; False if it holds nothing new."""
        j = self.size
        for _ in range(2):  # twice is enough for orthogonality to rounding
            norm = np.linalg.norm(direction)
            if not norm > 0:
                return False
            direction = direction / norm
            direction = direction - self.V[:j].T @ (self.V[:j] @ direction)
        norm = np.linalg.norm(direction)
        if not norm > 1e-3:
            return False
        self.V[j] = direction / norm
        self.AV[j] = self.product(self.V[j])
        self.projection[j, : j + 1] = self.V[: j + 1] @ self.AV[j]
        self.projection[: j + 1, j] = self.projection[j, : j + 1]
        self.size, self.products = j + 1, self.products + 1
        return True

    def ritz(self) -> tuple[NDArray, NDArray]:
        """Eigenpairs of the projection."""
        j = self.size
        return np.linalg.eigh(self.projection[:j, :j])

    def compress(self, values: NDArray, coordinates: NDArray, keep: int) -> None:
        """Keep the lowest Ritz vectors only."""
        basis = coordinates[:, :keep].T
        self.V[:keep] = basis @ self.V[: self.size]
        self.AV[:keep] = basis @ self.AV[: self.size]
        self.projection[:keep, :keep] = np.diag(values[:keep])
        self.size = keep


def _davidson(
    product: Callable[[NDArray], NDArray],
    precondition: Callable[[NDArray], NDArray],
    start: NDArray,
    k: int,
    tolerance: float,
    scale: float,
    eps: float,
) -> Eigenpairs:
    n = start.shape[1]
    size = min(n, max(SUBSPACE, 4 * k))
    space = _Subspace(product, n, size)
    rng = np.random.default_rng(1)
    for direction in start[:size]:
        space.grow(direction)
    while space.products < PRODUCTS:
        values, coordinates = space.ritz()
        found = min(k, space.size)
        lowest = coordinates[:, :found].T
        vectors = lowest @ space.V[: space.size]
        residuals = lowest @ space.AV[: space.size] - values[:found, None] * vectors
        norms = np.linalg.norm(residuals, axis=1)
        # Below the rounding of one product, eps |H|, no residual can fall.
        accepted = np.maximum(
            tolerance * (np.abs(values[:found]) + scale), 8 * eps * np.abs(values[-1])
        )
        open_pairs = np.flatnonzero(norms > accepted)
        if (found == k and len(open_pairs) == 0) or space.size == n:
            return Eigenpairs(values[:k], vectors, float(norms.max()), space.products)
        if space.size == size:
            space.compress(values, coordinates, min(size // 2, k + 6))
        direction = precondition(residuals[open_pairs[0]]) if len(open_pairs) else None
        if direction is None or not space.grow(direction):
            space.grow(rng.standard_normal(n))
    raise RuntimeError(
        f"lowest_eigenpairs: {PRODUCTS} products were not enough for k = {k} "
        f"(largest residual {norms.max():.3g}); ask for a larger tolerance than {tolerance:g}"
    )

"""Experiments with networks that are trained."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from prlib.models.digits import digits
from prlib.models.network import Network, train, within
from prlib.problem import random_on_sphere
from prlib.sweeps.experiments.experiment import Experiment, Row, columns_of, whole


class _Trained:
    """What experiments with a network share.

    Of the `kept` lowest eigenvectors of the Hessian at a time: the mean squared overlap with the
    teacher (`toward`), the part of the displacement w(end) - w(0) that they span (`displaced`), the
    same of the displacement of a network from the same start on other labels (`other_displaced`),
    and the share of those at the start that they still span (`early`). `score` is what has been
    learned: squared correlation with the truth on data not seen.
    """

    part = "labels"
    parts = ("true", "shuffled")
    columns = columns_of(
        *("t", "loss_then", "lowest", "toward", "displaced", "other_displaced", "early", "score")
    )
    begun = ("t",)

    @property
    def times(self) -> tuple[float, ...]:
        """When it is looked at: the start, twice a decade, and the end."""
        grid = [b * 10.0**k for k in range(-1, 5) for b in (1, 3)]
        return (0.0, *(t for t in grid if t < self.time), self.time)

    def rows(self, n: int, seeds: Sequence[int], dtype: str) -> list[list[Row]]:
        """Run it, in double precision: a row a kind of labels and a time."""
        return [self._one(n, np.random.default_rng([seed, n]), dtype) for seed in seeds]

    def _one(self, n: int, rng: np.random.Generator, dtype: str) -> list[Row]:
        X, y, theta, teacher, test = self.draw(n, rng)
        # Rounded as single precision would, where that is asked for: what rounding may change.
        theta = theta.astype(dtype).astype(float)
        labels = zip(self.parts, (y, rng.permutation(y)), strict=True)
        nets = {name: self.network(X, some) for name, some in labels}
        paths = {name: list(train(one, theta, self.times)) for name, one in nets.items()}
        rows = []
        for name, other in zip(self.parts, self.parts[::-1], strict=True):
            first = None
            for t, at in zip(self.times, paths[name], strict=True):
                values, vectors = nets[name].lowest(at, self.kept)
                first = vectors if first is None else first
                rows.append(
                    {
                        "labels": name,
                        "t": t,
                        "loss_then": nets[name].loss(at),
                        "lowest": float(values[0]),
                        "toward": _mean(within(vectors, teacher))
                        if teacher is not None
                        else math.nan,
                        "displaced": _part(paths[name][-1] - theta, vectors),
                        "other_displaced": _part(paths[other][-1] - theta, vectors),
                        "early": _mean(within(vectors, first)),
                        "score": _score(nets[name].output(at, test[0]), test[1]),
                    }
                )
        return rows


def _mean(values: np.ndarray) -> float:
    return float(values.mean())


def _part(displacement: np.ndarray, vectors: np.ndarray) -> float:
    return float(((vectors @ displacement) ** 2).sum() / (displacement @ displacement))


def _score(output: np.ndarray, truth: np.ndarray) -> float:
    return float(np.corrcoef(output, truth)[0, 1] ** 2) if output.std() > 0 else 0.0


@dataclass(frozen=True)
class Teacher(_Trained, Experiment, name="teacher"):
    """Square units with a second layer that learns, on the squared field of one teacher."""

    width: float
    alpha: float
    a: float
    time: float

    @property
    def kept(self) -> int:
        """As many eigenvectors as there are units."""
        return whole("width", self.width)

    def seconds(self, n: int) -> float:
        """About how long one instance takes."""
        return n * self.width * self.alpha * (1e-3 + 1e-6 * self.time)

    def draw(self, n: int, rng: np.random.Generator) -> tuple:
        """Draw data, where to start, the directions toward the teacher, and data to test on."""
        p, m = self.kept, round(self.alpha * n)
        X = rng.standard_normal((m + 1000, n)) / math.sqrt(n)
        signal = random_on_sphere(n, rng)
        y = (X @ signal) ** 2
        W = np.array([random_on_sphere(n, rng) for _ in range(p)])
        # The second layer at the scale that fits best: otherwise that is learned first of all.
        output, weight = ((X[:m] @ W.T) ** 2).mean(axis=1), 1 / (self.a + y[:m])
        scale = (weight * output) @ y[:m] / ((weight * output) @ output)
        theta = np.concatenate([W.ravel(), np.full(p, scale / p)])
        toward = np.kron(np.eye(p), signal / math.sqrt(n))
        toward = np.hstack([toward, np.zeros((p, p))])
        return X[:m], y[:m], theta, toward, (X[m:], y[m:])

    def network(self, X: np.ndarray, y: np.ndarray) -> Network:
        """Return the network on some labels, with the weights of the normalised loss."""
        return Network(X, y, "square", self.kept, 1 / (self.a + y))


@dataclass(frozen=True)
class Digits(_Trained, Experiment, name="digits"):
    """Rectified linear units on pictures of digits, to tell whether it is five or more.

    The first n pictures of a random order are trained on, the others tell what was learned.
    """

    width: float
    time: float
    eigenvectors: float = 10.0

    @property
    def kept(self) -> int:
        """How many of the lowest eigenvectors are looked at."""
        return whole("eigenvectors", self.eigenvectors)

    def seconds(self, n: int) -> float:
        """About how long one instance takes."""
        return 6e-4 * n * self.width * (1 + self.time / 1000)

    def draw(self, n: int, rng: np.random.Generator) -> tuple:
        """Draw an order of the pictures and where to start."""
        pictures, numbers = digits()
        order = rng.permutation(len(numbers))
        X, y = (
            pictures[order] / math.sqrt(pictures.shape[1]),
            np.where(numbers[order] >= 5, 1.0, -1.0),
        )
        p = whole("width", self.width)
        W = rng.standard_normal((p, X.shape[1]))
        theta = np.concatenate([W.ravel(), rng.choice([-1.0, 1.0], p) / math.sqrt(p)])
        return X[:n], y[:n], theta, None, (X[n:], y[n:])

    def network(self, X: np.ndarray, y: np.ndarray) -> Network:
        """Return the network on some labels."""
        return Network(X, y, "relu", whole("width", self.width))

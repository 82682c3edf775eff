"""What is run of the models beside phase retrieval with one field: one class an experiment.

Its numbers are settings of a spec and columns of its table; its rows are a function of them, of the
dimension and of a seed.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa
from scipy.linalg import eigh
from scipy.sparse.linalg import eigsh

from prlib.descent.instance import instance
from prlib.losses import NormalizedIntensity
from prlib.models.digits import digits
from prlib.models.matrix_tensor import descend_strengths, matrix_transition
from prlib.models.network import Network, train, within
from prlib.models.wide import (
    subspace_overlap2,
    wide_empirical,
    wide_energy,
    wide_hessian,
    wide_operator,
)
from prlib.models.wide_descent import descend_wide
from prlib.named import Named
from prlib.parameters import ParameterError
from prlib.problem import Problem, random_on_sphere
from prlib.spectra.bulk import left_edge
from prlib.spectra.outlier import bbp, outlier

Row = dict[str, Any]


class Experiment(Named, family="experiment"):
    """One kind of run of a model.

    Attributes
    ----------
    part : str
        Column that tells the parts of a run apart, which share the instance; each has an address.
    parts : tuple of str
        Its values.
    columns : dict
        What is measured: names and types.
    begun : tuple of str
        Columns that are known before rounding has grown.
    batch : int
        Instances that are run together.
    """

    part: ClassVar[str] = "start"
    parts: ClassVar[tuple[str, ...]] = ("random",)
    columns: ClassVar[dict[str, pa.DataType]]
    begun: ClassVar[tuple[str, ...]]
    batch: ClassVar[int] = 1

    def seconds(self, n: int) -> float:
        """About how long one instance takes on one core."""
        raise NotImplementedError

    def nbytes(self, n: int) -> float:
        """About how many bytes one instance takes: a few matrices, of some units each."""
        return 1e3 * n**2

    def rows(self, n: int, seeds: Sequence[int], dtype: str) -> list[list[Row]]:
        """Run it for each seed: rows that name their part."""
        raise NotImplementedError


def _columns(*numbers: str, **others: pa.DataType) -> dict[str, pa.DataType]:
    return dict.fromkeys(numbers, pa.float64()) | others


def _whole(name: str, value: float) -> int:
    if value != int(value):
        raise ParameterError(f"{name} = {value:g}: must be a whole number")
    return int(value)


class _Wide:
    """What experiments with a wide student share."""

    @cached_property
    def units(self) -> int:
        """Hidden units."""
        return _whole("width", self.width)

    def draw(self, n: int, seed: int, dtype: str) -> tuple[Problem, np.ndarray]:
        """Draw an instance and where the units begin: the first at the point of `instance`."""
        problem, point = instance(NormalizedIntensity(self.a), self.alpha, n, seed, dtype)
        # A stream beside those of `instance`, which are the first three.
        rng = np.random.default_rng(np.random.SeedSequence([seed, n, problem.m]).spawn(4)[3])
        others = [random_on_sphere(n, rng) for _ in range(self.units - 1)]
        return problem, np.array([point, *others])

    @staticmethod
    def at_equator(problem: Problem, W: np.ndarray) -> np.ndarray:
        """Take from each unit its overlap with the signal."""
        signal = problem.signal.astype(float)
        W = W - np.outer(W @ signal / problem.n, signal)
        return W * np.sqrt(problem.n / (W**2).sum(axis=1))[:, None]


@dataclass(frozen=True)
class WideDescent(_Wide, Experiment, name="wide"):
    """Wide students descend from random starts, and from the same held at overlap zero for a time.

    Both are free for the same time at most. `share` is the mean over the units of the squared
    overlap with the signal: what part of the student lies along it. A signal is recovered, and a
    run ends, where its root reaches `success`.
    """

    parts = ("random", "constrained")
    columns = _columns(
        *("share", "start_share", "span_overlap2", "energy", "gradient_norm", "time_ended"),
        recovered=pa.bool_(),
    )
    begun = ("start_share",)
    batch = 25

    width: float
    alpha: float
    a: float
    time: float
    hold: float = 20.0
    success: float = 0.9

    def seconds(self, n: int) -> float:
        """About how long one instance takes."""
        return 3e-9 * n**2 * self.alpha * (2 + self.width) * self.time

    def rows(self, n: int, seeds: Sequence[int], dtype: str) -> list[list[Row]]:
        """Run it: a row a start."""
        drawn = [self.draw(n, seed, dtype) for seed in seeds]
        problems = [problem for problem, _ in drawn]
        points = np.array([[W, self.at_equator(problem, W)] for problem, W in drawn])
        ends = [
            descend_wide(
                problems,
                points[:, [s]],
                time=self.time + hold,
                hold=[hold],
                success=self.success,
            )
            for s, hold in enumerate((0.0, self.hold))
        ]
        found = []
        for b, problem in enumerate(problems):
            found.append([])
            for s, (start, end) in enumerate(zip(self.parts, ends, strict=True)):
                W = end.W[b, 0]
                along = points[b, s] @ problem.signal / n
                found[-1].append(
                    {
                        "start": start,
                        "share": float(end.share[b, 0]),
                        "start_share": float((along**2).mean()),
                        "span_overlap2": subspace_overlap2(problem, W),
                        "energy": wide_energy(problem, W),
                        "gradient_norm": float(end.gradient_norm[b, 0]),
                        "time_ended": float(end.time[b, 0]),
                        "recovered": bool(end.recovered[b, 0]),
                    }
                )
        return found


@dataclass(frozen=True)
class WideHold(_Wide, Experiment, name="wide_hold"):
    """Wide students held at overlap zero: the lowest eigenvectors at the start and in the end.

    `overlap2` is the mean over as many eigenvectors as there are units of their squared overlap
    with the directions in which a unit turns toward the signal; `lowest` and `edge` are the lowest
    eigenvalues of the Hessian with these directions and without. `others2` is the mean squared
    overlap of two units.
    """

    part = "when"
    parts = ("start", "end")
    columns = _columns("lowest", "edge", "overlap2", "energy", "others2")
    begun = ()
    batch = 10

    width: float
    alpha: float
    a: float
    time: float

    def seconds(self, n: int) -> float:
        """About how long one instance takes."""
        descent = 1e-6 * n**2 * self.alpha * (2 + self.width) * self.time / 200
        return descent + 1e-9 * (self.width * n) ** 3

    def rows(self, n: int, seeds: Sequence[int], dtype: str) -> list[list[Row]]:
        """Run it: a row at the start, and one in the end."""
        drawn = [self.draw(n, seed, dtype) for seed in seeds]
        problems = [problem for problem, _ in drawn]
        points = np.array([[self.at_equator(problem, W)] for problem, W in drawn])
        options = {"hold": [self.time], "success": None, "stationary": 0.0}
        ends = descend_wide(problems, points, time=self.time, **options)
        found = []
        for b, problem in enumerate(problems):
            states = (("start", points[b, 0]), ("end", ends.W[b, 0]))
            found.append([self._state(problem, *state) for state in states])
        return found

    def _state(self, problem: Problem, when: str, W: np.ndarray) -> Row:
        n, p, W = problem.n, self.units, W.astype(float)
        exact = Problem(
            problem.loss, *(x.astype(float) for x in (problem.X, problem.y, problem.signal))
        )
        H = wide_hessian(exact, W)
        values, vectors = eigh(H, subset_by_index=[0, p - 1])
        along = np.einsum("kni,n->ki", vectors.reshape(p, n, p), exact.signal)
        # Without the directions toward the signal: they are moved above all others.
        toward = np.kron(np.eye(p), np.outer(exact.signal, exact.signal) / n)
        rest = np.eye(p * n) - toward
        above = rest @ H @ rest + toward * np.abs(H).sum(axis=1).max()
        edge = eigh(above, subset_by_index=[0, 0], eigvals_only=True)[0]
        gram = W @ W.T / n
        others = (gram**2).sum() - (np.diag(gram) ** 2).sum()
        return {
            "when": when,
            "lowest": float(values[0]),
            "edge": float(edge),
            "overlap2": float((along**2).sum() / n / p),
            "energy": wide_energy(exact, W),
            "others2": float(others / max(p * (p - 1), 1)),
        }


@dataclass(frozen=True)
class WideStart(_Wide, Experiment, name="wide_start"):
    """Lowest eigenvectors of a wide student at a random start, where the transition may jump.

    Of twice as many eigenvectors as there are units, and ten more: the squared overlap with the
    directions toward the signal of the lowest, that of the best, and which it is, from 0. Beside
    them what theory says of the labels and fields of this very draw: the condition of the
    transition at the edge, and the overlap of the outlier, 0 where there is none.
    """

    columns = _columns(
        *("lowest", "overlap2", "best_overlap2", "own_condition", "own_overlap2"), best=pa.int64()
    )
    begun = ("own_condition", "own_overlap2")

    width: float
    alpha: float
    a: float

    def seconds(self, n: int) -> float:
        """About how long one instance takes."""
        return 0.02 + 4e-7 * n**2 * self.width

    def rows(self, n: int, seeds: Sequence[int], dtype: str) -> list[list[Row]]:
        """Run it: a row an instance."""
        return [[self._row(*self.draw(n, seed, dtype))] for seed in seeds]

    def _row(self, problem: Problem, W: np.ndarray) -> Row:
        n, p = problem.n, self.units
        H = wide_operator(problem, W.astype(problem.X.dtype))
        v0 = np.random.default_rng(0).standard_normal(p * n).astype(problem.X.dtype)
        values, vectors = eigsh(H, 2 * p + 10, which="SA", v0=v0, ncv=8 * p + 60, tol=1e-4)
        order = np.argsort(values)
        along = vectors.T[order].reshape(-1, p, n) @ problem.signal / math.sqrt(n)
        overlaps = (along.astype(float) ** 2).sum(axis=1)
        # No curvature of this draw comes near the floor, which takes an infinite label.
        law = wide_empirical(problem, W)
        law = replace(law, floor=float(law.curvature.min()))
        edge = left_edge(law)
        found = outlier(law, edge)
        return {
            "start": "random",
            "lowest": float(values[order[0]]),
            "overlap2": float(overlaps[0]),
            "best_overlap2": float(overlaps.max()),
            "own_condition": bbp(law, edge.chi),
            "own_overlap2": 0.0 if found is None else found.overlap2,
            "best": int(overlaps.argmax()),
        }


@dataclass(frozen=True)
class Tensor(Experiment, name="tensor"):
    """The matrix-tensor model at several strengths of the signal, over one draw of the noise.

    Strengths are 1/Delta_2 over that at the transition, from `low` to `high`: a row each. Random
    starts and held ones are free for the same time.
    """

    parts = ("random", "constrained")
    columns = _columns("strength", "abs_start_overlap", "abs_overlap")
    begun = ("strength", "abs_start_overlap")

    tensor: float
    low: float
    high: float
    count: float
    time: float
    step: float
    hold: float

    def seconds(self, n: int) -> float:
        """About how long one instance takes."""
        return (self.time + self.hold) / self.step * (1e-4 + 1e-10 * n**3 * self.count)

    def nbytes(self, n: int) -> float:
        """About how many bytes one instance takes: the tensor while it is made symmetric."""
        return 40 * n**3

    def rows(self, n: int, seeds: Sequence[int], dtype: str) -> list[list[Row]]:
        """Run it: a row a start and strength."""
        strengths = np.linspace(self.low, self.high, _whole("count", self.count))
        matrices = matrix_transition(self.tensor) / strengths
        options = {"steps": round(self.time / self.step), "step": self.step}
        options |= {"held": round(self.hold / self.step), "dtype": dtype}
        found = []
        for seed in seeds:
            rng = np.random.default_rng([seed, n])
            runs = np.abs(descend_strengths(self.tensor, matrices, n, rng, **options))
            found.append(
                [
                    {
                        "start": start,
                        "strength": float(strength),
                        "abs_start_overlap": float(runs[0, s, k]),
                        "abs_overlap": float(runs[1, s, k]),
                    }
                    for s, start in enumerate(self.parts)
                    for k, strength in enumerate(strengths)
                ]
            )
        return found


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
    columns = _columns(
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
        return _whole("width", self.width)

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
        return _whole("eigenvectors", self.eigenvectors)

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
        p = _whole("width", self.width)
        W = rng.standard_normal((p, X.shape[1]))
        theta = np.concatenate([W.ravel(), rng.choice([-1.0, 1.0], p) / math.sqrt(p)])
        return X[:n], y[:n], theta, None, (X[n:], y[n:])

    def network(self, X: np.ndarray, y: np.ndarray) -> Network:
        """Return the network on some labels."""
        return Network(X, y, "relu", _whole("width", self.width))


EXPERIMENTS: dict[str, type[Experiment]] = Experiment.members
"""The experiments by name."""

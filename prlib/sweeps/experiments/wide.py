"""Experiments with wide students."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import pyarrow as pa
from scipy.linalg import eigh
from scipy.sparse.linalg import eigsh

from prlib.descent.instance import instance
from prlib.losses import NormalizedIntensity
from prlib.models.wide import (
    subspace_overlap2,
    wide_empirical,
    wide_energy,
    wide_hessian,
    wide_operator,
)
from prlib.models.wide_descent import descend_wide
from prlib.problem import Problem, random_on_sphere
from prlib.spectra.bulk import left_edge
from prlib.spectra.outlier import bbp, outlier
from prlib.sweeps.experiments.experiment import Experiment, Row, columns_of, whole


class _Wide:
    """What experiments with a wide student share."""

    @cached_property
    def units(self) -> int:
        """Hidden units."""
        return whole("width", self.width)

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
    columns = columns_of(
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
    columns = columns_of("lowest", "edge", "overlap2", "energy", "others2")
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

    columns = columns_of(
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

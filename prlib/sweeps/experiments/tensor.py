"""The experiment with the matrix-tensor model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from prlib.models.matrix_tensor import descend_strengths, matrix_transition
from prlib.sweeps.experiments.experiment import Experiment, Row, columns_of, whole


@dataclass(frozen=True)
class Tensor(Experiment, name="tensor"):
    """The matrix-tensor model at several strengths of the signal, over one draw of the noise.

    Strengths are 1/Delta_2 over that at the transition, from `low` to `high`: a row each. Random
    starts and held ones are free for the same time.
    """

    parts = ("random", "constrained")
    columns = columns_of("strength", "abs_start_overlap", "abs_overlap")
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
        strengths = np.linspace(self.low, self.high, whole("count", self.count))
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

"""What is observed along a descent: one entry a column.

To add an observable, add an `Observable`: sweeps that observe then have its column. Tables that
were written before lack it; `prlib.sweeps.results` names them when asked for the column.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import pyarrow as pa
from numpy.typing import NDArray

from prlib.descent.trajectory import Trajectory
from prlib.problem import Problem


@dataclass(frozen=True)
class Observation:
    """A descent at one of the times at which it was observed.

    Attributes
    ----------
    problem : Problem
        The instance.
    path : Trajectory
        The descent, with its states and their lowest eigenpairs.
    index : int
        Which of its times.
    """

    problem: Problem
    path: Trajectory
    index: int

    @property
    def state(self) -> NDArray:
        """The estimate w."""
        return self.path.states[self.index]

    @cached_property
    def law(self) -> Any:
        """The state's own law of labels and fields, a `prlib.measures.LabelMeasure`."""
        # A worker that does not observe starts without the theory.
        from prlib.measures import empirical  # noqa: PLC0415

        return empirical(self.problem, self.state)

    @cached_property
    def edge(self) -> Any:
        """The left edge that theory makes of that law."""
        from prlib.spectra.bulk import left_edge  # noqa: PLC0415

        return left_edge(self.law)

    @property
    def bbp(self) -> float:
        """The left side of the condition of the transition there: above 1 the signal is seen."""
        from prlib.spectra.outlier import bbp  # noqa: PLC0415

        return bbp(self.law, self.edge.chi)

    @cached_property
    def outlier(self) -> Any:
        """The outlier toward the signal that theory makes of that law, or ``None``."""
        from prlib.spectra.outlier import outlier  # noqa: PLC0415

        return outlier(self.law, self.edge)

    @cached_property
    def pair(self) -> dict[str, float]:
        """The lowest eigenvalue, and the squared overlaps of its eigenvector.

        They are those with the signal, with the lowest eigenvector at the start, with the
        displacement since the start, and with the gradient.
        """
        path, i = self.path, self.index
        return {
            "value": path.eigenvalues[i, 0],
            "signal": path.signal_overlap2[i, 0],
            "start": path.start_overlap2[i, 0],
            "displacement": path.displacement_overlap2[i, 0],
            "gradient": path.gradient_overlap2[i, 0],
        }


@dataclass(frozen=True)
class Observable:
    """A column of observations: its name, its type in tables, and how it is computed."""

    name: str
    type: pa.DataType
    of: Callable[[Observation], Any]

    @property
    def field(self) -> pa.Field:
        """The column."""
        return pa.field(self.name, self.type)


OBSERVABLES = (
    Observable("time", pa.float64(), lambda seen: seen.path.time[seen.index]),
    Observable("abs_overlap", pa.float64(), lambda seen: abs(seen.path.overlap[seen.index])),
    Observable("energy", pa.float64(), lambda seen: seen.path.energy[seen.index]),
    Observable("mu", pa.float64(), lambda seen: seen.path.mu[seen.index]),
    Observable("gradient_norm", pa.float64(), lambda seen: seen.path.gradient_norm[seen.index]),
    Observable("lowest", pa.float64(), lambda seen: seen.pair["value"]),
    Observable("overlap2", pa.float64(), lambda seen: seen.pair["signal"]),
    Observable("start_overlap2", pa.float64(), lambda seen: seen.pair["start"]),
    Observable("displacement_overlap2", pa.float64(), lambda seen: seen.pair["displacement"]),
    Observable("gradient_overlap2", pa.float64(), lambda seen: seen.pair["gradient"]),
    Observable("edge", pa.float64(), lambda seen: seen.edge.position),
    Observable("bbp", pa.float64(), lambda seen: seen.bbp),
    Observable("outlier", pa.bool_(), lambda seen: seen.outlier is not None),
)
"""The observables, in the order of their columns. Energies are those of a dimension, overlaps of
the eigenvector squared; edge, bbp and outlier are what theory makes of the state's own law."""

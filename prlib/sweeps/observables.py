"""What is observed along a descent: one entry a column.

To add an observable, add an `Observable`: sweeps that observe then have its column. Tables that
were written before lack it; `prlib.sweeps.results` names them when asked for the column.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa

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

    @cached_property
    def law(self) -> Any:
        """The state's own law of labels and fields, a `prlib.measures.LabelMeasure`."""
        # A worker that does not observe starts without the theory.
        from prlib.measures import empirical  # noqa: PLC0415

        return empirical(self.problem, self.path.states[self.index])

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

    @property
    def outlier(self) -> bool:
        """Whether theory makes an outlier toward the signal of that law."""
        from prlib.spectra.outlier import outlier  # noqa: PLC0415

        return outlier(self.law, self.edge) is not None


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


def _recorded(name: str, column: str | None = None) -> Observable:
    """Take what the trajectory records; of the eigenpairs, the lowest."""

    def of(seen: Observation) -> Any:
        found = np.ravel(getattr(seen.path, column or name)[seen.index])
        return found[0] if len(found) else None

    return Observable(name, pa.float64(), of)


OBSERVABLES = (
    _recorded("time"),
    Observable("abs_overlap", pa.float64(), lambda seen: abs(seen.path.overlap[seen.index])),
    _recorded("energy"),
    _recorded("mu"),
    _recorded("gradient_norm"),
    _recorded("lowest", "eigenvalues"),
    _recorded("overlap2", "signal_overlap2"),
    _recorded("start_overlap2"),
    _recorded("displacement_overlap2"),
    _recorded("gradient_overlap2"),
    Observable("edge", pa.float64(), lambda seen: seen.edge.position),
    Observable("bbp", pa.float64(), lambda seen: seen.bbp),
    Observable("outlier", pa.bool_(), lambda seen: seen.outlier),
)
"""The observables, in the order of their columns. Energies are those of a dimension, overlaps of
the eigenvector squared; edge, bbp and outlier are what theory makes of the state's own law."""

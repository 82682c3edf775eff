"""What an experiment with a model is: its numbers are settings of a spec and columns of its table.

Its rows are a function of them, of the dimension and of a seed.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar

import pyarrow as pa

from prlib.named import Named
from prlib.parameters import ParameterError

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

    @abstractmethod
    def seconds(self, n: int) -> float:
        """About how long one instance takes on one core."""

    def nbytes(self, n: int) -> float:
        """About how many bytes one instance takes: a few matrices, of some units each."""
        return 1e3 * n**2

    @abstractmethod
    def rows(self, n: int, seeds: Sequence[int], dtype: str) -> list[list[Row]]:
        """Run it for each seed: rows that name their part."""


def columns_of(*numbers: str, **others: pa.DataType) -> dict[str, pa.DataType]:
    """Return columns: numbers, and others with their types."""
    return dict.fromkeys(numbers, pa.float64()) | others


def whole(name: str, value: float) -> int:
    """Return a setting that counts something, checked."""
    if value != int(value):
        raise ParameterError(f"{name} = {value:g}: must be a whole number")
    return int(value)

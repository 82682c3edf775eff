"""Sweeps of the dynamical theory: a grid of runs, each with one row a recorded time."""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator
from dataclasses import MISSING, InitVar, asdict, dataclass, fields
from functools import cached_property
from itertools import product
from typing import Any, ClassVar

import pyarrow as pa

from prlib.channels import NOISELESS, Channel
from prlib.losses import Loss
from prlib.measures.dynamical.flow import expected_times
from prlib.measures.dynamical.mean_field import cost
from prlib.measures.dynamical.solver import workers
from prlib.parameters import ParameterError, check
from prlib.schemes import GradientFlow, Scheme, as_scheme
from prlib.sweeps.addresses import address, spoken
from prlib.sweeps.descents import (
    FLOW,
    Addressed,
    Settings,
    formulas_of,
    listed,
    losses,
    replica_seed,
    shown,
)
from prlib.transitions.time_dependent import TOLERANCE, DynamicState, dynamics

SCHEMA = pa.schema(
    [
        *(("loss", pa.string()), ("alpha", pa.float64()), ("time", pa.float64())),
        *(("paths", pa.int64()), ("batches", pa.int64()), ("tolerance", pa.float64())),
        *(("scheme", pa.string()), ("start_overlap", pa.float64()), ("channel", pa.string())),
        *(("seed", pa.int64()), ("run", pa.string())),
        *(
            (field.name, pa.string() if field.name == "edge_kind" else pa.float64())
            for field in fields(DynamicState)
        ),
    ]
)
"""Columns: the settings (time is where the run ends, start_overlap the overlap that it begins
with, channel what is measured) and the address, then the fields of
`prlib.transitions.time_dependent.DynamicState`; null means that there is none."""

NEWER = {field.name for field in fields(DynamicState) if field.default is not MISSING}
"""Columns that tables written before them need not have."""

STAGES = 4
"""About how many times of the theory a recorded state of the flow takes."""

DESCRIBED = 0.1
"""Seconds that the edge and the outlier of a state take, with those of its batches."""


@dataclass(frozen=True)
class TheoryTask(Addressed):
    """One run of `prlib.dynamics`, whose arguments are its attributes."""

    KIND: ClassVar[str] = "theory"

    loss: Loss
    alpha: float
    time: float
    paths: int
    batches: int = 16
    tolerance: float = TOLERANCE
    seed: int = 0
    scheme: Scheme = FLOW
    start_overlap: float = 0.0
    formulas: str = ""
    channel: Channel = NOISELESS

    @property
    def settings(self) -> dict[str, Any]:
        """All that determines its rows."""
        return {f.name: shown(getattr(self, f.name)) for f in fields(self)}

    @cached_property
    def run_ids(self) -> tuple[str, ...]:
        """The address of the run."""
        return (address(self.KIND, spoken(self.settings, self.defaults())),)

    @property
    def title(self) -> str:
        """The task in words."""
        start = f", overlap = {self.start_overlap:g}" if self.start_overlap else ""
        start += f", {self.channel.id}" if self.channel != NOISELESS else ""
        return (
            f"{self.loss.id}, alpha = {self.alpha:g}{start}, time = {self.time:g}, "
            f"{self.paths} paths"
        )

    @property
    def group(self) -> str:
        """Each run is a chunk of its own: it takes seconds to minutes."""
        return self.run_ids[0]

    @cached_property
    def seconds(self) -> float:
        """About how long it takes on one core, for progress."""
        states = self._times / STAGES if isinstance(self.scheme, GradientFlow) else self._times
        return workers() * cost(self.paths, self._times, self.batches).seconds + DESCRIBED * states

    @property
    def nbytes(self) -> float:
        """About how many bytes it takes."""
        return cost(self.paths, self._times, self.batches).memory

    @cached_property
    def _times(self) -> float:
        if isinstance(self.scheme, GradientFlow):
            return expected_times(self.loss, self.alpha, self.time, self.tolerance)
        if math.isfinite(self.scheme.safety):
            # Explicit steps, which adapt: about twice the times of the stabilised stages.
            return 2 * expected_times(self.loss, self.alpha, self.time, TOLERANCE)
        return self.time / self.scheme.step

    def warm_up(self) -> None:
        """Compile what it needs: nothing."""

    def rows(self, until: float | None = None) -> list[dict[str, Any]]:
        """Run it: one row a recorded time.

        Parameters
        ----------
        until : float, optional
            Flow time after which nothing is needed: the steps are the same, and fewer.
        """
        names = ("paths", "batches", "tolerance", "seed", "scheme", "channel")
        options = {name: getattr(self, name) for name in names} | {"overlap": self.start_overlap}
        states = dynamics(self.loss, self.alpha, self.time if until is None else until, **options)
        shared = self.settings | {"run": self.run_ids[0]}
        return [shared | asdict(state) for state in states]


@dataclass(frozen=True, kw_only=True)
class TheoryGrid(Settings):
    """Runs of the dynamical theory for every combination of losses, alphas and overlaps.

    Attributes
    ----------
    loss : tuple of Loss
        Losses, as in `prlib.sweeps.Grid`, or ``a=``.
    alpha : tuple of float
        Measurements per dimension.
    overlap : tuple of float
        Overlaps of the start with the signal.
    time, paths, batches, tolerance, scheme, channel
        See `prlib.dynamics`.
    seed : tuple of int
        Each alpha has seeds of its own, one made of each of these: runs that share their draws
        err to the same side, and a curve through them looks smoother than it is sure.
    """

    NEEDED: ClassVar[tuple[str, ...]] = ("loss", "alpha", "time", "paths")

    loss: tuple[Loss, ...] = ()
    alpha: tuple[float, ...]
    time: float
    paths: int
    batches: int = 16
    tolerance: float = TOLERANCE
    seed: tuple[int, ...] = (0,)
    scheme: Scheme = FLOW
    overlap: tuple[float, ...] = (0.0,)
    channel: Channel = NOISELESS
    a: InitVar[Any] = ()

    kind: ClassVar[str] = "theory"
    schema: ClassVar[pa.Schema] = SCHEMA

    def __post_init__(self, a: Any) -> None:
        """Check the values; `prlib.dynamics` checks what depends on the run."""
        put = {"loss": losses(self.loss, a), "scheme": as_scheme(self.scheme)}
        put["channel"] = Channel.read(self.channel)
        for name in ("alpha", "overlap", "seed"):
            put[name] = listed(name, getattr(self, name), lambda one, name=name: check(name, one))
        for name in ("time", "paths"):
            put[name] = check(name, getattr(self, name))
        if isinstance(self.batches, bool) or not isinstance(self.batches, int) or self.batches < 2:
            raise ParameterError(f"batches = {self.batches!r}: must be a whole number >= 2")
        number = isinstance(self.tolerance, (int, float)) and not isinstance(self.tolerance, bool)
        if not (number and 0 < self.tolerance < 1):
            raise ParameterError(f"tolerance = {self.tolerance!r}: must be a number in (0, 1)")
        self.put(**put)

    @property
    def runs(self) -> int:
        """How many runs it holds."""
        return math.prod(map(len, (self.loss, self.alpha, self.overlap, self.seed)))

    def tasks(self, seed: int) -> Iterator[TheoryTask]:  # noqa: ARG002 - of descents; ours is a setting
        """Unfold the grid, in the order of loss, alpha, overlap and seed."""
        names = ("time", "paths", "batches", "tolerance", "scheme", "channel")
        shared = {name: getattr(self, name) for name in names}
        for loss, alpha, overlap, one in product(self.loss, self.alpha, self.overlap, self.seed):
            own = {"formulas": formulas_of(loss, self.channel), "start_overlap": overlap}
            own["seed"] = replica_seed(one, int.from_bytes(struct.pack(">d", alpha)))
            yield TheoryTask(loss, alpha, **own, **shared)

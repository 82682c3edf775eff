"""Sweeps of descents: a grid of settings, unfolded into instances and their rows."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import MISSING, InitVar, dataclass, fields
from functools import cache, cached_property
from itertools import pairwise, product
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa

from prlib.channels import NOISELESS, Channel
from prlib.descent.formulas import digest_of_formulas
from prlib.descent.instance import HOLD, Descent, descend_starts, instance, nbytes
from prlib.descent.starts import Start, as_start
from prlib.losses import Loss, as_loss
from prlib.named import Named
from prlib.parameters import ParameterError, check, check_measurements
from prlib.schemes import GradientFlow, Scheme, as_scheme
from prlib.sensing import GAUSSIAN, Sensing
from prlib.sweeps.addresses import address, normalized, spoken
from prlib.sweeps.observables import OBSERVABLES, Observation
from prlib.threads import one_blas_thread

FLOW = GradientFlow()
"""The scheme of runs that name none."""

_SETTINGS = [
    *(("time_limit", pa.float64()), ("hold", pa.float64()), ("scheme", pa.string())),
    *(("success", pa.float64()), ("dtype", pa.string()), ("channel", pa.string())),
    *(("sensing", pa.string()), ("run", pa.string())),
]
_INSTANCE = [
    *(("loss", pa.string()), ("alpha", pa.float64()), ("n", pa.int64()), ("start", pa.string())),
    *(("replica", pa.int64()), ("seed", pa.int64()), ("recovered", pa.bool_())),
]

SCHEMA = pa.schema(
    [
        *_INSTANCE,
        *(("abs_overlap", pa.float64()), ("energy", pa.float64()), ("time", pa.float64())),
        *(("steps", pa.int64()), ("stopped_by", pa.string())),
        *(("abs_start_overlap", pa.float64()), ("rises", pa.int64()), ("sharpness", pa.float64())),
        *_SETTINGS,
    ]
)
"""Columns of the ends of descents: the loss's id; energies of a dimension; abs_start_overlap at the
start; rises and sharpness of `prlib.descent.StepRecord`; from time_limit on the settings of the
run (time is where it ended), and its address."""

OBSERVED = pa.schema(
    [
        *_INSTANCE,
        *(entry.field for entry in OBSERVABLES),
        *(("rises", pa.int64()), ("stopped_by", pa.string())),
        *_SETTINGS,
    ]
)
"""Columns of observations: those of `prlib.sweeps.observables` at each time; recovered, rises and
stopped_by are those of the whole run."""


class Addressed:
    """Runs whose settings make their addresses."""

    @classmethod
    @cache
    def defaults(cls) -> dict[str, Any]:
        """Return the settings that have a default, as columns show them."""
        return {f.name: shown(f.default) for f in fields(cls) if f.default is not MISSING}


@dataclass(frozen=True)
class Task(Addressed):
    """Descents over one instance, from several starts: the settings of `Grid`, one value each.

    `formulas` stands for those of what is a reader's own, which may change under its id.

    What has a default here may be absent from tables that are older than it, and never enters an
    address unless it differs; see `prlib.sweeps.addresses`.
    """

    KIND: ClassVar[str] = "descent"

    loss: Loss
    alpha: float
    n: int
    replica: int
    seed: int
    starts: tuple[Start, ...]
    time: float
    hold: float = 20.0
    scheme: Scheme = FLOW
    success: float = 0.99
    dtype: str = "float32"
    observe: tuple[float, ...] = ()
    formulas: str = ""
    channel: Channel = NOISELESS
    sensing: Sensing = GAUSSIAN
    eigenpairs: int = 1

    @property
    def settings(self) -> dict[str, Any]:
        """All that determines its rows but the start."""
        names = [f.name for f in fields(self) if f.name not in {"replica", "starts"}]
        return {name: shown(getattr(self, name)) for name in names}

    @cached_property
    def run_ids(self) -> tuple[str, ...]:
        """The address of each run, one a start."""
        shared = spoken(self.settings, self.defaults())
        return tuple(address(self.KIND, shared | {"start": start.name}) for start in self.starts)

    @property
    def title(self) -> str:
        """The task in words."""
        starts = ", ".join(start.name for start in self.starts)
        return f"{self.loss.id}, alpha = {self.alpha:g}, n = {self.n}, {starts}, seed {self.seed}"

    @property
    def group(self) -> int:
        """Tasks of different groups come into different chunks."""
        return self.n

    @property
    def seconds(self) -> float:
        """About how long it takes on one core, for the size of chunks and for progress."""
        size = self.sensing.cost(round(self.alpha * self.n), self.n) / (3 * 512**2)
        descent = (0.3 + 0.2 * len(self.starts)) * self.time / 100
        return 0.02 + (descent + 0.03 * len(self.starts) * len(self.observe)) * size

    @property
    def nbytes(self) -> float:
        """About how many bytes it takes."""
        m, itemsize = round(self.alpha * self.n), np.dtype(self.dtype).itemsize
        return nbytes(m, self.n, itemsize, self.sensing)

    def warm_up(self) -> None:
        """Compile what it needs: in one process, before many would do it at the same time."""
        # A step of the scheme may be longer than a moment.
        time = 1e-3 if self.scheme.stops(1e-3) > 0 else self.time
        start = (as_start("random"),)
        descend_starts(self.loss, 2.0, 8, start, time, 0, dtype=self.dtype, scheme=self.scheme)

    @one_blas_thread()
    def rows(self, until: float | None = None) -> list[dict[str, Any]]:
        """Run it: one row a start, or one an observation, with the columns of its grid's schema.

        Parameters
        ----------
        until : float, optional
            Time at which to stop observing, for a part of the rows.

        Examples
        --------
        >>> grid = Grid(a=1.0, alpha=6.0, n=40, start="random", replicas=1, time=50.0)
        >>> row = next(grid.tasks(seed=0)).rows()[0]
        >>> row["start"], row["recovered"], row["stopped_by"]
        ('random', True, 'recovered')
        """
        times = [time for time in self.observe if until is None or time <= until]
        if self.observe:
            options = {"success": None, "stationary": 0.0, "keep_states": True}
            options["eigenpairs"] = self.eigenpairs
            runs = self._descend(times[-1], times=times, **options)
            # It is not drawn by the descents: they run over an instance that they keep.
            problem, _ = instance(self.loss, self.alpha, self.n, self.seed, **self._drawn)
        else:
            runs = self._descend(self.time, success=self.success)
        rows = []
        for start, run, whose in zip(self.starts, runs, self.run_ids, strict=True):
            whole = {
                **self.settings,
                "start": start.name,
                "replica": self.replica,
                "recovered": run.abs_overlap >= self.success if self.observe else run.recovered,
                "rises": run.rises,
                "stopped_by": run.stopped_by,
                "time_limit": self.time,
                "run": whose,
            }
            if not self.observe:
                rows.append(whole | _end(run))
                continue
            for index in range(len(run.trajectory.states)):
                seen = Observation(problem, run.trajectory, index)
                rows.append(whole | {entry.name: entry.of(seen) for entry in OBSERVABLES})
        return rows

    def _descend(self, time: float, **options: Any) -> list[Descent]:
        return descend_starts(
            self.loss,
            self.alpha,
            self.n,
            self.starts,
            time,
            self.seed,
            hold=self.hold,
            scheme=self.scheme,
            **self._drawn,
            **options,
        )

    @property
    def _drawn(self) -> dict[str, Any]:
        return {"dtype": self.dtype, "channel": self.channel, "sensing": self.sensing}


def _end(run: Descent) -> dict[str, Any]:
    names = ("abs_overlap", "energy", "time", "steps", "abs_start_overlap")
    return {
        **{name: getattr(run, name) for name in names},
        "sharpness": run.trajectory.step.sharpness,
    }


class Settings:
    """Settings of several runs."""

    @property
    def settings(self) -> dict[str, Any]:
        """All of it, as a spec writes it, without what is of no use to most."""
        found = {f.name: shown(getattr(self, f.name)) for f in fields(self)}
        silent = {"observe": [], "eigenpairs": 1}
        return {name: value for name, value in found.items() if value != silent.get(name)}

    def put(self, **values: Any) -> None:
        """Set what was checked, rounded as addresses see it."""
        for name, value in values.items():
            object.__setattr__(self, name, plain(value))


@dataclass(frozen=True, kw_only=True)
class Grid(Settings):
    """Descents for every combination of a few settings.

    Attributes
    ----------
    loss : tuple of Loss
        Losses or their ids; ``a=`` stands for the paper's family, ``"unnormalized"`` its limit.
    alpha : tuple of float
        Measurements per dimension.
    n : tuple of int
        Dimensions.
    start : tuple of str
        Starts. They share the instance and the random point of each replica.
    replicas : int
        Instances for each combination.
    time : float
        Flow time.
    hold, scheme, success, dtype, channel, sensing
        See `prlib.descent.descend_instance`.
    observe : tuple of float
        Flow times, rising, at which to observe; a run then gives a row at time 0 and at each of
        them, and goes on to its last whether it recovers or not.
    eigenpairs : int
        Whether it observes the lowest eigenpair, 1, or leaves its columns empty, 0: at large N the
        pair takes longer than the descent.

    Examples
    --------
    >>> grid = Grid(a=0.01, alpha=(2.0, 3.0), n=64, start="random", replicas=2, time=50.0)
    >>> len(list(grid.tasks(seed=1)))
    4
    """

    NEEDED: ClassVar[tuple[str, ...]] = ("loss", "alpha", "n", "start", "replicas", "time")

    loss: tuple[Loss, ...] = ()
    alpha: tuple[float, ...]
    n: tuple[int, ...]
    start: tuple[str, ...]
    replicas: int
    time: float
    hold: float = HOLD
    scheme: Scheme = FLOW
    success: float = 0.99
    dtype: str = "float32"
    observe: tuple[float, ...] = ()
    channel: Channel = NOISELESS
    sensing: Sensing = GAUSSIAN
    eigenpairs: int = 1
    a: InitVar[Any] = ()

    def __post_init__(self, a: Any) -> None:
        """Check every value."""
        put = {"loss": losses(self.loss, a)}
        for name in ("alpha", "n"):
            put[name] = listed(name, getattr(self, name), lambda one, name=name: check(name, one))
        put["start"] = listed("start", self.start, as_start)
        for name in ("replicas", "time", "hold"):
            put[name] = check(name, getattr(self, name))
        put["scheme"] = as_scheme(self.scheme)
        if not put["scheme"].stops(put["time"]) > 0:
            raise ParameterError(
                f"time = {put['time']:g}: must be one step of {self.scheme} at least"
            )
        put |= {"channel": Channel.read(self.channel), "sensing": Sensing.read(self.sensing)}
        number = isinstance(self.success, (int, float)) and not isinstance(self.success, bool)
        if not (number and 0 < self.success <= 1):
            raise ParameterError(f"success = {self.success!r}: must be a number in (0, 1]")
        put["success"] = float(self.success)
        if self.dtype not in ("float32", "float64"):
            raise ParameterError(f"dtype = {self.dtype!r}: must be 'float32' or 'float64'")
        put["observe"] = _observed(self.observe, put["time"])
        if self.eigenpairs not in (0, 1) or isinstance(self.eigenpairs, bool):
            raise ParameterError(f"eigenpairs = {self.eigenpairs!r}: must be 0 or 1")
        self.put(**put)
        for n, alpha in product(self.n, self.alpha):
            check_measurements(n, alpha)

    @property
    def kind(self) -> str:
        """What its rows are."""
        return "observations" if self.observe else "descents"

    @property
    def schema(self) -> pa.Schema:
        """The columns of its rows."""
        return OBSERVED if self.observe else SCHEMA

    @property
    def runs(self) -> int:
        """How many runs it holds."""
        return self.replicas * math.prod(map(len, (self.loss, self.alpha, self.n, self.start)))

    def tasks(self, seed: int) -> Iterator[Task]:
        """Unfold the grid of a sweep with that seed, in the order of n, loss, alpha and replica."""
        names = ("time", "hold", "scheme", "success", "dtype", "observe", "channel", "sensing")
        shared = {name: getattr(self, name) for name in (*names, "eigenpairs")}
        own = {loss: formulas_of(loss, self.channel, self.sensing) for loss in self.loss}
        for n, loss, alpha in product(self.n, self.loss, self.alpha):
            for replica in range(self.replicas):
                instance_seed = replica_seed(seed, replica)
                of_loss = {"formulas": own[loss], **shared}
                yield Task(loss, alpha, n, replica, instance_seed, self.start, **of_loss)


def replica_seed(seed: int, replica: int) -> int:
    """Return the seed of one replica of a sweep, which `prlib.descend` takes as well.

    It has 53 bits, so that every reader of numbers keeps it whole.
    """
    return int(np.random.SeedSequence([seed, replica]).generate_state(1, np.uint64)[0] >> 11)


FORMULAS = {"loss": ("l", "dl", "d2l"), "channel": ("draw",), "sensing": ("draw", "rows")}
"""What of a reader's own determines rows, by family."""


def formulas_of(*parts: Loss | Channel | Sensing) -> str:
    """Return a digest of the formulas of what is a reader's own; of the library's, nothing.

    Raises
    ------
    ParameterError
        If they refer to something whose contents cannot be told: their rows might be stale.
    """
    return " ".join(filter(None, map(_formulas_of, parts)))


def _formulas_of(part: Loss | Channel | Sensing) -> str:
    if type(part).__module__.startswith("prlib."):
        return ""
    found = digest_of_formulas(type(part), FORMULAS[part.family])
    if found is None:
        raise ParameterError(
            f"{part.family} = {part.id}: its formulas refer to an object whose contents cannot be "
            "told, so that rows could outlive them; they may refer to functions, numbers and arrays"
        )
    return found


def listed(name: str, values: Any, read: Any) -> tuple:
    """Read a list of settings, or one: at least one value, each that `read` takes."""
    if isinstance(values, (str, bytes)) or not hasattr(values, "__iter__"):
        values = (values,)
    found = tuple(read(value) for value in values)
    if not found:
        raise ParameterError(f"{name} = []: must be a list of at least one value")
    return found


def losses(loss: Any, a: Any) -> tuple[Loss, ...]:
    """Read the losses of a grid, given as such, as ids, or by the paper's a."""
    if isinstance(a, tuple) and not a:
        if isinstance(loss, tuple) and not loss:
            raise ParameterError("loss: is missing; a grid needs loss, or a")
        return listed("loss", loss, as_loss)
    if not isinstance(loss, tuple) or loss:
        raise ParameterError("a: is another way to give the loss; give one of the two")
    return listed("a", a, _of_a)


def _of_a(value: Any) -> Loss:
    return as_loss(None if value in (None, "unnormalized") else check("a", value))


def plain(value: Any) -> Any:
    """Round the numbers of a setting to the digits that its address sees."""
    if isinstance(value, tuple):
        return tuple(plain(one) for one in value)
    return normalized(value)


def shown(value: Any) -> Any:
    """Return a setting as tables, specs and addresses show it: ids for what has one."""
    if isinstance(value, tuple):
        return [shown(one) for one in value]
    if isinstance(value, Start):
        return value.name
    return value.id if isinstance(value, Named) else value


def _observed(times: object, end: float) -> tuple[float, ...]:
    if times == ():
        return ()
    found = listed("observe", times, lambda time: check("time", time))
    if any(late >= later for late, later in pairwise(found)) or found[-1] > end:
        raise ParameterError(
            f"observe = {list(found)}: must be a list of rising times, up to time = {end:g}"
        )
    return found

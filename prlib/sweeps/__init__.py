"""Many descents: what to run, where, how it is kept, and what it says."""

from prlib.sweeps.estimate import HalfPoint, half_point, paired, rates, wilson
from prlib.sweeps.runner import SweepInterrupted, SweepResult, results, run_sweep
from prlib.sweeps.spec import Grid, Spec
from prlib.sweeps.store import SweepError

__all__ = [
    "Grid",
    "HalfPoint",
    "Spec",
    "SweepError",
    "SweepInterrupted",
    "SweepResult",
    "half_point",
    "paired",
    "rates",
    "results",
    "run_sweep",
    "wilson",
]

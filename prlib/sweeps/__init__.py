"""Many runs: what to run, where, how it is kept, and what it says."""

from prlib.sweeps.data import data_root, sources
from prlib.sweeps.descents import Grid
from prlib.sweeps.estimate import HalfPoint, half_point, logistic_halves, paired, rates, wilson
from prlib.sweeps.models import ModelGrid
from prlib.sweeps.recheck import Rechecked, recheck
from prlib.sweeps.runner import FailedRunsError, SweepInterrupted, SweepResult, results
from prlib.sweeps.spec import Sweep
from prlib.sweeps.store import SweepError
from prlib.sweeps.theory import TheoryGrid

__all__ = [
    "FailedRunsError",
    "Grid",
    "HalfPoint",
    "ModelGrid",
    "Rechecked",
    "Sweep",
    "SweepError",
    "SweepInterrupted",
    "SweepResult",
    "TheoryGrid",
    "data_root",
    "half_point",
    "logistic_halves",
    "paired",
    "rates",
    "recheck",
    "results",
    "sources",
    "wilson",
]

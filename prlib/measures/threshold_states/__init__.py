"""The law of labels and fields where a descent at zero overlap ends: threshold states.

`law` is the replica law at any response and breaking, `branch` the curve of those that solve the
equations, and `solution` the one at a given alpha, with what is said of it.
"""

from prlib.measures.threshold_states.branch import (
    BranchEndError,
    NeverMetError,
    branch_of,
)
from prlib.measures.threshold_states.law import TiltedLaw, tilted_law
from prlib.measures.threshold_states.solution import (
    ThresholdState,
    solve_threshold_state,
    threshold_state,
)

__all__ = [
    "BranchEndError",
    "NeverMetError",
    "ThresholdState",
    "TiltedLaw",
    "branch_of",
    "solve_threshold_state",
    "threshold_state",
    "tilted_law",
]

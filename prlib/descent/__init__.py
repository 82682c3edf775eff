"""Gradient descent over one instance: where it starts, how it steps, and what is observed."""

from prlib.descent.instance import Descent, descend_instance, descend_starts, instance
from prlib.descent.simulate import descend, descend_together
from prlib.descent.starts import STARTS, Start, as_start, starting_point
from prlib.descent.trajectory import StepRecord, Trajectory

__all__ = [
    "STARTS",
    "Descent",
    "Start",
    "StepRecord",
    "Trajectory",
    "as_start",
    "descend",
    "descend_instance",
    "descend_starts",
    "descend_together",
    "instance",
    "starting_point",
]

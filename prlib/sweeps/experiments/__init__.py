"""What is run of the models beside phase retrieval with one field: one class an experiment."""

from prlib.sweeps.experiments.experiment import Experiment
from prlib.sweeps.experiments.tensor import Tensor
from prlib.sweeps.experiments.trained import Digits, Teacher
from prlib.sweeps.experiments.wide import WideDescent, WideHold, WideStart

__all__ = [
    "EXPERIMENTS",
    "Digits",
    "Experiment",
    "Teacher",
    "Tensor",
    "WideDescent",
    "WideHold",
    "WideStart",
]

EXPERIMENTS: dict[str, type[Experiment]] = Experiment.members
"""The experiments by name."""

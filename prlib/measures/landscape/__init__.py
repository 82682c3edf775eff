"""Minima of the landscape, counted by Kac and Rice over laws of labels and fields."""

from prlib.measures.landscape.law import ETA, Point, X, log_density
from prlib.measures.landscape.minima import Minima, Search, label_measure
from prlib.measures.landscape.solve import Solution, no_complexity

__all__ = [
    "ETA",
    "Minima",
    "Point",
    "Search",
    "Solution",
    "X",
    "label_measure",
    "log_density",
    "no_complexity",
]

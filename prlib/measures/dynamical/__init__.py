"""The dynamical source of the label measure: gradient descent at every time, at infinite size.

Exact in the limit of large dimension, for any loss and any steps; the only errors are those of
sampling, which every result carries. Compiled, so imported only by those who use it.
"""

from prlib.measures.dynamical.flow import Flow, choose_flow
from prlib.measures.dynamical.mean_field import Cost, Estimate, MeanField, cost, dynamical
from prlib.measures.dynamical.steps import choose_steps

__all__ = [
    "Cost",
    "Estimate",
    "Flow",
    "MeanField",
    "choose_flow",
    "choose_steps",
    "cost",
    "dynamical",
]

"""Phase retrieval seen through its Hessian: theory, simulation and sweeps.

A companion to arXiv 2403.02418. What a reader needs most is here; each name is imported when first
used, so that ``import prlib`` stays light.

Examples
--------
A loss of one's own, with its threshold, a descent and a sweep:

>>> import numpy as np, prlib
>>> from dataclasses import dataclass
>>> @dataclass(frozen=True)
... class Quartic(prlib.Loss):
...     l = staticmethod(lambda y, yhat: (yhat**2 - y**2) ** 2)
...     dl = staticmethod(lambda y, yhat: 4 * yhat * (yhat**2 - y**2))
...     d2l = staticmethod(lambda y, yhat: 4 * (3 * yhat**2 - y**2))
...     curvature_floor = -np.inf
>>> round(prlib.thresholds(Quartic()).alpha_threshold, 2)
13.8
>>> prlib.descend("quartic", alpha=20.0, n=40, time=10.0).recovered
True
>>> grid = prlib.Grid(
...     loss="quartic", alpha=[15.0, 20.0], n=20, start="random", replicas=3, time=5.0
... )
>>> prlib.Sweep((grid,)).runs
6
"""

from importlib import import_module
from typing import Any

_HOME = {
    **dict.fromkeys(
        ["Amplitude", "Intensity", "Loss", "NormalizedIntensity", "Poisson", "PseudoHuber"],
        "prlib.losses",
    ),
    "as_loss": "prlib.losses",
    "Channel": "prlib.channels",
    "Problem": "prlib.problem",
    "Sensing": "prlib.sensing",
    **dict.fromkeys(["LabelMeasure", "empirical", "initial"], "prlib.measures"),
    **dict.fromkeys(["spectrum", "threshold_state", "thresholds"], "prlib.transitions"),
    **dict.fromkeys(["dynamics", "t_bbp"], "prlib.transitions.time_dependent"),
    "baseline": "prlib.transitions.state_evolution",
    "message_passing": "prlib.descent.message_passing",
    "wide_thresholds": "prlib.models.wide",
    "MatrixTensor": "prlib.models.matrix_tensor",
    "landscape": "prlib.transitions.landscape",
    "descend": "prlib.descent:descend_instance",
    "recover": "prlib.descent.recovery",
    **dict.fromkeys(["Grid", "Sweep", "half_point", "paired", "rates"], "prlib.sweeps"),
}

__all__ = sorted(_HOME)  # noqa: PLE0605 - the names are those of the table


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'prlib' has no attribute {name!r}")
    module, _, attribute = _HOME[name].partition(":")
    return getattr(import_module(module), attribute or name)


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOME])

"""Phase retrieval seen through its Hessian: a companion to arXiv 2403.02418.

The functions of the command line are here under the same names; each is imported when first
used, so that ``import prlib`` stays light.

Examples
--------
>>> import prlib
>>> prlib.thresholds(1.0).edge_init
'soft'
"""

from importlib import import_module
from typing import Any

_HOME = {
    "thresholds": "prlib.transitions:thresholds",
    "spectrum": "prlib.transitions:spectrum",
    "threshold_state": "prlib.transitions:threshold_state",
    "descend": "prlib.descent:descend_instance",
    "dynamics": "prlib.transitions.time_dependent:dynamics",
    "t_bbp": "prlib.transitions.time_dependent:t_bbp",
}

__all__ = [
    "descend",
    "dynamics",
    "spectrum",
    "t_bbp",
    "threshold_state",
    "thresholds",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'prlib' has no attribute {name!r}")
    module, _, function = _HOME[name].partition(":")
    return getattr(import_module(module), function)


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOME])

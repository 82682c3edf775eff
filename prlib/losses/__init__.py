"""Losses of one measurement, one a file, by the names of their text ids.

The paper's family is `NormalizedIntensity`, with `Intensity` as its limit; `Amplitude`, `Poisson`
and `PseudoHuber` are what practitioners minimise. To add one, define a subclass of `Loss`, in a
module of this package or anywhere: its id then works wherever a loss is asked for.
"""

from importlib import import_module
from pkgutil import iter_modules

from prlib.losses.amplitude import Amplitude
from prlib.losses.loss import LOSSES, Loss, as_loss, takes_loss
from prlib.losses.normalized import NormalizedIntensity
from prlib.losses.poisson import Poisson
from prlib.losses.pseudo_huber import PseudoHuber
from prlib.losses.unnormalized import Intensity

__all__ = [
    "LOSSES",
    "Amplitude",
    "Intensity",
    "Loss",
    "NormalizedIntensity",
    "Poisson",
    "PseudoHuber",
    "as_loss",
    "takes_loss",
]

for _module in iter_modules(__path__):
    import_module(f"{__name__}.{_module.name}")

"""The law of the measurement vectors, by the names of their text ids.

To add one, define a subclass of `Sensing`, in a module of this package or anywhere: its id then
works wherever one is asked for.
"""

from importlib import import_module
from pkgutil import iter_modules

from prlib.sensing.sensing import GAUSSIAN, Sensing

__all__ = ["GAUSSIAN", "Sensing"]

for _module in iter_modules(__path__):
    import_module(f"{__name__}.{_module.name}")

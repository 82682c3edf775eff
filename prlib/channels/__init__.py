"""What is measured of the signal's field, one channel a file, by the names of their text ids.

To add one, define a subclass of `Channel`, in a module of this package or anywhere: its id then
works wherever a channel is asked for.
"""

from importlib import import_module
from pkgutil import iter_modules

from prlib.channels.channel import NOISELESS, Channel

__all__ = ["NOISELESS", "Channel"]

for _module in iter_modules(__path__):
    import_module(f"{__name__}.{_module.name}")

"""The address of a run: a digest of all that determines its rows, made to outlive new settings.

Only settings that differ from their defaults enter, so a new setting with a default leaves every
address as it was. A default is part of the meaning of the addresses that do not mention it: it may
never change without a new `VERSION`, and tables of another version have other addresses.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from prlib import identifiers

VERSION = 2
"""Version of what the settings mean; 1 were digests of every setting, the defaults among them."""


_ENCODER = json.JSONEncoder(sort_keys=True, separators=(",", ":"))


def normalized(value: Any) -> Any:
    """Return a setting as its address sees it: 12 significant digits, whole lists of them.

    Examples
    --------
    >>> normalized(2.3000000000000003), normalized((0.1 + 0.2, 1.0)), normalized("flow")
    (2.3, [0.3, 1.0], 'flow')
    """
    if isinstance(value, (list, tuple)):
        return [normalized(one) for one in value]
    return identifiers.normalized(value) if isinstance(value, float) else value


def spoken(settings: Mapping[str, Any], defaults: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings that an address tells, normalised: those that differ from their defaults.

    Parameters
    ----------
    settings, defaults : mapping
        All settings, and the defaults of those that have one.

    Examples
    --------
    >>> defaults = {"hold": 0.3, "new": 0}
    >>> spoken({"n": 8, "alpha": 2.3000000000000003, "hold": 0.1 + 0.2, "new": 0}, defaults)
    {'n': 8, 'alpha': 2.3}
    """
    told = {
        name: value
        for name, value in settings.items()
        if name not in defaults or value != defaults[name]
    }
    told = {name: normalized(value) for name, value in told.items()}
    return {k: v for k, v in told.items() if k not in defaults or v != normalized(defaults[k])}


def address(kind: str, told: Mapping[str, Any]) -> str:
    """Return the address of a run of some kind, of which `spoken` tells what it must."""
    return digest([VERSION, kind, told])


def digest(content: object) -> str:
    """Return twenty hexadecimal digits that stand for plain data."""
    return hashlib.sha256(_ENCODER.encode(content).encode()).hexdigest()[:20]

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


def address(kind: str, settings: Mapping[str, Any], defaults: Mapping[str, Any]) -> str:
    """Return the address of a run.

    Parameters
    ----------
    kind : str
        What kind of run it is.
    settings, defaults : mapping
        All its settings, and the defaults of those that have one.

    Examples
    --------
    >>> one = address("descent", {"n": 8, "hold": 20.0}, {"hold": 20.0})
    >>> one == address("descent", {"n": 8, "hold": 20.0, "new": 0}, {"hold": 20.0, "new": 0})
    True
    """
    told = {name: normalized(value) for name, value in settings.items()}
    silent = {name: normalized(value) for name, value in defaults.items()}
    spoken = {k: v for k, v in told.items() if k not in silent or silent[k] != v}
    return digest([VERSION, kind, spoken])


def digest(content: object) -> str:
    """Return twenty hexadecimal digits that stand for plain data."""
    text = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:20]

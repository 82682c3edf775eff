r"""Claims as a reader sees them: names and powers of ten as mathematics.

Statements are kept as plain text, which the command line prints. A page typesets them.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from html import escape
from typing import Any, Literal

_NUMBER = r"-?[0-9]+(?:\.[0-9]+)?"
_NAMES = {
    r"\balpha_BBP\^(init|TS)\b": r"\\alpha_\\mathrm{BBP}^\\mathrm{\1}",
    r"\balpha_init\b": r"\\alpha_\\mathrm{BBP}^\\mathrm{init}",
    rf"\balpha = ({_NUMBER})": r"\\alpha = \1",
    r"\balpha\b": r"\\alpha",
    rf"\|m\| < ({_NUMBER})": r"\\vert m\\vert < \1",
    r"\|m\|": r"\\vert m\\vert",
    r"\bv1\b": r"v_1",
    r"\bH \+ mu\b": r"H + \\mu",
    r"\blog ([Nt])\b": r"\\log \1",
    rf"\b([NtacV]) = ({_NUMBER})": r"\1 = \2",
}
_ANY = re.compile("|".join(f"(?P<_{i}>{name})" for i, name in enumerate(_NAMES)))


Form = Literal["html", "markdown"]
"""What the text is for."""

TITLES = ("verdict", "claim", "number", "which is", "accepted", "effect seen, that matters")
"""Columns of a table of claims."""

_MARKS = {"html": (r"\(", r"\)"), "markdown": ("$", "$")}


def typeset(text: str, form: Form = "html") -> str:
    r"""Put the names in a sentence into mathematics.

    Parameters
    ----------
    text : str
        A sentence.
    form : {"html", "markdown"}
        What encloses mathematics is that of a page or of its source.

    Returns
    -------
    str
        The sentence.

    Examples
    --------
    >>> print(typeset("at alpha = 2.5 the overlap |m| of v1", "markdown"))
    at $\alpha = 2.5$ the overlap $\vert m\vert$ of $v_1$
    """
    left, right = _MARKS[form]

    def mathematics(found: re.Match[str]) -> str:
        name = next(name for i, name in enumerate(_NAMES) if found[f"_{i}"] is not None)
        return left + re.sub(name, _NAMES[name], found[0]) + right

    return _ANY.sub(mathematics, text)


def digits(number: float) -> str:
    """Print the number of a claim.

    Parameters
    ----------
    number : float
        The number.

    Returns
    -------
    str
        A whole number in full, any other to four digits.

    Examples
    --------
    >>> digits(41150.0), digits(0.123456)
    ('41150', '0.1235')
    """
    return f"{number:.4g}" if number % 1 else f"{number:.0f}"


def rounded(value: float, error: float) -> tuple[str, str]:
    """Print a number down to the first digit of its standard error.

    Parameters
    ----------
    value, error : float
        The number and its error.

    Returns
    -------
    tuple of str
        Both.

    Examples
    --------
    >>> rounded(3.14159, 0.012), rounded(16309.8, 9000.0)
    (('3.14', '0.01'), ('16,000', '9,000'))
    """
    place = -math.floor(math.log10(error))
    return tuple(f"{round(number, place):,.{max(place, 0)}f}" for number in (value, error))


def number(value: float | None, form: Form = "html", *, missing: str = "") -> str:
    r"""Print a number of a claim, a power of ten as mathematics that no line breaks.

    Parameters
    ----------
    value : float or None
        The number; see `digits`.
    form : {"html", "markdown"}
        See `typeset`.
    missing : str
        What stands for ``None``.

    Returns
    -------
    str
        The number.

    Examples
    --------
    >>> print(number(5.66e-9, "markdown"), number(-0.25), number(float("inf")))
    $5.66\times 10^{-9}$ −0.25 ∞
    """
    if value is None or math.isnan(value):
        return missing
    mantissa, _, exponent = digits(value).replace("inf", "∞").partition("e")
    if exponent:
        left, right = _MARKS[form]
        return rf"{left}{mantissa}\times 10^{{{int(exponent)}}}{right}"
    return mantissa.replace("-", "−")


def spread(ends: Sequence[float | None] | None, form: Form = "html") -> str:
    """Print an interval to three digits; nothing of none, and of no number.

    Examples
    --------
    >>> spread((0.45123, None)), spread((float("nan"), float("nan")))
    ('0.451 to ∞', '')
    """
    low, high = (ends or (math.nan, math.nan)) if ends != (None, None) else (-math.inf, math.inf)
    low, high = (-math.inf if low is None else low), (math.inf if high is None else high)
    if math.isnan(low) or math.isnan(high) or (low, high) == (-math.inf, math.inf):
        return ""
    return " to ".join(number(float(f"{end:.3g}"), form) for end in (low, high))


def cells(claim: Any, form: Form = "html") -> dict[str, str]:
    """Return what a table shows of a claim, or of what `prlib verify` holds of it.

    Returns
    -------
    dict
        By title of the column. The family of a joint claim is folded under its statement.
    """
    mark = '<span class="verdict {}">{}</span>'
    statement = typeset(escape(claim.statement), form).replace(
        "|", r"\|" if form == "markdown" else "|"
    )
    told = number(claim.number, form)
    interval = spread(claim.ends, form) if claim.ends and claim.ends[0] != claim.ends[1] else ""
    shown = (
        mark.format(claim.verdict.lower(), claim.verdict),
        statement + _family(claim.members, form),
        f"{told} ({interval})" if interval else told,
        typeset(escape(claim.quantity), form),
        spread((claim.low, claim.high), form),
        power(claim),
    )
    return dict(zip(TITLES, shown, strict=True))


def power(claim: Any) -> str:
    """Print the smallest effect that a claim would have seen, and the smallest that matters."""
    if claim.effect is None:
        return ""
    low, high = claim.ends or (None, None)
    seen = "" if low is None or high is None else f"{(high - low) / 2:.2g}"
    return f"{seen or '–'}, {number(claim.effect)}"


def _family(members: Iterable[Any], form: Form) -> str:
    rows = [
        f"<li>{one['verdict']} {typeset(escape(one['name']), form)}: "
        f"{number(one['number'], form)} ({spread(one['ends'], form)})</li>"
        for one in (member if isinstance(member, dict) else asdict(member) for member in members)
    ]
    if not rows:
        return ""
    return f"<details><summary>each</summary><ul>{''.join(rows)}</ul></details>"

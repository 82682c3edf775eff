"""A figure for a dark page: black and white change places, and colours stay what they are.

A filter over the whole picture cannot do both: what inverts lightness makes orange brown, and the
dark one of two oranges the light one.
"""

from __future__ import annotations

import colorsys
import re

GROUND = 0x12 / 255
"""Lightness of the page's own ground in the dark."""

GREY = 0.08
"""Difference between the largest and the least part of a colour up to which it is a grey."""

CONTRAST = 4.5
"""Contrast with the ground that a colour has at least; lighter it is made until it does."""

COLOUR = re.compile(rb'(?<=: )#[0-9a-f]{6}\b|(?<=fill=")#[0-9a-f]{6}(?=")')
"""Of a style, or of the ground of a hatch."""


def in_the_dark(svg: bytes) -> bytes:
    """Return the drawing in the colours of a dark page.

    Examples
    --------
    >>> in_the_dark(b'<svg a><path style="fill: #ffffff; stroke: #de8f05"/><rect fill="#ffffff"/>')
    b'<svg fill="#ffffff" a><path style="fill: #121212; stroke: #de8f05"/><rect fill="#121212"/>'
    """
    drawn = COLOUR.sub(lambda found: _dark(found[0].decode()).encode(), svg)
    # What names no colour is black. Maps are pixels, light where they say little.
    drawn = drawn.replace(b"<svg ", b'<svg fill="#ffffff" ', 1)
    return drawn.replace(b"<image ", b'<image style="filter: invert(.93) hue-rotate(180deg)" ')


def _dark(colour: str) -> str:
    parts = tuple(int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5))
    hue, lightness, saturation = colorsys.rgb_to_hls(*parts)
    if max(parts) - min(parts) < GREY:
        parts = (1 - (1 - GROUND) * lightness,) * 3
    while _luminance(parts) + 0.05 < CONTRAST * (_luminance((GROUND,) * 3) + 0.05) and (
        max(parts) - min(parts) >= GREY
    ):
        lightness += 0.01
        parts = colorsys.hls_to_rgb(hue, lightness, saturation)
    return "#" + "".join(f"{round(255 * part):02x}" for part in parts)


def _luminance(parts: tuple[float, ...]) -> float:
    linear = (x / 12.92 if x <= 0.04045 else ((x + 0.055) / 1.055) ** 2.4 for x in parts)
    return sum(share * x for share, x in zip((0.2126, 0.7152, 0.0722), linear, strict=True))

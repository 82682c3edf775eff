r"""Keep the places of formulas until they are typeset, so that no line moves then.

How wide a formula becomes is estimated from its TeX, by the widths of the letters in MathJax's
font, in units of the reader's own x-height, to which MathJax scales it.
"""

from __future__ import annotations

import html
import re
from typing import Any

from sphinx.application import Sphinx

INLINE = re.compile(
    r'([(\[“]*)<span class="math notranslate nohighlight">(\\\(.*?\\\))</span>([,.;:!?)\]”’]*)',
    re.DOTALL,
)
DISPLAY = re.compile(r'<div class="math notranslate nohighlight"([^>]*)>(.*?)</div>', re.DOTALL)
SIGN = re.compile(r"\\[A-Za-z]+|\\.|[^\s]", re.DOTALL)

EX = 0.431
"""Height of an x of MathJax's font, in em."""

SCRIPT, GAP = 0.707, 0.05
"""Size of an index, and the space after it."""

_TABLE = r"""
a 53 b 43 c 43 d 52 e 47 f 55 g 48 h 58 i 35 j 41 k 52 l 30 m 88 n 60 o 49 p 50 q 45 r 45 s 47
t 36 u 57 v 49 w 72 x 57 y 49 z 47 A 75 B 76 C 76 D 83 E 76 F 75 G 79 H 89 I 50 J 65 K 89 L 68
M 105 N 89 O 76 P 78 Q 79 R 76 S 67 T 70 U 79 V 77 W 105 X 85 Y 80 Z 76 ( 39 ) 39 [ 28 ] 28
| 28 . 28 : 28 ! 28 = 133 < 133 > 133 + 122 - 122 * 122 \sim 133 \approx 133 \le 133 \ge 133
\neq 133 \pm 122 \times 122 , 45 ; 45 ' 30 / 50 ~ 25 & 0 ^ 0 _ 0 { 0 } 0 \, 17 \! -17 \; 28
\quad 100 \qquad 200 \\ 0 \alpha 64 \mu 60 \chi 63 \lambda 58 \Sigma 72 \infty 100 \ell 42
\cdot 72 \log 144 \ln 100 \sqrt 85 \top 78 \to 156 \mapsto 156 \ll 156 \gg 156 \inf 156
\leftarrow 156 \vert 28 \mid 83 \max 211 \min 189 \tanh 227 \exp 170 \Delta 83 \lim 144
\epsilon 41 ŷ 49 \eta 50 \rho 52 \pi 57 \star 50 \ldots 117 \dots 117
\propto 133 \sum 160 \E 67
""".split()

WIDTHS = dict(zip(_TABLE[::2], map(int, _TABLE[1::2]), strict=True))
"""Widths in hundredths of an em; of a relation or an operator with the space around it."""

OTHER = 57
"""Width of a letter that is not listed."""

FRACTIONS, BAR = {r"\frac", r"\tfrac"}, 24
"""Fractions within a line, and how far their bar reaches beyond them."""

UPRIGHT = {r"\mathrm", r"\text", r"\operatorname"}
SILENT = {
    *(r"\hat", r"\tilde", r"\bar", r"\left", r"\right", r"\big", r"\Big", r"\mathbb", r"\bigl"),
    *(r"\bigr", r"\limits", r"\displaystyle"),
}

LOW, HIGH, ROW = 3.2, 5.0, 2.7
"""Heights of a displayed formula in em: of one line, with a fraction or a sum, a further line."""


def width(tex: str) -> float:
    r"""Estimate how wide a formula is, in x-heights of the text around it.

    Examples
    --------
    >>> round(width(r"N"), 1), round(width(r"\alpha_\mathrm{BBP}^\mathrm{init}"), 1)
    (2.1, 5.1)
    """
    signs = SIGN.findall(tex.removeprefix(r"\(").removesuffix(r"\)"))
    return _sum(signs) / 100 / EX


def _sum(signs: list[str], *, small: bool = False) -> float:
    total, rest, before = 0.0, signs, ""
    while rest:
        sign, rest = rest[0], rest[1:]
        if sign in "_^":
            one, rest = _group(rest)
            scripts = [SCRIPT * _sum(one, small=True)]
            if rest and rest[0] in "_^" and rest[0] != sign:
                one, rest = _group(rest[1:])
                scripts.append(SCRIPT * _sum(one, small=True))
            total += max(scripts) + 100 * GAP
        elif sign in FRACTIONS:
            above, rest = _group(rest)
            below, rest = _group(rest)
            total += SCRIPT * max(_sum(above, small=True), _sum(below, small=True)) + BAR
        elif sign in UPRIGHT:
            one, rest = _group(rest)
            total += sum(_upright(letter) for letter in one)
        elif sign not in SILENT:
            bare = sign in "=<>+-*" and (small or before in ("", "(", "[", "{", "=", ","))
            total += (
                (50 if sign == "*" else 78)
                if bare
                else 50
                if sign.isdigit()
                else WIDTHS.get(sign, OTHER)
            )
        before = sign
    return total


def _group(signs: list[str]) -> tuple[list[str], list[str]]:
    """Split off what an index or a font is about: a letter, a command with its own, or braces."""
    if signs and signs[0] in UPRIGHT | SILENT:
        inner, rest = _group(signs[1:])
        return [signs[0], "{", *inner, "}"], rest
    if not signs or signs[0] != "{":
        return signs[:1], signs[1:]
    depth = 0
    for place, sign in enumerate(signs):
        depth += (sign == "{") - (sign == "}")
        if depth == 0:
            return signs[1:place], signs[place + 1 :]
    return signs, []


def _upright(letter: str) -> float:
    if letter in "iljtfrsI":
        return {"i": 28, "l": 28, "j": 31, "t": 39, "f": 31, "r": 39, "s": 39, "I": 36}[letter]
    return 71 if letter.isupper() else 83 if letter in "mw" else 53


def height(tex: str) -> float:
    """Estimate how high a displayed formula is with its margins, in em."""
    rows = tex.count(r"\\") if r"\begin{aligned}" in tex else 0
    return (HIGH if re.search(r"\\(frac|sum|int)(?![A-Za-z])", tex) else LOW) + ROW * rows


def keep_places(
    _app: Sphinx, _page: str, _template: str, context: dict[str, Any], _tree: object
) -> None:
    """Give the formulas of a page their sizes, and keep them with their punctuation."""
    if "body" not in context:
        return
    body = INLINE.sub(
        lambda found: (
            f'<span class="whole">{found[1]}<span class="math notranslate nohighlight" '
            f'style="width:{width(html.unescape(found[2])):.1f}ex">{found[2]}</span>{found[3]}</span>'
        ),
        context["body"],
    )
    context["body"] = DISPLAY.sub(
        lambda found: (
            f'<div class="math notranslate nohighlight"{found[1]} '
            f'style="--high:{height(html.unescape(found[2])):.1f}em">{found[2]}</div>'
        ),
        body,
    )


def setup(app: Sphinx) -> dict[str, bool]:
    """Connect the above to the build."""
    app.connect("html-page-context", keep_places)
    return {"parallel_read_safe": True, "parallel_write_safe": True}

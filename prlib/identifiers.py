"""Text ids: ``name(number=0.01)`` for what has a name and numbers, and what reads them back."""

from __future__ import annotations

import ast

_DIGITS = 12
"""Significant digits that tell two numbers apart: 2.3000000000000003 is 2.3."""


def normalized(value: float) -> float:
    """Round a number to the digits that its text shows.

    Examples
    --------
    >>> normalized(2.3000000000000003)
    2.3
    """
    return float(number_text(value))


def number_text(value: float) -> str:
    """Return the shortest text of a number at twelve significant digits.

    Examples
    --------
    >>> number_text(100.0), number_text(0.1 + 0.2), number_text(1e-5)
    ('100', '0.3', '1e-05')
    """
    return f"{value:.{_DIGITS}g}"


def identifier(name: str, **numbers: float) -> str:
    """Write an id.

    Examples
    --------
    >>> identifier("flow", step=0.25), identifier("flow")
    ('flow(step=0.25)', 'flow')
    """
    inside = ", ".join(f"{key}={number_text(value)}" for key, value in numbers.items())
    return f"{name}({inside})" if inside else name


def read_identifier(text: str) -> tuple[str, tuple[object, ...], dict[str, object]]:
    """Take an id apart: its name, the values without a name, those with one.

    Raises
    ------
    ValueError
        If it is not of this form; the caller says what would be.

    Examples
    --------
    >>> read_identifier("flow(step=0.25)")
    ('flow', (), {'step': 0.25})
    >>> read_identifier("descent(1e-2)")
    ('descent', (0.01,), {})
    """
    try:
        tree = ast.parse(text.strip(), mode="eval").body
        if isinstance(tree, ast.Name):
            return tree.id, (), {}
        if isinstance(tree, ast.Call) and isinstance(tree.func, ast.Name):
            named = {str(word.arg): ast.literal_eval(word.value) for word in tree.keywords}
            if len(named) == len(tree.keywords) and "None" not in named:
                return tree.func.id, tuple(map(ast.literal_eval, tree.args)), named
    except (SyntaxError, ValueError, MemoryError, RecursionError):
        pass
    raise ValueError(f"{text!r} is no name with numbers, as in name(number=0.01)")

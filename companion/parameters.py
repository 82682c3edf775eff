"""The parameters of a notebook, declared in it: names, defaults, ranges and meanings.

A name of the library (``alpha``, ``n``) or its plural needs no more; of any other the metadata
say which it is like: ``"prlib": {"parameters": {"n_late": "n"}}``.
"""

from __future__ import annotations

import ast
import io
import tokenize
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from importlib import import_module
from typing import Any

import numpy as np

from prlib.parameters import PARAMETERS, Parameter, ParameterError, check_measurements

PLURALS = {"sizes": "n"}
"""Lists that are not called by their name and an s."""


def _text(name: str, accepts: str, module: str, read: str) -> Parameter:
    def valid(value: str) -> bool:
        # It raises a sentence of its own, with what there is to choose from.
        getattr(import_module(module), read)(value)
        return True

    return Parameter(name, "text", accepts, f"{accepts} of `prlib descend`", valid)


RULES = {
    **PARAMETERS,
    "factor": Parameter("factor", "number", "a finite number > 0", "a ratio", lambda v: v > 0),
    "loss": _text("loss", "a loss", "prlib.losses", "as_loss"),
    "scheme": _text("scheme", "a scheme", "prlib.schemes", "as_scheme"),
    "start": _text("start", "a start", "prlib.descent.starts", "as_start"),
}
"""What a parameter of a notebook may be like."""


@dataclass(frozen=True)
class NotebookParameter:
    """One parameter of a notebook: its default there, and the comment beside it.

    Attributes
    ----------
    type : str
        "number", "integer", "text" or "flag", or "list of" one of these.
    like : str
        The parameter of the library whose values it takes.
    """

    name: str
    type: str
    default: Any
    help: str
    like: str

    def check(self, value: object) -> Any:
        """Return the value in its own type, or raise a `ParameterError` that explains."""
        many = self.type.startswith("list")
        rule: Parameter = replace(RULES[self.like], name=self.name, help=self.help, many=many)
        found = rule.check(value)
        return list(found) if many else found

    def described(self) -> dict[str, Any]:
        """Return what a reader sees of it."""
        return {key: getattr(self, key) for key in ("name", "type", "default", "help")}


def declared(source: str, like: Mapping[str, str]) -> tuple[NotebookParameter, ...]:
    r"""Read the assignments of a parameters cell; `like` names the library's by the notebook's.

    Raises
    ------
    ParameterError
        If a name is none of the library's and nothing says which it is like.

    Examples
    --------
    >>> late, sizes = declared("n_late = 64  # the last\nsizes = [8, 16]", {"n_late": "n"})
    >>> late.type, late.help, sizes.type, sizes.help
    ('integer', 'the last', 'list of integer', 'dimension N')
    """
    comments = {
        token.start[0]: token.string.lstrip("# ")
        for token in tokenize.generate_tokens(io.StringIO(source).readline)
        if token.type == tokenize.COMMENT
    }
    found = []
    for statement in ast.parse(source).body:
        if not (isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Name)):
            continue
        name = statement.targets[0].id
        rule = RULES[_like(name, like)]
        default = ast.literal_eval(statement.value)
        kind = f"list of {rule.kind}" if isinstance(default, list) else rule.kind
        help_ = comments.get(statement.end_lineno or 0, rule.help)
        found.append(NotebookParameter(name, kind, default, help_, rule.name))
    return tuple(found)


def _like(name: str, like: Mapping[str, str]) -> str:
    named = like.get(name, name)
    for one in (named, PLURALS.get(named), named.removesuffix("s")):
        if one in RULES:
            return one
    raise ParameterError(
        f"parameter {name!r}: its metadata must say which parameter it is like, as "
        f'"prlib": {{"parameters": {{"{name}": "alpha"}}}}; there are {", ".join(RULES)}'
    )


def checked(parameters: Iterable[NotebookParameter], values: Mapping[str, Any]) -> dict[str, Any]:
    """Check values that replace some defaults; return them in their own types.

    Raises
    ------
    ParameterError
        In one line: an unknown name, a wrong type, a value out of range.
    """
    known = {parameter.name: parameter for parameter in parameters}
    for unknown in values.keys() - known.keys():
        raise ParameterError(
            f"parameter {unknown!r}: the notebook has none of that name; it has " + ", ".join(known)
        )
    found = {name: known[name].check(value) for name, value in values.items()}
    _check_sizes(known, found)
    return found


def _check_sizes(known: Mapping[str, NotebookParameter], values: Mapping[str, Any]) -> None:
    # The smallest size and the smallest alpha must leave a measurement.
    def smallest(like: str) -> float:
        chosen = [
            values.get(parameter.name, parameter.default)
            for parameter in known.values()
            if parameter.like == like
        ]
        return min((np.min(value) for value in chosen if np.size(value)), default=np.inf)

    n, alpha = smallest("n"), smallest("alpha")
    if np.isfinite(n) and np.isfinite(alpha):
        check_measurements(int(n), float(alpha))

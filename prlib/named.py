"""Families of named things with numbers whose ids read back: losses, schemes, channels, sensing."""

from __future__ import annotations

import re
from abc import ABC
from dataclasses import MISSING, fields
from functools import cached_property
from typing import Any, ClassVar, Self
from weakref import WeakSet

from prlib.identifiers import identifier, normalized, read_identifier
from prlib.parameters import PARAMETERS, ParameterError, number_above_zero

_copies: WeakSet[type[Named]] = WeakSet()
"""Classes that unpickling made of those of another process."""


class Named(ABC):
    """A frozen dataclass of numbers that enters its family by its name.

    A family is a direct subclass, ``class Channel(Named, family="channel")``; its subclasses are
    its members, each by the words of its class's name or by ``name=``.

    Attributes
    ----------
    family : str
        What messages, options and columns call one of the family.
    members : dict
        The classes of the family by name, those of a reader's own too once they are defined.
    name : str
        Its name in ids.
    """

    family: ClassVar[str]
    members: ClassVar[dict[str, type[Self]]]
    name: ClassVar[str]

    def __init_subclass__(
        cls, *, family: str | None = None, name: str | None = None, **kwargs: Any
    ) -> None:
        """Begin a family, or enter one: a copy from another process replaces no original."""
        super().__init_subclass__(**kwargs)
        if family is not None:
            cls.family, cls.members = family, {}
            return
        words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", cls.__name__).lower()
        cls.name = name or cls.__dict__.get("name", words)
        taken = cls.members.get(cls.name)
        if taken and taken.__module__.startswith("prlib.") and cls.__module__ != taken.__module__:
            raise ParameterError(
                f"name = {cls.name!r}: prlib has a {cls.family} of that name already"
            )
        if vars(cls).keys() <= {"__module__", "__doc__", "name"}:  # it is filled in later
            _copies.add(cls)
            if taken and taken not in _copies:
                return
        cls.members[cls.name] = cls

    def __post_init__(self) -> None:
        """Check the numbers, and round them to what `id` tells."""
        for field in fields(self):
            accepted = PARAMETERS.get(field.name, number_above_zero(field.name, f"of {self.name}"))
            object.__setattr__(
                self, field.name, normalized(accepted.check(getattr(self, field.name)))
            )

    @cached_property
    def id(self) -> str:
        """Text that `read` takes back to an equal one; numbers at their default are left out."""
        numbers = {f.name: (getattr(self, f.name), f.default) for f in fields(self)}
        told = {name: value for name, (value, default) in numbers.items() if value != default}
        return identifier(self.name, **told)

    def __str__(self) -> str:
        return self.id

    @classmethod
    def read(cls, value: Any) -> Self:
        """Return what an id of the family stands for; one of the family stands for itself.

        Raises
        ------
        ParameterError
            If there is no such name, or its numbers are not accepted.
        """
        if isinstance(value, cls):
            return value
        try:
            name, numbers, named = read_identifier(value)
            form = cls.members[name]
        except (AttributeError, KeyError, ValueError):
            accepted = ", ".join(map(_form, cls.members.values()))
            raise ParameterError(f"{cls.family} = {value!r}: must be one of {accepted}") from None
        known = [field.name for field in fields(form)]
        needed = {field.name for field in fields(form) if field.default is MISSING}
        given = dict(zip(known, numbers, strict=False)) | named
        clash = len(given) < len(numbers) + len(named)
        if clash or not needed <= given.keys() <= {*known}:
            raise ParameterError(f"{cls.family} = {value!r}: must be given as {_form(form)}")
        try:
            return form(**given)
        except ParameterError as error:
            raise ParameterError(f"{cls.family} = {value!r}: {error}") from None


def _form(form: type[Named]) -> str:
    numbers = ", ".join(f"{field.name}=..." for field in fields(form))
    return form.name + (numbers and f"({numbers})")

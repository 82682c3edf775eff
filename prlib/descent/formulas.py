"""The compiled form of a loss, which is never older than the formulas.

What the formulas refer to (constants, helpers however deep, what closures and defaults hold) is
looked up when a descent begins, and enters a digest. A form that was compiled for another digest is
never used again, nor is one kept for formulas that cannot be digested.
"""

from __future__ import annotations

import dis
import hashlib
import numbers
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from types import BuiltinFunctionType, CellType, CodeType, FunctionType, ModuleType
from typing import Any

import numpy as np
from numba import cfunc, jit, types
from numba.core.errors import NumbaError
from numba.extending import register_jitable
from numba.np.unsafe.ndarray import to_fixed_tuple

from prlib.compiled import cached, digest, renamed
from prlib.descent.products import MATH
from prlib.losses import Loss
from prlib.parameters import ParameterError

_KNOWN = {"builtins", "cmath", "math", "numba", "numpy", "operator", "scipy"}
"""Packages whose functions are what their names say, at the version that is installed."""

_forms: dict[tuple, Any] = {}
_l = _dl = _d2l = None
_COUNT = 0


def _block(y, yhat, parameters, residual, curvature, sums):
    """Fill residual and curvature; add the loss, and residual times field with sign and without."""
    p = to_fixed_tuple(parameters, _COUNT)
    energy = along = rounding = 0.0
    for i in range(len(y)):
        r = _dl(y[i], yhat[i], *p)
        residual[i] = r
        curvature[i] = _d2l(y[i], yhat[i], *p)
        energy += _l(y[i], yhat[i], *p)
        along += r * yhat[i]
        rounding += abs(r * yhat[i])
    sums[0] += energy
    sums[1] += along
    sums[2] += rounding


def block_function(loss: type[Loss], count: int, dtype: np.dtype) -> Any:
    """Compile a loss over a block of measurements of one descent.

    Parameters
    ----------
    loss : type
        A subclass of `Loss`.
    count : int
        How many parameters its formulas take.
    dtype : dtype
        float32 or float64.

    Returns
    -------
    numba cfunc
        ``(y, yhat, parameters, residual, curvature, sums)``, see `_block`.

    Raises
    ------
    ParameterError
        If the formulas cannot be compiled.
    """
    frozen = _Frozen()
    formulas = [frozen.function(getattr(loss, name)) for name in ("l", "dl", "d2l")]
    key = (frozen.digest, count, dtype)
    if frozen.digest is not None and key in _forms:
        return _forms[key]
    for function in frozen.functions:
        register_jitable(function)
    names = dict(zip(("_l", "_dl", "_d2l"), formulas, strict=True), _COUNT=count)
    word = digest(str(frozen.digest), str(count), dtype.name)
    form = renamed(_block, f"block_{loss.name}_{dtype.name}_{word}", **names)
    number = types.float32 if dtype == np.float32 else types.float64
    row = types.Array(number, 1, "C")
    signature = types.void(row, row, row, row, row, types.float64[::1])
    make = partial(cfunc, signature, nopython=True, error_model="numpy", fastmath=MATH)
    try:
        if frozen.digest is None:
            return make(cache=False)(form)
        _forms[key] = cached(lambda *, keep: make(cache=keep)(form))
    except NumbaError as error:
        reason = next(line for line in str(error).splitlines()[1:] if line.strip())
        raise ParameterError(
            f"loss = {loss.name}: its formulas must be arithmetic that Numba compiles ({reason})"
        ) from None
    return _forms[key]


def digest_of_formulas(kind: type, names: Sequence[str]) -> str | None:
    """Return what stands for the formulas of a class; ``None`` if it cannot be told."""
    frozen = _Frozen()
    for name in names:
        frozen.function(getattr(kind, name))
    return frozen.digest


@dataclass
class _Frozen:
    """Copies of functions that refer to copies of all that they refer to, and a digest of it."""

    words: list[str] = field(default_factory=list)
    functions: list[FunctionType] = field(default_factory=list)
    digestible: bool = True
    _seen: dict[int, Any] = field(default_factory=dict)

    @property
    def digest(self) -> str | None:
        """What stands for the contents; ``None`` if something in them cannot be told."""
        return digest(*self.words) if self.digestible else None

    def function(self, function: Any) -> Any:
        """Freeze a function, plain or compiled by Numba."""
        if hasattr(function, "py_func"):
            options = {k: v for k, v in function.targetoptions.items() if k != "cache"}
            self.words.append(repr(sorted(options.items())))
            copy = self.function(function.py_func)
            self.functions.remove(copy)
            return jit(**options)(copy)
        if not isinstance(function, FunctionType):
            return self.other(function)
        code = function.__code__
        names: dict[str, Any] = {"__builtins__": __builtins__, "__name__": function.__module__}
        closure = tuple(CellType() for _ in code.co_freevars)
        copy = FunctionType(code, names, function.__name__, function.__defaults__, closure)
        copy.__kwdefaults__ = function.__kwdefaults__
        self._seen[id(function)] = copy
        self.functions.append(copy)
        self.words.append(repr(_code_words(code)))
        for default in (*(function.__defaults__ or ()), *(function.__kwdefaults__ or {}).values()):
            self.value(default, code)
        for name in sorted(set(_global_names(code))):
            if name in function.__globals__:
                self.words.append(name)
                names[name] = self.value(function.__globals__[name], code)
        for cell, mine in zip(function.__closure__ or (), closure, strict=True):
            mine.cell_contents = self.value(cell.cell_contents, code)
        return copy

    def value(self, value: Any, code: CodeType) -> Any:
        """Freeze what a function refers to by a name."""
        if id(value) in self._seen:
            self.words.append("again")
            return self._seen[id(value)]
        if _is_known(value):
            self.words.append(f"{_home(value)}.{getattr(value, '__name__', value)}")
            return value
        if isinstance(value, FunctionType) or hasattr(value, "py_func"):
            return self.function(value)
        if isinstance(value, ModuleType):
            copy = self._seen[id(value)] = ModuleType(value.__name__)
            for name in sorted(_all_names(code)):
                if hasattr(value, name):
                    self.words.append(name)
                    setattr(copy, name, self.value(getattr(value, name), code))
            return copy
        return self.other(value)

    def other(self, value: Any) -> Any:
        """Freeze a constant."""
        if isinstance(value, tuple):
            self.words.append(f"{type(value).__name__} {len(value)}")
            for one in value:
                self.other(one)
        elif isinstance(value, np.ndarray) and not value.dtype.hasobject:
            content = hashlib.sha256(np.ascontiguousarray(value).tobytes()).hexdigest()
            self.words.append(f"{value.dtype} {value.shape} {content}")
        elif value is None or isinstance(value, (numbers.Number, str, bytes)):
            self.words.append(f"{type(value).__name__} {value!r}")
        else:
            self.digestible = False
        return value


def _home(value: Any) -> str:
    if isinstance(value, ModuleType):
        return value.__name__
    if isinstance(value, np.ufunc):
        return "numpy"
    named = isinstance(value, (type, FunctionType, BuiltinFunctionType)) or callable(value)
    return str(getattr(value, "__module__", "")) if named else ""


def _is_known(value: Any) -> bool:
    return _home(value).split(".")[0] in _KNOWN and not hasattr(value, "py_func")


def _codes(code: CodeType) -> Iterator[CodeType]:
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _codes(constant)


def _global_names(code: CodeType) -> Iterator[str]:
    for one in _codes(code):
        for step in dis.get_instructions(one):
            if step.opname in {"LOAD_GLOBAL", "LOAD_NAME"}:
                yield step.argval


def _all_names(code: CodeType) -> set[str]:
    return {name for one in _codes(code) for name in one.co_names}


def _code_words(code: CodeType) -> tuple:
    constants = [_code_words(c) if isinstance(c, CodeType) else repr(c) for c in code.co_consts]
    names = (code.co_names, code.co_varnames, code.co_freevars)
    return code.co_code.hex(), constants, names, code.co_argcount, code.co_flags

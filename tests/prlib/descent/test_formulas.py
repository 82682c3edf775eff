"""A loss of one's own: compiled from five lines, and never older than they are."""

import importlib
import sys
from dataclasses import dataclass
from types import ModuleType

import numpy as np
import pytest
from numba import njit

import prlib
from prlib.descent.formulas import _Frozen, block_function
from prlib.losses import LOSSES, Loss
from prlib.parameters import ParameterError

MODULE = """
from dataclasses import dataclass
import numpy as np
from prlib.losses import Loss
import {name}_helpers as helpers

@dataclass(frozen=True)
class Scaled(Loss, name="{name}"):
    a: float
    l = staticmethod(lambda y, yhat, a: helpers.scaled((yhat**2 - y**2) ** 2 / (4 * (a + y**2))))
    dl = staticmethod(lambda y, yhat, a: helpers.scaled(yhat * (yhat**2 - y**2) / (a + y**2)))
    d2l = staticmethod(lambda y, yhat, a: helpers.scaled((3 * yhat**2 - y**2) / (a + y**2)))
    curvature_floor = -1.0
"""
HELPERS = """
SCALE = {scale}
def deeper(x):
    return SCALE * x
def scaled(x):
    return deeper(x)
"""


@pytest.fixture
def own(tmp_path, monkeypatch):
    """Import a loss whose scale is a constant two calls below its formulas, in another file."""
    monkeypatch.syspath_prepend(tmp_path)
    names = []

    def written(name, scale):
        (tmp_path / f"{name}.py").write_text(MODULE.replace("{name}", name))
        (tmp_path / f"{name}_helpers.py").write_text(HELPERS.format(scale=scale))
        importlib.invalidate_caches()
        names.append(name)
        return importlib.import_module(name).Scaled

    yield written
    for name in names:
        LOSSES.pop(name, None)
        for module in (name, f"{name}_helpers"):
            sys.modules.pop(module, None)


def end_of(loss):
    return prlib.descend(loss, 3.0, 32, time=0.2, seed=1, dtype="float64")


def test_a_changed_constant_of_a_helper_compiles_the_loss_again(own):
    loss = own("scaled_own", 1.0)(0.5)
    before, paper = end_of(loss), end_of(0.5)
    # The same formula, so the same descent to rounding.
    assert before.energy == pytest.approx(paper.energy, rel=1e-9)
    sys.modules["scaled_own_helpers"].SCALE = 2.0
    after = end_of(loss)
    # Twice the loss is twice the time.
    longer = prlib.descend(0.5, 3.0, 32, time=0.4, seed=1, dtype="float64", scheme="flow(step=1)")
    assert after.energy == pytest.approx(2 * longer.energy, rel=1e-9)
    sys.modules["scaled_own_helpers"].SCALE = 1.0
    assert end_of(loss) == before


def test_an_own_loss_descends_in_five_lines():
    @dataclass(frozen=True)
    class Quartic(Loss, name="quartic_of_this_test"):
        l = staticmethod(lambda y, yhat: (yhat**2 - y**2) ** 2 / 4)
        dl = staticmethod(lambda y, yhat: yhat * (yhat**2 - y**2))
        d2l = staticmethod(lambda y, yhat: 3 * yhat**2 - y**2)
        curvature_floor = -np.inf

    found, same = (
        prlib.descend(loss, 6.0, 40, time=50.0, seed=3, dtype="float64")
        for loss in ("quartic_of_this_test", None)
    )
    del LOSSES["quartic_of_this_test"]
    assert (found.recovered, found.stopped_by) == (True, "recovered")
    assert found.steps == same.steps
    assert found.energy == pytest.approx(same.energy, rel=1e-6)


# --- what a digest sees ---------------------------------------------------------------------------


def digest(function):
    frozen = _Frozen()
    frozen.function(function)
    return frozen.digest


def compiled_from(source, **names):
    names = {"np": np, **names}
    exec(source, names)  # noqa: S102
    return names["f"]


MODULES = [ModuleType("own_constants") for _ in range(2)]
MODULES[0].C, MODULES[1].C = 1.0, 2.0


@pytest.mark.parametrize(
    ("source", "one", "other"),
    [
        ("def f(x): return C * x", {"C": 1.0}, {"C": 2.0}),
        ("def f(x): return C * x", {"C": 1.0}, {"C": np.float32(1.0)}),
        ("def f(x): return C * x", {"C": 1.0}, {"C": 1}),
        ("def f(x): return C[0] * x", {"C": (1.0, 2.0)}, {"C": (1.0, 3.0)}),
        ("def f(x): return C[0] * x", {"C": np.zeros(3)}, {"C": np.ones(3)}),
        ("def f(x): return m.C * x", {"m": MODULES[0]}, {"m": MODULES[1]}),
        ("def f(x, c=1.0): return c * x", None, "def f(x, c=2.0): return c * x"),
        ("def f(x): return 1.0 * x", None, "def f(x): return 2.0 * x"),
        ("def f(x): return np.sin(x)", None, "def f(x): return np.cos(x)"),
        ("def g(x): return C * x\ndef f(x): return g(x)", {"C": 1.0}, {"C": 2.0}),
        (
            "def h(x): return C * x\ndef g(x): return h(x)\ndef f(x): return g(x)",
            {"C": 1.0},
            {"C": 2.0},
        ),
        ("@njit\ndef g(x): return C * x\ndef f(x): return g(x)", {"C": 1.0}, {"C": 2.0}),
        ("def f(x): return sum([C * x for _ in range(2)])", {"C": 1.0}, {"C": 2.0}),
        ("def of(c):\n  def f(x): return c * x\n  return f\nf = of(C)", {"C": 1.0}, {"C": 2.0}),
    ],
)
def test_what_formulas_refer_to_enters_the_digest(source, one, other):
    names = one or {}
    second = (other, names) if isinstance(other, str) else (source, other)
    first = digest(compiled_from(source, njit=njit, **names))
    assert first is not None
    assert first == digest(compiled_from(source, njit=njit, **names))
    assert first != digest(compiled_from(second[0], njit=njit, **second[1]))


def test_what_cannot_be_told_is_not_kept():
    assert digest(compiled_from("def f(x): return C[0] * x", C=[1.0])) is None
    assert digest(compiled_from("def f(x): return C.scale * x", C=object())) is None


def test_a_form_is_made_once():
    loss = LOSSES["normalized"]
    one, two = (block_function(loss, 1, np.dtype(np.float64)) for _ in range(2))
    assert one is two


def test_formulas_that_do_not_compile_are_refused_in_a_line():
    @dataclass(frozen=True)
    class Wordy(Loss, name="wordy_of_this_test"):
        l = dl = d2l = staticmethod(lambda y, yhat: f"{y}{yhat}".join("ab"))
        curvature_floor = -1.0

    with pytest.raises(ParameterError, match="must be arithmetic that Numba compiles") as refusal:
        prlib.descend(Wordy(), 3.0, 16, time=0.1)
    del LOSSES["wordy_of_this_test"]
    assert "\n" not in str(refusal.value)

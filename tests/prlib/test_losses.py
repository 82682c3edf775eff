"""What every loss must be: smooth, even, with the derivatives it claims, and compilable."""

import math
import subprocess
import sys

import numpy as np
import pytest
from numba import njit

from prlib.losses import (
    Amplitude,
    Intensity,
    Loss,
    NormalizedIntensity,
    Poisson,
    PseudoHuber,
    as_loss,
    takes_loss,
)

LOSSES = [
    NormalizedIntensity(0.01),
    NormalizedIntensity(1.0),
    NormalizedIntensity(100.0),
    Intensity(),
    Amplitude(0.2),
    Poisson(0.3),
    PseudoHuber(2.0),
]

every_loss = pytest.mark.parametrize("loss", LOSSES, ids=repr)


def pairs() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(1)
    return rng.normal(size=400), rng.normal(size=400)


@every_loss
@pytest.mark.parametrize(
    ("function", "derivative"), [("value", "derivative"), ("derivative", "curvature")]
)
def test_derivatives_are_those_of_the_loss(loss, function, derivative):
    y, yhat = pairs()
    # Complex steps have no rounding error to balance; losses are analytic in ŷ.
    step = 1e-30
    found = getattr(loss, function)(y, yhat + 1j * step).imag / step
    expected = getattr(loss, derivative)(y, yhat)
    assert found == pytest.approx(expected, rel=1e-11, abs=1e-11 * np.abs(expected).max())


@every_loss
def test_is_even_in_label_and_field(loss):
    y, yhat = pairs()
    for sign_y, sign_yhat in ((-1, 1), (1, -1), (-1, -1)):
        there = (sign_y * y, sign_yhat * yhat)
        assert np.array_equal(loss.value(*there), loss.value(y, yhat))
        assert np.array_equal(loss.derivative(*there), sign_yhat * loss.derivative(y, yhat))
        assert np.array_equal(loss.curvature(*there), loss.curvature(y, yhat))


@every_loss
def test_is_least_where_the_field_is_the_label(loss):
    y, yhat = pairs()
    assert np.all(loss.value(y, yhat) >= 0)
    assert loss.value(y, y) == pytest.approx(0, abs=1e-15)
    assert loss.derivative(y, y) == pytest.approx(0, abs=1e-14)


@every_loss
def test_curvature_stays_above_its_floor_and_comes_close(loss):
    y, yhat = np.meshgrid(
        np.geomspace(1e-3, 1e3, 121), np.append(0.0, np.geomspace(1e-4, 1e3, 141))
    )
    lowest = loss.curvature(y, yhat).min()
    if loss.curvature_floor == -math.inf:
        assert lowest < -1e4
    else:
        assert loss.curvature_floor - 1e-12 <= lowest < 0.99 * loss.curvature_floor


@every_loss
def test_formulas_compile_and_agree_with_numpy(loss):
    y, yhat = 0.7, 1.3
    for formula in ("l", "dl", "d2l"):
        compiled = njit(getattr(type(loss), formula))
        assert compiled(y, yhat, *loss.parameters) == pytest.approx(
            getattr(loss, formula)(y, yhat, *loss.parameters), rel=1e-14
        )


@every_loss
@pytest.mark.parametrize("chi", [0.05, 0.7, 20.0])
def test_the_jump_is_the_best_field_at_zero(loss, chi):
    y = np.linspace(0.05, 4, 60)
    grid = np.linspace(0, 6, 60001)
    cost = loss.value(y[:, None], grid) + grid**2 / (2 * chi)
    best = grid[np.argmin(cost, axis=1)]
    # The cost is flat where the jump starts: a grid of spacing s sees a root r only if r^2 > s^2.
    assert loss.jump(y, chi) == pytest.approx(best, abs=2e-4)


@every_loss
def test_closed_form_of_the_jump_agrees_with_the_root_search(loss):
    y = np.linspace(0.1, 6, 50)
    for chi in (0.2, 1.5, 30.0):
        # Of squares: where a jump starts the root of a rounding error is no longer small.
        assert loss.jump(y, chi) ** 2 == pytest.approx(Loss.jump(loss, y, chi) ** 2, abs=1e-13)


def test_pseudo_huber_tends_to_the_intensity_loss():
    y, yhat = pairs()
    # The first correction is r^4/(16 delta^2).
    delta = 1e4
    bound = (yhat**2 - y**2).max() ** 4 / (16 * delta**2) * 2
    assert PseudoHuber(delta).value(y, yhat) == pytest.approx(Intensity().value(y, yhat), abs=bound)


def test_a_none_is_the_unnormalised_loss():
    assert as_loss(None) == Intensity()
    y, yhat = pairs()
    a = 1e9
    assert a * as_loss(a).value(y, yhat) == pytest.approx(
        Intensity().value(y, yhat), rel=(y**2).max() / a * 2
    )


@pytest.mark.parametrize(
    ("make", "name"),
    [
        (NormalizedIntensity, "a"),
        (Amplitude, "smoothing"),
        (Poisson, "background"),
        (PseudoHuber, "delta"),
    ],
)
@pytest.mark.parametrize("value", [0.0, -1.0, math.inf, math.nan, "1"])
def test_a_bad_parameter_is_named(make, name, value):
    with pytest.raises(ValueError, match=rf"^{name} = .*must be a finite number > 0"):
        make(value)


def test_a_loss_that_falls_for_ever_has_no_jump():
    class Falling(Intensity):
        @staticmethod
        def dl(y, yhat):
            return -yhat * (1 + y * y)

    with pytest.raises(ValueError, match="must be positive at large fields"):
        Loss.jump(Falling(), np.array([1.0]), 10.0)


@every_loss
def test_a_loss_reads_back_from_its_id(loss):
    assert as_loss(loss.id) == loss
    assert as_loss(loss) is loss


def test_the_numbers_of_a_loss_need_no_names():
    assert as_loss("amplitude(0.3)") == Amplitude(0.3)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("huber", "must be one of amplitude"),
        ("normalized", r"must be given as normalized\(a=...\)"),
        ("normalized(b=1)", r"must be given as normalized\(a=...\)"),
        ("normalized(a=-1)", "a = -1: must be a finite number > 0"),
        ("normalized(0.01, 0.02)", r"must be given as normalized\(a=...\)"),
        ("normalized(0.01, a=0.02)", r"must be given as normalized\(a=...\)"),
        ("__import__('os')", "must be one of"),
    ],
)
def test_a_text_that_names_no_loss_is_refused(text, message):
    with pytest.raises(ValueError, match=message):
        as_loss(text)


def test_a_number_is_what_its_id_says():
    assert NormalizedIntensity(0.1 + 0.2) == NormalizedIntensity(0.3)
    assert NormalizedIntensity(2.3000000000000003).id == "normalized(a=2.3)"


def test_a_function_takes_a_loss_in_any_form():
    @takes_loss
    def named(loss, alpha=1.0):
        return loss.id, alpha

    forms = [named(0.01, 2.0), named("normalized(a=0.01)", alpha=2.0), named(a=0.01, alpha=2.0)]
    assert {*forms, named(loss=NormalizedIntensity(0.01), alpha=2.0)} == {forms[0]}
    assert named(a=None)[0] == named(Intensity())[0] == "unnormalized"
    for arguments, options in (((), {}), ((0.01,), {"a": 1.0}), ((), {"a": 1.0, "loss": 2.0})):
        with pytest.raises(ValueError, match="must be given once"):
            named(*arguments, **options)


def test_a_name_of_prlib_is_not_taken():
    with pytest.raises(ValueError, match="has a loss of that name"):

        class Poisson(Loss):
            pass


OWN = """
import sys
from dataclasses import dataclass
from pathlib import Path
import cloudpickle
from prlib.losses import LOSSES, Intensity, as_loss

@dataclass(frozen=True)
class Own(Intensity):
    scale = 0.5

if sys.argv[1] == "write":
    Path(sys.argv[2]).write_bytes(cloudpickle.dumps(Own()))
else:
    copy = cloudpickle.loads(Path(sys.argv[2]).read_bytes())
    assert type(copy) is not Own and copy.scale == 0.5
    assert LOSSES["own"] is Own and as_loss(copy.id) == Own()
    first = Own

    @dataclass(frozen=True)
    class Own(Intensity):
        scale = 0.25

    assert LOSSES["own"] is Own is not first
"""


def test_a_copy_from_another_process_does_not_replace_a_loss_and_a_new_definition_does(tmp_path):
    program = tmp_path / "program.py"
    program.write_text(OWN)
    for verb in ("write", "read"):
        subprocess.run([sys.executable, str(program), verb, str(tmp_path / "own")], check=True)

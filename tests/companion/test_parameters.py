"""What a notebook declares, and what a reader may set."""

import pytest

from companion.parameters import checked, declared
from prlib.parameters import ParameterError

CELL = """
a = 0.01  # normalisation of the loss
alphas_control_large = [2.0, 3.0]  # alphas of the control
n_late = 64  # a late size
starts = ["random"]
seed = 1
"""
LIKE = {"alphas_control_large": "alpha", "n_late": "n"}


def test_a_parameter_is_like_one_of_the_library_or_its_plural():
    found = {parameter.name: parameter for parameter in declared(CELL, LIKE)}
    assert found["alphas_control_large"].type == "list of number"
    assert found["n_late"].type == "integer"
    assert found["starts"].type == "list of text"
    assert found["n_late"].help == "a late size"
    assert found["seed"].help == "seed of the random numbers"


def test_an_undeclared_name_is_refused_in_a_line_that_shows_how():
    with pytest.raises(ParameterError, match="parameter 'n_late': its metadata must say") as told:
        declared(CELL, {"alphas_control_large": "alpha"})
    assert "\n" not in str(told.value)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"beta": 1}, "'beta': the notebook has none of that name; it has a, alphas_control_large"),
        (
            {"alphas_control_large": 2.0},
            "alphas_control_large = 2.0: must be a list, each a finite",
        ),
        ({"alphas_control_large": []}, "must be a list"),
        ({"n_late": 1}, "n_late = 1: must be a whole number >= 2"),
        ({"n_late": True}, "n_late = True"),
        ({"starts": ["random", "x"]}, "start = 'x': must be one of random"),
        ({"n_late": 2, "alphas_control_large": [0.1]}, "M = 0 measurements"),
    ],
)
def test_a_bad_value_is_refused(values, words):
    with pytest.raises(ParameterError) as told:
        checked(declared(CELL, LIKE), values)
    assert words in str(told.value)


def test_good_values_come_back_in_their_own_types():
    found = checked(declared(CELL, LIKE), {"alphas_control_large": (3,), "n_late": 1e2})
    assert found == {"alphas_control_large": [3.0], "n_late": 100}
    assert type(found["n_late"]) is int

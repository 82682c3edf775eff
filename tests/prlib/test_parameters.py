"""What a bad parameter is told."""

import math
from dataclasses import replace

import pytest

from prlib.parameters import PARAMETERS, ParameterError, check, check_measurements


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("a", 0),
        ("a", -1.0),
        ("alpha", 0),
        ("alpha", math.nan),
        ("alpha", math.inf),
        ("alpha", "3"),
        ("alpha", True),
        ("alpha", [1.0, 2.0]),
        ("n", 1),
        ("n", 2.5),
        ("n", None),
        ("seed", -1),
        ("replicas", 0),
    ],
)
def test_a_bad_value_is_one_line_that_names_it_and_what_is_accepted(name, value):
    with pytest.raises(ParameterError) as refusal:
        check(name, value)
    message = str(refusal.value)
    assert message.startswith(f"{name} = ")
    assert "must be" in message
    assert PARAMETERS[name].accepts in message
    assert "\n" not in message


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("alpha", 3, 3.0),
        ("n", 1e3, 1000),
    ],
)
def test_a_good_value_comes_back_in_its_own_type(name, value, expected):
    found = check(name, value)
    assert found == expected
    assert type(found) is type(expected)


def test_a_list_takes_values_of_the_one_and_not_none():
    sizes = replace(PARAMETERS["n"], name="sizes", many=True)
    assert sizes.check([100, 2e2]) == (100, 200)
    for value in (100, [], [100, 1], "100"):
        with pytest.raises(
            ParameterError, match=r"sizes = .*: must be a list, each a whole number"
        ):
            sizes.check(value)


def test_a_long_value_is_cut_short_in_the_message():
    with pytest.raises(ParameterError) as refusal:
        check("alpha", list(range(1000)))
    assert len(str(refusal.value)) < 200


def test_measurements_are_the_nearest_whole_number():
    assert check_measurements(10, 0.26) == 3
    with pytest.raises(ParameterError, match="n >= 6 at this alpha"):
        check_measurements(5, 0.1)
    assert check_measurements(6, 0.1) == 1


def test_a_whole_number_that_nothing_holds_is_refused_in_words():
    with pytest.raises(ParameterError, match=r"n = 9+\.\.\.: must be .* and < 2\*\*63"):
        check("n", int("9" * 400))
    with pytest.raises(ParameterError, match=r"n = 2, alpha = 1e\+308: give .* measurements"):
        check_measurements(2, 1e308)

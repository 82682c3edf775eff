"""Verdicts: each can say FAIL."""

import math

import pytest

from companion.claims import agrees, evidence, rate_agrees, rises, wilson, within


def test_each_kind_of_claim_can_fail():
    assert within("x", "x", 2.0, 0.0, 1.0).verdict == "FAIL"
    assert agrees("x", "x", 1.0, 0.1, 0.5).verdict == "FAIL"
    assert rises("x", "x", -1.0, 0.1).verdict == "FAIL"
    assert rate_agrees("x", "x", 50, 50, 0.0, 0.1).verdict == "FAIL"


def test_nan_is_never_a_pass():
    assert within("x", "x", math.nan, 0.0, 1.0).verdict == "FAIL"
    assert agrees("x", "x", math.nan, 0.1, 0.5).verdict == "FAIL"
    assert rises("x", "x", math.nan, 0.1).verdict != "PASS"


def test_few_runs_leave_a_difference_open():
    assert rises("x", "x", 0.1, 0.1).verdict == "OPEN"


def test_the_verdict_line_leaves_the_simulated_number_out():
    line = str(agrees("mean", "the mean is 0.5", 0.512345, 0.1, 0.5))
    assert line == "PASS  mean: the mean is 0.5"


def test_wilson_stays_within_zero_and_one():
    assert wilson(0, 10)[0] == pytest.approx(0, abs=1e-12)
    assert wilson(10, 10)[1] == pytest.approx(1, abs=1e-12)


def test_the_evidence_has_a_row_a_claim():
    table = evidence([within("x", "one", 1.0, 0.0, 2.0), within("y", "two", 3.0, 0.0, 2.0)]).table()
    assert list(table["verdict"]) == ["PASS", "FAIL"]


def test_a_rate_passes_inside_the_interval_that_its_claim_shows():
    claims = [rate_agrees("x", "x", successes, 40, 0.4, 0.6) for successes in range(41)]
    low, high = claims[0].low, claims[0].high
    assert low < 0.4
    assert high > 0.6
    assert all((claim.verdict == "PASS") == (low <= claim.number <= high) for claim in claims)
    assert rate_agrees("x", "x", 20, 40, math.nan, math.nan).verdict == "FAIL"

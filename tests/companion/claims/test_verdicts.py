"""Verdicts: each kind can say FAIL, and none speaks without evidence."""

import math

import pytest

from companion.claims.claim import Row, evaluate, evidence
from companion.claims.verdicts import (
    TOO_FEW,
    agrees,
    does_better,
    errors_of,
    outweighs,
    rate_agrees,
    rises,
    too_few,
    within,
)


def test_each_kind_can_fail():
    assert within(2.0, 0.0, 1.0).verdict == "FAIL"
    assert agrees(1.0, 0.1, 0.5, math.inf).verdict == "FAIL"
    assert rises(-1.0, 0.1).verdict == "FAIL"
    assert does_better(-0.1, 1e-9).verdict == "FAIL"
    assert rate_agrees(50, 50, 0.0, 0.1).verdict == "FAIL"
    assert outweighs(-3.0, 2.0, "gain").verdict == "FAIL"


def test_nan_is_never_a_pass():
    assert within(math.nan, 0.0, 1.0).verdict == "FAIL"
    assert agrees(math.nan, 0.1, 0.5, math.inf).verdict == "FAIL"
    assert rises(math.nan, 0.1).verdict == "OPEN"
    assert outweighs(math.nan, 2.0, "gain").verdict == "OPEN"


def test_too_little_evidence_leaves_a_claim_open_and_says_so():
    for found in (agrees(1.0, math.nan, 0.5, 1), rises(1.0, math.nan)):
        assert (found.verdict, found.quantity) == ("OPEN", TOO_FEW)
    assert rises(0.1, 0.1).verdict == "OPEN"


def test_few_replicas_are_given_students_interval():
    # As rare as four standard errors are: Student's table, one side 3.167e-5.
    assert errors_of(3) == pytest.approx(125.6, rel=0.01)
    assert errors_of(1000) == pytest.approx(4.0, rel=0.01)
    assert agrees(1.0, 0.1, 0.5, 4).verdict == "PASS"


def test_an_interval_wider_than_the_effect_that_matters_is_no_pass():
    def row(effect):
        return Row("x", "x", lambda: within(0.1, -1.0, 1.0), effect=effect)

    assert [evaluate([row(effect)])[0].verdict for effect in (None, 2.0, 0.5)] == [
        "PASS",
        "PASS",
        "OPEN",
    ]


def test_a_row_reads_its_tables_and_makes_a_claim_a_case():
    def cases(table, scale=1):
        for n in table:
            yield {"n": n}, within(scale * n, 0, 1)

    row = Row("n-{n}", "{a:g}: {n}", cases, kind="check", reads={"table": "other"})
    claims = evaluate([row], other=[1, 2], a=0.5)
    assert [str(claim) for claim in claims] == ["PASS  n-1: 0.5: 1", "FAIL  n-2: 0.5: 2"]
    assert {claim.kind for claim in claims} == {"check"}
    assert list(evidence(claims).table()["verdict"]) == ["PASS", "FAIL"]


def test_the_record_of_a_claim_has_its_kind_and_no_number_that_json_lacks():
    claims = evaluate([Row("x", "x", lambda: rises(1.0, math.nan))])
    (record,) = evidence(claims)._repr_mimebundle_()["application/vnd.companion.claims+json"][
        "claims"
    ]
    assert record["kind"] == "physics"
    assert record["number"] is record["high"] is None


def test_a_rate_of_so_few_runs_that_none_could_refute_it_says_nothing():
    assert rate_agrees(1, 1, 0.4, 0.6) == too_few()
    assert rate_agrees(0, 40, 0.0, 1.0) == too_few()


def test_a_rate_passes_inside_the_interval_that_its_claim_shows():
    found = [rate_agrees(successes, 40, 0.4, 0.6) for successes in range(41)]
    low, high = found[0].low, found[0].high
    assert low < 0.4
    assert high > 0.6
    assert all((one.verdict == "PASS") == (low <= one.number <= high) for one in found)
    assert rate_agrees(20, 40, math.nan, math.nan).verdict == "FAIL"

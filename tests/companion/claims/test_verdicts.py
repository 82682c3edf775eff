"""Verdicts: each kind can say FAIL, and none speaks without evidence."""

import math

import pytest

from companion.claims.claim import Refuted, Row, evaluate, evidence
from companion.claims.verdicts import (
    TOO_FEW,
    Finding,
    agrees,
    errors_of,
    exceeds,
    jointly,
    rate_agrees,
    rises,
    too_few,
    within,
)


def test_each_kind_can_fail():
    assert within(2.0, 0.0, 1.0).verdict == "FAIL"
    assert agrees(1.0, 0.1, 0.5, math.inf).judged(0.1) == "FAIL"
    assert rises(-1.0, 0.1).verdict == "FAIL"
    assert exceeds(-0.3, (-0.5, -0.1)).verdict == "FAIL"
    assert rate_agrees(50, 50, 0.0, 0.1).verdict == "FAIL"


def test_nan_is_never_a_pass():
    assert within(math.nan, 0.0, 1.0).verdict == "FAIL"
    assert agrees(math.nan, 0.1, 0.5, math.inf).judged(1.0) != "PASS"
    assert rises(math.nan, 0.1).verdict == "OPEN"
    assert exceeds(math.nan, (0.0, 1.0)).verdict == "OPEN"


def test_without_data_a_claim_is_open_and_says_so():
    for found in (agrees(1.0, math.nan, 0.5, 1), rises(1.0, math.nan), rate_agrees(0, 0, 0, 1)):
        assert (found.verdict, found.quantity) == ("OPEN", TOO_FEW)


@pytest.mark.parametrize(
    ("error", "off", "verdict"),
    [
        (0.01, 0.0, "PASS"),
        (0.01, 0.05, "PASS"),  # a difference that does not matter, however sure
        (0.04, 0.0, "UNDERPOWERED"),
        (0.02, 0.06, "FAIL"),
        (0.2, 0.0, "UNDERPOWERED"),
        (0.2, 0.3, "UNDERPOWERED"),
        (0.2, 0.6, "FAIL"),
    ],
)
def test_an_equality_passes_if_no_difference_that_matters_is_left(error, off, verdict):
    assert agrees(1 + off, error, 1.0, math.inf).judged(0.1) == verdict


@pytest.mark.parametrize(
    ("difference", "error", "verdict"),
    [
        (0.3, 0.03, "PASS"),
        (0.3, 0.05, "UNDERPOWERED"),  # above zero, and not known to what matters
        (0.1, 0.03, "PASS"),
        (0.05, 0.03, "UNDERPOWERED"),
        (0.0, 0.03, "FAIL"),  # data that would have seen it do not
        (-0.1, 0.1, "UNDERPOWERED"),
        (-0.3, 0.1, "FAIL"),
    ],
)
def test_an_order_passes_if_its_interval_is_narrow_and_above_zero(difference, error, verdict):
    assert rises(difference, error).judged(0.1) == verdict


def test_an_interval_without_an_end_can_hold_and_fail():
    def claim(*ends):
        return Finding(0.0, ends, (-math.inf, 0.0), "power", tolerant=True).judged(0.2)

    found = [claim(-math.inf, end) for end in (0.1, 0.3, math.inf)]
    assert found == ["PASS", "UNDERPOWERED", "UNDERPOWERED"]
    assert claim(0.1, math.inf) == "FAIL"


def test_few_replicas_are_given_students_interval():
    # Student's table, one side 0.005.
    assert errors_of(3) == pytest.approx(9.925, abs=1e-3)
    assert errors_of(1000) == pytest.approx(2.58, abs=0.01)
    assert agrees(1.0, 0.1, 0.6, 3).verdict == "UNDERPOWERED"


def test_a_family_is_one_claim_that_holds_at_every_member():
    def family(last):
        return {"a": rises(0.3, 0.02, tests=2), "b": rises(last, 0.02, tests=2)}

    def row(last):
        return Row("x", "x", lambda: jointly(family(last)), effect=0.1)

    (held,), (failed,) = evaluate([row(0.2)]), evaluate([row(-0.2)])
    assert (held.verdict, held.number, len(held.members)) == ("PASS", 0.2, 2)
    assert (failed.verdict, failed.number) == ("FAIL", -0.2)
    assert [one.verdict for one in failed.members] == ["PASS", "FAIL"]
    assert "<details>" in evidence([held])._html()


def test_a_refuted_claim_says_when_and_what_is_so_as_long_as_its_data_refute_it():
    def row(found):
        refuted = Refuted("2026-01-01", "the other holds")
        return Row("x", "one holds", lambda: found, effect=0.2, refuted=refuted)

    (claim,) = evaluate([row(rises(-1.0, 0.05))])
    assert claim.verdict == "REFUTED"
    assert claim.statement.endswith("refuted on 2026-01-01: the other holds)")
    assert evaluate([row(rises(1.0, 0.05))])[0].verdict == "PASS"


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


def test_a_rate_is_tried_with_its_wilson_interval():
    found = [rate_agrees(hits, 40, 0.4, 0.6).judged(0.25) for hits in range(41)]
    assert found[20] == "PASS"
    assert found[0] == found[40] == "FAIL"
    assert found[10] == "UNDERPOWERED"
    assert rate_agrees(20, 40, math.nan, math.nan).judged(0.2) != "PASS"


def test_a_rate_of_so_few_runs_that_none_could_refute_it_says_nothing():
    assert rate_agrees(1, 1, 0.4, 0.6).judged(0.2) == "UNDERPOWERED"
    assert rate_agrees(0, 40, 0.0, 1.0) == too_few()

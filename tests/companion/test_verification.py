"""What holds is read from the notebooks, and the data are checked against their records."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import tomllib
from dataclasses import replace

import nbformat
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from companion.claims.claim import Row, evaluate, evidence
from companion.claims.verdicts import within
from companion.ensembles import data_folder
from companion.reexecution import FOLDER, notebooks
from companion.verification import OTHER_MACHINE, verify
from prlib import cli
from prlib.sweeps import Rechecked, Sweep
from prlib.sweeps.store import Store, gather, read

DATA = data_folder()


@pytest.fixture
def copy(tmp_path):
    """A copy of one notebook and of one table, to be damaged."""
    (tmp_path / "specs").mkdir()
    shutil.copy(FOLDER / "06-finite-size-scaling.ipynb", tmp_path)
    shutil.copy(DATA / "specs" / "unseen.toml", tmp_path / "specs")
    for suffix in ("parquet", "toml"):
        shutil.copy(DATA / f"unseen.{suffix}", tmp_path)
    return tmp_path


def test_every_notebook_makes_claims_and_every_table_is_whole():
    held = verify()
    assert {one.source for one in held} >= {notebook.name for notebook in notebooks()}
    assert len({one.id for one in held}) == len(held)
    assert [one for one in held if one.id.startswith("data-") and one.verdict != "PASS"] == []


def test_the_record_of_a_claim_is_the_claim():
    row = Row("one", "a number above zero", lambda: within(1.0, 0.0, float("inf")))
    record = evidence(evaluate([row]))._repr_mimebundle_()["application/vnd.companion.claims+json"]
    assert record["claims"] == [
        {
            "id": "one",
            "statement": "a number above zero",
            "number": 1.0,
            "low": 0.0,
            "high": None,
            "verdict": "PASS",
            "quantity": "value",
            "kind": "physics",
            "ends": [1.0, 1.0],
            "effect": None,
            "members": [],
        }
    ]


def test_a_notebook_that_was_not_executed_fails(copy):
    path = copy / "06-finite-size-scaling.ipynb"
    notebook = nbformat.read(path, as_version=4)
    for cell in notebook.cells:
        cell.pop("outputs", None)
        if cell.cell_type == "code":
            cell.outputs = []
    nbformat.write(notebook, path)
    assert [one.verdict for one in verify(copy, copy)] == ["FAIL", "PASS"]


@pytest.mark.parametrize("damage", ["table", "record", "spec", "gone"])
def test_a_table_that_does_not_match_fails_with_a_reason(copy, damage):
    if damage == "table":
        (copy / "unseen.parquet").write_bytes((copy / "unseen.parquet").read_bytes() + b"x")
    elif damage == "record":
        (copy / "unseen.toml").write_text("rows = 1\n")
    elif damage == "spec":
        spec = copy / "specs" / "unseen.toml"
        spec.write_text(spec.read_text().replace("replicas = 24", "replicas = 25"))
    else:
        (copy / "unseen.parquet").unlink()
    last = verify(copy, copy)[-1]
    assert last.verdict == "FAIL"
    assert last.number is None
    assert len(last.statement) > 100


@pytest.fixture
def other(copy):
    """The same, with the table as another machine might have computed it."""
    folder = copy / OTHER_MACHINE
    folder.mkdir()
    sweep = Sweep.load(copy / "specs" / "unseen.toml")
    store, rows = Store(sweep, folder), gather([read(copy / "unseen.parquet")], sweep)

    def write(recovered):
        column = rows.table.schema.get_field_index("recovered")
        table = rows.table.set_column(column, rows.table.schema[column], [recovered])
        with store.held():
            store.begin()
            store.finish(replace(rows, table=table), wall=1.0)
        return verify(copy, copy)[-1]

    return rows.table["recovered"].to_pylist(), write


@pytest.mark.parametrize(("flipped", "verdict"), [(0, "PASS"), (1, "PASS"), (12, "FAIL")])
def test_rates_of_another_machine_must_lie_in_the_intervals(other, flipped, verdict):
    recovered, write = other
    ones = [i for i, one in enumerate(recovered) if one][:flipped]
    held = write([one and i not in ones for i, one in enumerate(recovered)])
    assert (held.id, held.verdict) == ("other-machine-unseen", verdict)
    assert f"where {flipped} end otherwise" in held.statement


def test_a_table_of_another_machine_without_ours_fails_with_a_reason(other, copy):
    other[1](other[0])
    (copy / "unseen.parquet").unlink()
    held = verify(copy, copy)[-1]
    assert (held.verdict, held.number) == ("FAIL", None)
    assert "it is not there" in held.statement


@pytest.mark.parametrize(("replicas", "verdict"), [(20, "PASS"), (30, "FAIL")])
def test_a_table_of_another_machine_may_hold_fewer_runs_but_no_others(
    other, copy, replicas, verdict
):
    other[1](other[0])
    record = copy / OTHER_MACHINE / "unseen.toml"
    path = record.with_suffix(".parquet")
    table = pq.read_table(path)
    if replicas < len(table):
        table = table.slice(0, replicas)
    else:
        extra = table.slice(0, replicas - len(table))
        more = (
            (copy / "specs" / "unseen.toml")
            .read_text()
            .replace("replicas = 24", f"replicas = {replicas}")
        )
        renamed = pa.array(Sweep.from_table(tomllib.loads(more)).run_ids[len(table) :])
        at = table.schema.get_field_index("run")
        table = pa.concat_tables([table, extra.set_column(at, table.schema[at], [renamed])])
    pq.write_table(table, path)
    text = re.sub("replicas = 24", f"replicas = {replicas}", record.read_text())
    text = re.sub(r"rows = \d+", f"rows = {replicas}", text)
    text = re.sub(r"rows = \[\[0, \d+\]\]", f"rows = [[0, {replicas - 1}]]", text)
    whose = Sweep.from_table(tomllib.loads(text)["spec"]).digest
    text = re.sub('sweep = ".*"', f'sweep = "{whose}"', text)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    record.write_text(re.sub('sha256 = ".*"', f'sha256 = "{digest}"', text))
    held = verify(copy, copy)[-1]
    assert held.verdict == verdict
    told = "20 of its 24 runs" if verdict == "PASS" else "holds runs that data/unseen.parquet lacks"
    assert told in held.statement


def test_a_changed_value_fails_when_its_run_is_computed_again(copy, monkeypatch):
    sweep = Sweep.from_table(
        {"a": 1.0, "alpha": 3.0, "n": 16, "start": "random", "replicas": 2, "time": 5.0}
        | {"name": "tiny"}
    )
    for path in (*copy.glob("unseen.*"), *(copy / "specs").iterdir()):
        path.unlink()
    (copy / "specs" / "tiny.toml").write_text(sweep.to_toml())
    found = sweep.run(copy, executor="serial", quiet=True)
    assert [one.verdict for one in verify(copy, copy, again=10)][-2:] == ["PASS", "PASS"]
    rows = gather([read(found.path)], sweep)
    energy = rows.table["energy"].to_pylist()
    at = rows.table.schema.get_field_index("energy")
    table = rows.table.set_column(at, "energy", [[energy[0], 1.01 * energy[1]]])
    Store(sweep, copy).finish(replace(rows, table=table), wall=1.0)
    last = verify(copy, copy, again=10)[-1]
    assert (last.id, last.verdict) == ("again-tiny", "FAIL")
    assert "the farthest is energy with normalized(a=1)" in last.statement


def test_the_command_prints_a_line_a_claim_and_computes_rows_again(capsys, monkeypatch):
    asked = []

    def no_run(path, rows):
        asked.append(path.stem)
        assert rows == 10
        return (Rechecked("run", "settings", "whole", "energy", 0.0, 1e-7),)

    monkeypatch.setattr("companion.verification.recheck", no_run)
    status = cli.main(["verify", "--json"])
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert len({line["id"] for line in lines}) == len(lines)
    assert len(asked) == sum(line["id"].startswith("again-") for line in lines) >= 12
    assert {line["source"] for line in lines} >= {notebook.name for notebook in notebooks()}
    assert status == (1 if any(line["verdict"] == "FAIL" for line in lines) else 0)

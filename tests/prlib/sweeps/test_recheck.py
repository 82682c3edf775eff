"""Committed rows are computed again: what their settings give is what they hold."""

import hashlib
import math
import tomllib
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from prlib.sweeps import Sweep, SweepError, recheck
from prlib.sweeps.store import table_bytes

DATA = Path(__file__).resolve().parents[3] / "data"


@pytest.mark.parametrize("table", ["recovery", "other_machine/recovery-a1"])
def test_ten_committed_rows_are_what_their_settings_give(table):
    found = recheck(table, 10, seconds=2.0, data=DATA)
    assert len({one.title for one in found}) == 10
    assert {one.extent for one in found} == {"whole"}
    assert [one for one in found if not one.holds] == []


def test_of_large_instances_the_start_is_what_their_settings_give():
    (one,) = recheck("approach", 1, seconds=0.01, data=DATA)
    assert one.extent == "start"
    assert one.holds


def test_of_the_theory_early_times_are_what_their_settings_give():
    (one,) = recheck("early", 1, seconds=0.01, data=DATA)
    assert one.extent == "early"
    assert one.holds, one


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """A table of two runs."""
    folder = tmp_path_factory.mktemp("small")
    grid = {"a": 0.01, "alpha": 3.0, "n": 48, "start": ["random", "spectral"], "time": 50.0}
    return Sweep.from_table({**grid, "replicas": 1}).run(folder, executor="serial", quiet=True)


def altered(small, folder, column, change):
    """The same table with one value changed, and a record that hides it."""
    table = pq.read_table(small.path)
    at = table.schema.get_field_index(column)
    values = table[column].to_pylist()
    values[0] = change(values[0])
    table = table.set_column(at, table.schema[at], pa.array(values, table.schema[at].type))
    content = table_bytes(table)
    (folder / "sweep.parquet").write_bytes(content)
    record = small.record.read_text()
    old = tomllib.loads(record)["sha256"]
    record = record.replace(old, hashlib.sha256(content).hexdigest())
    (folder / "sweep.toml").write_text(record)
    return folder / "sweep.parquet"


@pytest.mark.parametrize(
    ("column", "change"),
    [
        ("abs_start_overlap", lambda x: x + 1e-5),
        ("abs_overlap", lambda x: x + 1e-3),
        ("energy", lambda x: 48 * x),
        ("time", lambda x: x + 1),
        ("recovered", lambda x: not x),
        ("seed", lambda x: x + 1),
        ("replica", lambda x: x + 1),
        ("alpha", lambda x: math.nextafter(x, 4)),
        ("scheme", lambda _: "flow(step=0.25)"),
        ("hold", lambda x: 2 * x),
    ],
)
def test_a_changed_value_is_found_and_named(small, tmp_path, column, change):
    found = recheck(altered(small, tmp_path, column, change))
    assert [(one.column, one.holds) for one in found if not one.holds] == [(column, False)]


def test_a_changed_address_and_a_missing_table_are_refused(small, tmp_path):
    path = altered(small, tmp_path, "run", lambda run: run[::-1])
    with pytest.raises(SweepError, match="other addresses than the runs of its spec"):
        recheck(path)
    with pytest.raises(SweepError, match="table = 'none': is no file, and no table of"):
        recheck("none", data=tmp_path)

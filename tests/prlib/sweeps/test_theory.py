"""Runs of the dynamical theory: kept whole, read again, and refused where they are damaged."""

from __future__ import annotations

import tomllib

import pandas as pd
import pytest

from prlib.parameters import ParameterError
from prlib.sweeps import SweepError
from prlib.sweeps.theory import Course, Courses, describes_theory, evolutions, problem_of, tabulate
from prlib.transitions.time_dependent import dynamics

TABLE = {"a": 1.0, "alpha": [2.0, 3.0], "time": 0.02, "paths": 1024, "batches": 4, "seed": 3}


@pytest.fixture(scope="module")
def spec():
    return Courses.from_table(TABLE, "small")


@pytest.fixture(scope="module")
def data(spec, tmp_path_factory):
    data = tmp_path_factory.mktemp("data")
    tabulate(spec, data / "theory")
    return data


def test_rows_are_the_states_of_the_theory(spec, data):
    found = evolutions(spec.courses, data)
    states = dynamics(1.0, 3.0, 0.02, paths=1024, batches=4, seed=3)
    mine = found[found["alpha"] == 3.0]
    assert mine["t"].tolist() == [state.t for state in states]
    assert mine["variance"].tolist() == [state.variance for state in states]
    assert not (data / "computed").exists()


def test_what_is_not_there_is_computed_and_kept(spec, data, monkeypatch):
    other = Course(1.0, 2.5, 0.02, 1024, batches=4)
    first = evolutions([other], data)
    monkeypatch.setattr("prlib.sweeps.theory.dynamics", None)
    pd.testing.assert_frame_equal(evolutions([other], data), first)


def test_the_record_leads_back_to_the_spec(spec, data):
    record = tomllib.loads((data / "theory" / "small.toml").read_text())
    assert Courses.from_table(record["spec"]).courses == spec.courses
    assert record["rows"] == len(evolutions(spec.courses, data))
    assert record["core_seconds"] > 0
    assert problem_of(spec, data / "theory") is None


def test_a_changed_table_or_spec_is_named(spec, tmp_path):
    assert "it is not there" in problem_of(spec, tmp_path)
    path = tabulate(spec, tmp_path)
    other = Courses.from_table(TABLE | {"seed": 4}, "small")
    assert "other runs than its spec" in problem_of(other, tmp_path)
    path.write_bytes(path.read_bytes() + b" ")
    assert "differs from what small.toml says" in problem_of(spec, tmp_path)


def test_a_damaged_file_is_refused(spec, tmp_path):
    (tmp_path / "theory").mkdir()
    (tmp_path / "theory" / "small.parquet").write_bytes(b"PAR1")
    with pytest.raises(SweepError, match="is not a readable Parquet file"):
        evolutions(spec.courses, tmp_path)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"alpha": [-1.0]}, "alpha = -1"),
        ({"time": 0}, "time = 0"),
        ({"n": 3}, "n: is no key of such a spec"),
    ],
)
def test_bad_values_are_named(change, words):
    with pytest.raises(ParameterError, match=words):
        Courses.from_table(TABLE | change)


def test_a_missing_key_is_named():
    with pytest.raises(ParameterError, match="paths: is missing"):
        Courses.from_table({key: value for key, value in TABLE.items() if key != "paths"})


def test_only_a_table_with_paths_describes_theory(spec, tmp_path):
    path = tmp_path / "one.toml"
    path.write_text(spec.to_toml())
    assert describes_theory(path)
    path.write_text("a = 1.0\nn = 64\n")
    assert not describes_theory(path)
    assert not describes_theory(tmp_path / "none.toml")

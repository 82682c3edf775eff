"""A spec says what runs, and refuses what cannot."""

import pytest

from prlib.parameters import ParameterError
from prlib.sweeps import Spec
from prlib.sweeps.spec import replica_seed


def test_every_combination_runs_once(spec):
    assert spec.runs == 2 * 2 * 2 * 3 * 3
    runs = [run for task in spec.tasks() for run in task.run_ids()]
    assert len(set(runs)) == spec.runs
    assert [run for chunk in spec.chunks() for run in chunk.run_ids] == runs


def test_a_spec_survives_its_file(spec, tmp_path):
    path = tmp_path / "small.toml"
    path.write_text(spec.to_toml())
    assert Spec.load(path) == spec


def test_tables_override_what_stands_above_them(table):
    grids = [{"n": 16, "replicas": 5}, {"n": [32, 64]}]
    spec = Spec.from_table({**table, "grid": grids})
    assert [grid.n for grid in spec.grids] == [(16,), (32, 64)]
    assert [grid.replicas for grid in spec.grids] == [5, 3]


def test_the_address_of_a_run_ignores_its_company(table):
    alone = Spec.from_table({**table, "start": ["spectral"], "alpha": [6.0], "replicas": 1})
    more = Spec.from_table(table)
    runs = {run for task in more.tasks() for run in task.run_ids()}
    assert {run for task in alone.tasks() for run in task.run_ids()} <= runs


def test_a_replica_has_the_same_seed_at_every_size(spec):
    seeds = {(task.replica, task.seed) for task in spec.tasks()}
    assert seeds == {(r, replica_seed(5, r)) for r in range(3)}
    assert all(0 <= seed < 2**53 for _, seed in seeds)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"a": 0}, r"a = 0: must be a finite number > 0"),
        ({"alpha": []}, r"alpha = \[\]: must be a list of at least one value"),
        ({"alpha": [2.0, float("nan")]}, r"alpha = nan: must be a finite number > 0"),
        ({"n": 1}, r"n = 1: must be a whole number >= 2"),
        ({"start": "rndom"}, r"start = 'rndom': must be one of random, spectral, constrained"),
        ({"replicas": 0}, r"replicas = 0: must be a whole number >= 1"),
        ({"success": 1.5}, r"success = 1.5: must be a number in \(0, 1\]"),
        ({"dtype": "float16"}, r"dtype = 'float16': must be 'float32' or 'float64'"),
        ({"sizes": 16}, r"sizes: is no key of a spec; must be one of a, alpha"),
        ({"alpha": 0.01}, r"give M = 0 measurements"),
        ({"alpha": [2.0, 2.0]}, r"grid: two grids hold the same run"),
        ({"name": "a/b"}, r"name = 'a/b': must be a plain name"),
    ],
)
def test_bad_values_are_named(change, message, table):
    with pytest.raises(ParameterError, match=message):
        Spec.from_table({**table, **change})


def test_a_missing_key_a_missing_file_and_no_toml_are_named(tmp_path, table):
    with pytest.raises(ParameterError, match="time: is missing"):
        Spec.from_table({key: value for key, value in table.items() if key != "time"})
    with pytest.raises(ParameterError, match=r"cannot be read: No such file"):
        Spec.load(tmp_path / "none.toml")
    (tmp_path / "bad.toml").write_text("a = [")
    with pytest.raises(ParameterError, match=r"is not TOML"):
        Spec.load(tmp_path / "bad.toml")

"""A sweep gives the same rows whatever happens to it, and loses nothing."""

import errno
import os
import signal
import subprocess
import sys
import threading
import time
import tomllib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from prlib.descent import descend_instance
from prlib.parameters import ParameterError
from prlib.sweeps import Spec, SweepError, rates, results, run_sweep
from prlib.sweeps.runner import run_chunk
from prlib.sweeps.store import SCHEMA, Store

CONTRACT = "a alpha n start replica seed recovered overlap energy time steps stopped_by".split()


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory, table):
    """The files of a sweep that nothing disturbed."""
    out = tmp_path_factory.mktemp("undisturbed")
    with ThreadPoolExecutor(1) as pool:
        return run_sweep(Spec.from_table(table), out, executor=pool, quiet=True)


def run(spec, out, workers=1):
    with ThreadPoolExecutor(workers) as pool:
        return run_sweep(spec, out, executor=pool, quiet=True)


def same(result, other):
    return result.path.read_bytes() == other.path.read_bytes()


def test_the_table_has_a_row_a_run_and_the_columns_of_the_contract(undisturbed, spec):
    table = undisturbed.table
    assert list(table.columns)[: len(CONTRACT)] == CONTRACT
    assert len(table) == spec.runs == undisturbed.computed
    assert table["a"].isna().sum() == spec.runs // 2
    assert set(rates(table).columns) >= {"runs", "rate", "low", "high"}
    assert pq.read_schema(undisturbed.path).equals(SCHEMA)


def test_a_row_is_what_descend_says_of_its_seed(undisturbed):
    for _, row in undisturbed.table.iloc[[0, 4, 50]].iterrows():
        a = None if np.isnan(row["a"]) else row["a"]
        end = descend_instance(a, row["alpha"], row["n"], row["start"], 5.0, row["seed"], hold=1.0)
        assert (end.abs_overlap, end.energy * row["n"], end.steps) == (
            row["overlap"],
            row["energy"],
            row["steps"],
        )


def test_starts_of_one_replica_share_the_instance(undisturbed):
    one = undisturbed.table.groupby(["n", "replica"])["seed"].nunique()
    assert (one == 1).all()


def test_a_finished_sweep_is_read_not_run(undisturbed, spec):
    again = run(spec, undisturbed.path.parent)
    assert again.computed == 0
    assert again.table.equals(undisturbed.table)


def test_rows_do_not_depend_on_workers_or_order(undisturbed, spec, small_chunks, tmp_path):
    class Backwards(ThreadPoolExecutor):
        def __init__(self):
            super().__init__(3)
            self.waiting = []

        def submit(self, *arguments):
            time.sleep(np.random.default_rng(len(self.waiting)).random() / 50)
            self.waiting.append(arguments)
            return super().submit(*arguments)

    with Backwards() as pool:
        assert same(run_sweep(spec, tmp_path, executor=pool, quiet=True), undisturbed)


def test_processes_give_the_same_rows(undisturbed, spec, tmp_path, capfd):
    result = run_sweep(spec, tmp_path, jobs=2)
    assert same(result, undisturbed)
    assert capfd.readouterr().out == ""


def test_files_are_readable_by_whom_the_umask_lets(undisturbed, tmp_path):
    plain = tmp_path / "plain"
    plain.touch()
    for path in (undisturbed.path, undisturbed.record):
        assert path.stat().st_mode == plain.stat().st_mode


def test_the_record_says_what_the_table_is(undisturbed, spec):
    record = undisturbed.record.read_text()
    for key in (
        "sha256",
        "rows = 72",
        "prlib",
        "commit",
        "machine",
        "wall_seconds",
        "[[spec.grid]]",
    ):
        assert key in record
    assert Store(spec, undisturbed.path.parent).finished() is not None


@pytest.fixture
def half_done(spec, small_chunks, tmp_path):
    """A folder in which some parts are kept."""
    store = Store(spec, tmp_path)
    store.begin()
    for chunk in spec.chunks()[:4]:
        rows, seconds = run_chunk(chunk)
        store.keep(chunk, pa.Table.from_pylist(rows, schema=SCHEMA), seconds)
    return tmp_path


def parts_of(folder):
    return {path.name: path.read_bytes() for path in (folder / "small.parts").glob("*.parquet")}


def test_what_is_kept_is_not_run_again(half_done, spec, undisturbed):
    result = run(spec, half_done)
    assert 0 < result.computed < spec.runs
    assert same(result, undisturbed)
    assert not (half_done / "small.parts").exists()


def test_a_truncated_part_is_named_and_left(half_done, spec, undisturbed):
    victim = min((half_done / "small.parts").glob("*.parquet"))
    victim.write_bytes(victim.read_bytes()[:-100])
    before = parts_of(half_done)
    with pytest.raises(SweepError, match=rf"{victim.name}: it is damaged or no Parquet file"):
        run(spec, half_done)
    assert parts_of(half_done) == before
    victim.rename(half_done / "aside")
    assert same(run(spec, half_done), undisturbed)


def test_a_foreign_part_is_named_and_left(half_done, spec, undisturbed):
    foreign = half_done / "small.parts" / "foreign.parquet"
    foreign.write_bytes(undisturbed.path.read_bytes())
    with pytest.raises(SweepError, match=r"foreign.parquet: it belongs to no chunk"):
        run(spec, half_done)
    one, other = sorted((half_done / "small.parts").glob("[0-9a-e]*.parquet"))[:2]
    foreign.unlink()
    one.write_bytes(other.read_bytes())
    with pytest.raises(SweepError, match=rf"{one.name}: it holds other runs than its name says"):
        run(spec, half_done)
    assert one.exists()


def test_a_changed_spec_is_refused_with_the_difference(half_done, undisturbed, table):
    before = parts_of(half_done)
    changed = Spec.from_table({**table, "alpha": [2.0, 5.0]})
    with pytest.raises(SweepError, match=r"begun with another spec \(alpha = \[2.0, 6.0\], now"):
        run(changed, half_done)
    assert parts_of(half_done) == before
    with pytest.raises(SweepError, match=r"done with another spec"):
        run(changed, undisturbed.path.parent)


def test_a_table_that_was_altered_is_refused(undisturbed, spec, tmp_path):
    for path in (undisturbed.path, undisturbed.record):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    table = tmp_path / undisturbed.path.name
    table.write_bytes(table.read_bytes() + b"x")
    with pytest.raises(SweepError, match=r"differs from what small.toml says"):
        run(spec, tmp_path)


def test_a_full_disk_is_one_line_and_costs_nothing_kept(half_done, spec, undisturbed, monkeypatch):
    before = parts_of(half_done)

    def full(descriptor):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(SweepError, match=r"cannot be written: the disk is full; all finished"):
            run(spec, half_done)
    assert parts_of(half_done) == before
    assert not list((half_done / "small.parts").glob(".writing-*"))
    assert same(run(spec, half_done), undisturbed)


def test_two_runs_in_one_folder_do_not_mix(spec, undisturbed, tmp_path):
    store = Store(spec, tmp_path)
    with store.held(), pytest.raises(SweepError, match=r"another run of the sweep 'small'"):
        run(spec, tmp_path)
    assert same(run(spec, tmp_path), undisturbed)


def test_known_rows_are_taken_not_run(undisturbed, tmp_path, table):
    fewer = Spec.from_table({**table, "n": [16]})
    with ThreadPoolExecutor(1) as pool:
        result = run_sweep(fewer, tmp_path, executor=pool, known=[undisturbed.path] * 2, quiet=True)
    assert result.computed == 0
    assert len(result.table) == fewer.runs
    # Nobody knows what these rows took of the time of the table they come from.
    assert seconds_said(result) == 0


def seconds_said(result):
    return tomllib.loads(result.record.read_text())["core_seconds"]


def test_a_sweep_that_grew_takes_its_old_table_whole(undisturbed, tmp_path, table):
    more = Spec.from_table({**table, "name": "more", "replicas": table["replicas"] + 1})
    with ThreadPoolExecutor(1) as pool:
        grown = run_sweep(more, tmp_path, executor=pool, known=[undisturbed.path], quiet=True)
        alone = run_sweep(more, tmp_path / "alone", executor=pool, quiet=True)
    assert grown.computed == more.runs - len(undisturbed.table)
    assert grown.table.equals(alone.table)
    assert seconds_said(grown) >= seconds_said(undisturbed) > 0


def test_bad_arguments_are_named(spec, tmp_path):
    with pytest.raises(
        ParameterError, match="executor = 'threads': must be one of processes, dask"
    ):
        run_sweep(spec, tmp_path, executor="threads")
    with pytest.raises(ParameterError, match="jobs = 0: must be a whole number >= 1"):
        run_sweep(spec, tmp_path, jobs=0)
    with pytest.raises(ParameterError, match="needs executor = 'dask'"):
        run_sweep(spec, tmp_path, scheduler="tcp://127.0.0.1:1")


# --- what the whole machine may do to it ----------------------------------------------------------


@pytest.fixture
def long_spec(tmp_path, table):
    """A sweep of some ten seconds and many parts."""
    spec = Spec.from_table(
        {**table, "name": "long", "n": [96], "alpha": [3.0, 4.0], "replicas": 80, "time": 30.0}
    )
    path = tmp_path / "long.toml"
    path.write_text(spec.to_toml())
    return path


@pytest.mark.slow
def test_a_sweep_killed_up_to_twenty_times_ends_with_the_same_bytes(long_spec, launch, tmp_path):
    spec = Spec.load(long_spec)
    out = tmp_path / "killed"
    rng = np.random.default_rng(0)
    kept = []
    for kill in range(20):
        process = launch(long_spec, out)
        if kill % 4 == 0:  # while it starts
            time.sleep(2 * rng.random())
        else:  # while it keeps parts
            before = count_parts(out)
            while count_parts(out) == before and process.poll() is None:
                time.sleep(0.01)
            time.sleep(0.3 * rng.random())
        process.kill()
        process.communicate()
        if (out / "long.parquet").exists():  # a fast machine: nothing is left to kill
            break
        kept.append(count_parts(out))
    assert kept == sorted(kept)
    assert len(set(kept)) > 10
    process = launch(long_spec, out)
    _, log = process.communicate()
    assert process.returncode == 0, log
    assert (out / "long.parquet").read_bytes() == run(spec, tmp_path / "quiet", 2).path.read_bytes()


def count_parts(out):
    return len(list((out / "long.parts").glob("*.parquet")))


@pytest.mark.slow
def test_control_c_ends_soon_with_a_way_to_go_on(long_spec, launch, tmp_path):
    out = tmp_path / "interrupted"
    process = launch(long_spec, out)
    while not list((out / "long.parts").glob("*.parquet")):
        time.sleep(0.1)
    began = time.monotonic()
    os.killpg(process.pid, signal.SIGINT)
    output, log = process.communicate(timeout=20)
    assert time.monotonic() - began < 2
    assert process.returncode == 130
    assert output == ""
    last = log.strip().splitlines()[-1]
    assert "runs kept in" in last
    assert "give the same command to go on" in last
    assert "Traceback" not in log, log[-1500:]


PRESSED_WHILE_LOCKS_ARE_TAKEN = """
from concurrent.futures import _base
class Pressed(_base._AcquireFutures):
    def __enter__(self):
        super().__enter__()
        signal.raise_signal(signal.SIGINT)  # before anybody has promised to release them
_base._AcquireFutures = Pressed
"""


def test_control_c_while_locks_are_taken_ends_the_sweep_too(long_spec, launch, tmp_path):
    process = launch(long_spec, tmp_path / "locked", PRESSED_WHILE_LOCKS_ARE_TAKEN)
    _, log = process.communicate(timeout=60)  # a lock that is lost would be waited for for ever
    assert process.returncode == 130
    assert "give the same command to go on" in log.strip().splitlines()[-1]
    assert "Traceback" not in log, log[-1500:]


@pytest.mark.slow
def test_workers_end_with_a_parent_that_is_killed(long_spec, launch, tmp_path):
    process = launch(long_spec, tmp_path / "orphans")
    while not list((tmp_path / "orphans" / "long.parts").glob("*.parquet")):
        time.sleep(0.1)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline and _members(process.pid):
        time.sleep(0.2)
    assert not _members(process.pid)


def _members(group):
    found = subprocess.run(["pgrep", "-g", str(group)], capture_output=True, text=True, check=False)
    return found.stdout.split()


@pytest.mark.slow
def test_a_worker_process_that_dies_is_replaced(long_spec, launch, tmp_path):
    out = tmp_path / "worker"
    process = launch(long_spec, out)
    while not list((out / "long.parts").glob("*.parquet")):
        time.sleep(0.1)
    workers = [pid for pid in _members(process.pid) if _is_worker(pid, process.pid)]
    os.kill(int(workers[0]), signal.SIGKILL)
    _, log = process.communicate()
    assert process.returncode == 0, log
    spec = Spec.load(long_spec)
    assert (out / "long.parquet").read_bytes() == run(spec, tmp_path / "quiet", 2).path.read_bytes()


def _is_worker(pid, parent):
    command = Path(f"/proc/{pid}/cmdline").read_bytes()
    return int(pid) != parent and b"loky.backend.popen_loky" in command


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_a_dask_worker_that_is_killed_costs_nothing(long_spec, tmp_path, monkeypatch):
    distributed = pytest.importorskip("distributed")
    monkeypatch.setattr("prlib.sweeps.spec._CHUNK_SECONDS", 0.5)
    spec = Spec.load(long_spec)
    with distributed.LocalCluster(
        n_workers=3, threads_per_worker=1, processes=True, dashboard_address=None
    ) as cluster:
        pids = [worker.process.pid for worker in cluster.workers.values()]

        def kill():
            while not list((tmp_path / "dask" / "long.parts").glob("*.parquet")):
                time.sleep(0.05)
            os.kill(pids[0], signal.SIGKILL)

        killer = threading.Thread(target=kill)
        killer.start()
        result = run_sweep(
            spec,
            tmp_path / "dask",
            executor="dask",
            scheduler=cluster.scheduler_address,
            quiet=True,
        )
        killer.join()
    assert same(result, run(spec, tmp_path / "quiet", 2))


@pytest.mark.slow
def test_a_scheduler_that_does_not_answer_is_named(table, tmp_path):
    pytest.importorskip("distributed")
    program = (
        "from prlib.sweeps import Spec, run_sweep\n"
        f"spec = Spec.from_table({table!r})\n"
        "try: run_sweep(spec, 'x', executor='dask', scheduler='tcp://127.0.0.1:9')\n"
        "except ValueError as error: print(error)\n"
    )
    found = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        check=False,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert "scheduler = 'tcp://127.0.0.1:9': does not answer" in found.stdout, found.stderr


def test_observations_are_rows_along_the_runs(table, tmp_path):
    observed = Spec.from_table(
        {**table, "name": "seen", "a": 0.01, "n": 24, "replicas": 2, "observe": [0.5, 5.0]}
    )
    result = run(observed, tmp_path)
    assert result.computed == observed.runs
    assert len(result.table) == 3 * observed.runs
    one = result.table[result.table["run"] == result.table["run"].iloc[0]]
    assert one["time"].tolist() == pytest.approx([0, 0.5, 5])
    assert one["overlap2"].between(0, 1).all()
    # The same rows again, one replica of them from elsewhere.
    more = Spec.from_table({**observed_table(observed), "replicas": 3})
    again = run_sweep(more, tmp_path / "more", known=[result.path], quiet=True, jobs=1)
    assert again.computed == more.runs - observed.runs
    alone = run(more, tmp_path / "alone")
    assert again.table.equals(alone.table)


def observed_table(spec):
    grid = spec.grids[0]
    names = ("a", "alpha", "n", "start", "time", "constrained_time", "observe")
    return {"name": "more", "seed": spec.seed, **{name: getattr(grid, name) for name in names}}


def test_observation_times_are_checked(table):
    for times in ([5.0, 1.0], [1.0, 9.0], [1.0, 1.0]):
        with pytest.raises(ParameterError, match=r"observe = .*rising times, up to time = 5"):
            Spec.from_table({**table, "observe": times})
    with pytest.raises(ParameterError, match="observe: must be given in every grid"):
        Spec.from_table({**table, "grid": [{"observe": [1.0]}, {"n": 32}]})


def test_results_are_read_from_data_and_only_the_rest_is_computed(
    undisturbed, spec, table, tmp_path, monkeypatch
):
    monkeypatch.setattr("prlib.sweeps.runner.DATA", tmp_path)
    monkeypatch.setattr("prlib.sweeps.runner.start_executor", lambda *_: ThreadPoolExecutor(1))
    (tmp_path / "small.parquet").write_bytes(undisturbed.path.read_bytes())
    assert results(spec, quiet=True).equals(undisturbed.table)
    assert not (tmp_path / "computed").exists()
    more = Spec.from_table({**table, "replicas": 4})
    found = results(more, quiet=True)
    assert len(found) == more.runs
    assert found[found["replica"] < 3].reset_index(drop=True).equals(undisturbed.table)

"""A sweep gives the same rows whatever happens to it, and loses nothing."""

import errno
import hashlib
import os
import signal
import stat
import subprocess
import sys
import threading
import time
import tomllib
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from prlib.descent import descend_instance
from prlib.parameters import ParameterError
from prlib.sweeps import FailedRunsError, Sweep, SweepError, rates, results, sources
from prlib.sweeps.descents import OBSERVED, SCHEMA, Task
from prlib.sweeps.executors import EXECUTORS, Workers, workers_for
from prlib.sweeps.observables import OBSERVABLES, Observable
from prlib.sweeps.provenance import Origin, Part
from prlib.sweeps.runner import run_chunk
from prlib.sweeps.store import Store, table_bytes

CONTRACT = (
    "loss alpha n start replica seed recovered abs_overlap energy time steps stopped_by "
    "abs_start_overlap rises sharpness time_limit hold scheme success dtype channel sensing run"
).split()


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory, table):
    """The files of a sweep that nothing disturbed."""
    out = tmp_path_factory.mktemp("undisturbed")
    return run(Sweep.from_table(table), out)


def run(spec, out, **options):
    return spec.run(out, executor="serial", quiet=True, **options)


def same(result, other):
    return result.path.read_bytes() == other.path.read_bytes()


def test_the_table_has_a_row_a_run_and_the_columns_of_the_contract(undisturbed, spec):
    table = undisturbed.table
    assert list(table.columns) == CONTRACT
    assert len(table) == spec.runs == undisturbed.computed
    assert (table["loss"] == "unnormalized").sum() == spec.runs // 2
    assert set(rates(table).columns) >= {"runs", "rate", "low", "high"}
    assert pq.read_schema(undisturbed.path).equals(SCHEMA)


def test_a_row_is_what_descend_says_of_its_seed(undisturbed):
    for _, row in undisturbed.table.iloc[[0, 4, 50]].iterrows():
        alpha, n, start, seed = (row[name] for name in ("alpha", "n", "start", "seed"))
        end = descend_instance(row["loss"], alpha, n, start, 5.0, seed, hold=1.0)
        shown = ("abs_overlap", "energy", "steps", "abs_start_overlap")
        assert [getattr(end, name) for name in shown] == row[list(shown)].tolist()


def test_starts_of_one_replica_share_the_instance(undisturbed):
    one = undisturbed.table.groupby(["n", "replica"])["seed"].nunique()
    assert (one == 1).all()


def test_a_finished_sweep_is_read_not_run(undisturbed, spec):
    again = run(spec, undisturbed.path.parent)
    assert again.computed == 0
    assert again.table.equals(undisturbed.table)


def test_rows_do_not_depend_on_workers_or_order(
    undisturbed, spec, small_chunks, tmp_path, monkeypatch
):
    monkeypatch.setitem(EXECUTORS, "backwards", lambda *_: nullcontext(Workers(backwards)))
    assert same(spec.run(tmp_path, executor="backwards", quiet=True), undisturbed)


def backwards(calls):
    return (function(*given, **named) for function, given, named in reversed(list(calls)))


def test_processes_give_the_same_rows(undisturbed, spec, small_chunks, tmp_path, capfd):
    result = spec.run(tmp_path, jobs=2)
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
        "[[part]]",
        "commit",
        "machine",
        "dirty",
        "[[spec.grid]]",
    ):
        assert key in record
    assert Store(spec, undisturbed.path.parent).finished() is not None


OTHER = Origin("0" * 40, True, "an older machine", *["0"] * 5)


@pytest.fixture
def half_done(spec, small_chunks, tmp_path):
    """A folder in which some parts are kept, computed by other code on another machine."""
    store = Store(spec, tmp_path)
    store.begin()
    for chunk in spec.chunks()[:4]:
        outcome = run_chunk(chunk)
        store.keep(outcome.rows, Part.now(OTHER, outcome.seconds, len(outcome.rows)))
    return tmp_path


def parts_of(folder):
    return {path.name: path.read_bytes() for path in (folder / "small.parts").glob("*.parquet")}


def test_what_is_kept_is_not_run_again(half_done, spec, undisturbed):
    result = run(spec, half_done)
    assert 0 < result.computed < spec.runs
    assert same(result, undisturbed)
    assert not (half_done / "small.parts").exists()


def test_the_record_says_which_rows_other_code_made(half_done, spec):
    kept = sum(len(chunk.run_ids) for chunk in spec.chunks()[:4])
    record = tomllib.loads(run(spec, half_done).record.read_text())
    first, second = record["part"]
    assert (first["commit"], first["dirty"], first["machine"]) == ("0" * 40, True, OTHER.machine)
    assert first["rows"] == [[0, kept - 1]]
    assert second["rows"] == [[kept, spec.runs - 1]]
    assert second["machine"] == Origin.here().machine


def test_a_truncated_part_is_named_and_left(half_done, spec, undisturbed):
    victim = min((half_done / "small.parts").glob("*.parquet"))
    victim.write_bytes(victim.read_bytes()[:-100])
    before = parts_of(half_done)
    with pytest.raises(SweepError, match=rf"{victim.name}: it is damaged, or no part"):
        run(spec, half_done)
    assert parts_of(half_done) == before
    victim.rename(half_done / "aside")
    assert same(run(spec, half_done), undisturbed)


def test_a_foreign_part_is_named_and_left(half_done, spec, table):
    other = Sweep.from_table({**table, "seed": 6})
    store = Store(other, half_done / "other")
    store.begin()
    outcome = run_chunk(other.chunks()[0])
    foreign = store.keep(outcome.rows, Part.now(OTHER, 1.0, len(outcome.rows))).path
    moved = foreign.rename(half_done / "small.parts" / foreign.name)
    with pytest.raises(SweepError, match=rf"{moved.name}: its runs are not of this sweep"):
        run(spec, half_done)
    moved.unlink()
    one, two = sorted((half_done / "small.parts").glob("*.parquet"))[:2]
    one.write_bytes(two.read_bytes())
    with pytest.raises(SweepError, match=rf"{one.name}: it holds other runs than its name says"):
        run(spec, half_done)
    assert one.exists()


def test_a_changed_spec_is_refused_with_the_difference(half_done, undisturbed, table):
    before = parts_of(half_done)
    changed = Sweep.from_table({**table, "alpha": [2.0, 5.0]})
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


def test_a_run_in_one_folder_waits_for_another(spec, undisturbed, tmp_path, capfd):
    entered, leave = threading.Event(), threading.Event()

    def hold():
        with Store(spec, tmp_path).held():
            entered.set()
            leave.wait(30)

    holder = threading.Thread(target=hold)
    holder.start()
    assert entered.wait(30)
    threading.Timer(0.5, leave.set).start()
    assert same(run(spec, tmp_path), undisturbed)
    holder.join()
    assert "another run of the sweep 'small' is at work in" in capfd.readouterr().err


def test_a_disk_without_locks_is_named(spec, tmp_path, monkeypatch):
    def without(file):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr("prlib.sweeps.store.try_lock", without)
    with pytest.raises(ParameterError, match=r"its disk takes no locks \(No locks available\)"):
        run(spec, tmp_path)


def test_a_folder_that_cannot_be_synced_is_no_full_disk(spec, undisturbed, tmp_path, monkeypatch):
    sync = os.fsync

    def files_alone(descriptor):
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            raise OSError(errno.EINVAL, "Invalid argument")
        sync(descriptor)

    monkeypatch.setattr(os, "fsync", files_alone)
    assert same(run(spec, tmp_path), undisturbed)


def test_a_file_that_no_sweep_wrote_is_never_replaced(spec, tmp_path):
    own = tmp_path / "small.toml"
    own.write_text(spec.to_toml())
    with pytest.raises(SweepError, match=r"small.toml: was not written by a sweep"):
        run(Sweep.load(own), tmp_path)
    assert own.read_text() == spec.to_toml()
    own.unlink()
    theirs = tmp_path / "small.parquet"
    theirs.write_bytes(b"mine")
    with pytest.raises(SweepError, match=r"small.parquet: has no record small.toml beside it"):
        run(spec, tmp_path)
    assert theirs.read_bytes() == b"mine"
    theirs.unlink()
    (tmp_path / "small.parts").mkdir()
    (tmp_path / "small.parts" / "notes").write_text("mine")
    run(spec, tmp_path)
    assert (tmp_path / "small.parts" / "notes").read_text() == "mine"


def test_a_table_without_its_record_is_finished_after_a_crash(spec, undisturbed, tmp_path):
    Store(spec, tmp_path).begin()
    (tmp_path / "small.parquet").write_bytes(undisturbed.path.read_bytes())
    assert same(run(spec, tmp_path), undisturbed)


def test_a_failing_task_is_named_and_the_others_are_kept(spec, undisturbed, tmp_path, monkeypatch):
    rows = Task.rows

    def failing(self, until=None):
        if self.n == 24 and self.alpha == 6.0:
            raise ValueError("cannot\nbe done")
        return rows(self, until)

    monkeypatch.setattr(Task, "rows", failing)
    with pytest.raises(FailedRunsError, match=r"6 of 24 tasks .* n = 24, .*: cannot be done; the"):
        run(spec, tmp_path)
    monkeypatch.undo()
    again = run(spec, tmp_path)
    assert again.computed == 6 * 3
    assert same(again, undisturbed)


def test_known_rows_are_taken_not_run(undisturbed, tmp_path, table):
    fewer = Sweep.from_table({**table, "n": [16]})
    result = run(fewer, tmp_path, reuse=[undisturbed.path] * 2)
    assert result.computed == 0
    assert len(result.table) == fewer.runs
    # Nobody knows what these rows took of the time of the table they come from.
    assert seconds_said(result) == 0


def seconds_said(result):
    return tomllib.loads(result.record.read_text())["core_seconds"]


def test_a_sweep_that_grew_takes_its_old_table_whole(undisturbed, tmp_path, table):
    more = Sweep.from_table({**table, "name": "more", "replicas": table["replicas"] + 1})
    grown = run(more, tmp_path, reuse=[undisturbed.path])
    alone = run(more, tmp_path / "alone")
    assert grown.computed == more.runs - len(undisturbed.table)
    assert grown.table.equals(alone.table)
    assert seconds_said(grown) >= seconds_said(undisturbed) > 0


def test_bad_arguments_are_named(spec, tmp_path):
    named = "must be one of processes, dask, serial"
    with pytest.raises(ParameterError, match=f"executor = 'threads': {named}"):
        spec.run(tmp_path, executor="threads")
    with (
        ThreadPoolExecutor(1) as pool,
        pytest.raises(ParameterError, match=rf"executor = ThreadPoolExecutor: {named} \(threads"),
    ):
        spec.run(tmp_path, executor=pool)
    with pytest.raises(ParameterError, match="jobs = 0: must be a whole number >= 1"):
        spec.run(tmp_path, jobs=0)
    with pytest.raises(ParameterError, match="needs executor = 'dask'"):
        spec.run(tmp_path, scheduler="tcp://127.0.0.1:1")
    assert not list(tmp_path.iterdir())


def test_what_is_observed_without_eigenpairs_is_the_rest_of_it(tmp_path):
    """The pair is looked at and changes nothing; rows with it are where they were."""
    one = {"a": 1.0, "alpha": 3.0, "n": 20, "start": "random", "replicas": 2, "time": 0.5}
    one |= {"observe": [0.1, 0.5], "seed": 3, "name": "seen"}
    without = Sweep.from_table({**one, "eigenpairs": 0})
    assert Sweep.from_table({**one, "eigenpairs": 1}).run_ids == Sweep.from_table(one).run_ids
    assert not {*without.run_ids} & {*Sweep.from_table(one).run_ids}
    tables = [
        run(sweep, tmp_path / str(k)).table.drop(columns="run")
        for k, sweep in enumerate((Sweep.from_table(one), without))
    ]
    pair = ["lowest", "overlap2", "start_overlap2", "displacement_overlap2", "gradient_overlap2"]
    assert tables[1][pair].isna().all(axis=None)
    pd.testing.assert_frame_equal(tables[0].drop(columns=pair), tables[1].drop(columns=pair))
    with pytest.raises(ParameterError, match="eigenpairs = 2: must be 0 or 1"):
        Sweep.from_table({**one, "eigenpairs": 2})


@pytest.mark.parametrize(
    ("memory", "jobs", "most", "each", "expected"),
    [
        (3.5e9, None, 100, 1e9, 3),
        (3.5e9, None, 100, 1e12, 1),
        (3.5e9, None, 2, 1e3, 2),
        (3.5e9, 8, 100, 1e9, 8),
        (float("inf"), None, 100, 1e9, 64),
    ],
)
def test_workers_are_as_many_as_memory_holds(monkeypatch, memory, jobs, most, each, expected):
    monkeypatch.setattr("prlib.sweeps.executors.available_memory", lambda: memory)
    monkeypatch.setattr("prlib.sweeps.executors.available_cores", lambda: 64)
    assert workers_for(jobs, most, each) == expected


# --- what the whole machine may do to it ----------------------------------------------------------


@pytest.fixture
def long_spec(tmp_path, table):
    """A sweep of some ten seconds and many parts."""
    spec = Sweep.from_table(
        {**table, "name": "long", "n": [96], "alpha": [3.0, 4.0], "replicas": 80, "time": 30.0}
    )
    path = tmp_path / "long.toml"
    path.write_text(spec.to_toml())
    return path


@pytest.mark.slow
def test_a_sweep_killed_up_to_twenty_times_ends_with_the_same_bytes(long_spec, launch, tmp_path):
    spec = Sweep.load(long_spec)
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
    assert (out / "long.parquet").read_bytes() == run(spec, tmp_path / "quiet").path.read_bytes()


def count_parts(out):
    return len(list((out / "long.parts").glob("*.parquet")))


@pytest.mark.slow
@pytest.mark.alone
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_control_c_ends_soon_with_a_way_to_go_on(long_spec, launch, tmp_path, number):
    out = tmp_path / "interrupted"
    process = launch(long_spec, out)
    while not list((out / "long.parts").glob("*.parquet")):
        time.sleep(0.1)
    began = time.monotonic()
    os.killpg(process.pid, number)
    output, log = process.communicate(timeout=20)
    assert time.monotonic() - began < 2
    assert process.returncode == 130
    assert output == ""
    last = log.strip().splitlines()[-1]
    assert "runs kept in" in last
    assert "give the same command to go on" in last
    assert "Traceback" not in log, log[-1500:]


PRESSED_WHILE_A_RESULT_IS_TAKEN = """
import queue
class Pressed(queue.SimpleQueue):
    def get(self, **options):
        found = super().get(**options)
        signal.raise_signal(signal.SIGINT)  # it would be lost
        return found
queue.SimpleQueue = Pressed
"""


def test_control_c_while_a_result_is_taken_ends_the_sweep_too(long_spec, launch, tmp_path):
    process = launch(long_spec, tmp_path / "taken", PRESSED_WHILE_A_RESULT_IS_TAKEN)
    _, log = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "interrupted with" in log
    assert "interrupted with 0 of" not in log
    assert "give the same command to go on" in log.strip().splitlines()[-1]
    assert "Traceback" not in log, log[-1500:]


@pytest.mark.slow
@pytest.mark.alone
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
    spec = Sweep.load(long_spec)
    assert (out / "long.parquet").read_bytes() == run(spec, tmp_path / "quiet").path.read_bytes()


def _is_worker(pid, parent):
    command = Path(f"/proc/{pid}/cmdline").read_bytes()
    return int(pid) != parent and b"loky.backend.popen_loky" in command


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_a_dask_worker_that_is_killed_costs_nothing(long_spec, tmp_path, monkeypatch):
    distributed = pytest.importorskip("distributed")
    monkeypatch.setattr("prlib.sweeps.spec._CHUNK_SECONDS", 0.5)
    spec = Sweep.load(long_spec)
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
        result = spec.run(
            tmp_path / "dask", executor="dask", scheduler=cluster.scheduler_address, quiet=True
        )
        killer.join()
    assert same(result, run(spec, tmp_path / "quiet"))


@pytest.mark.slow
def test_a_scheduler_that_does_not_answer_is_named(table, tmp_path):
    pytest.importorskip("distributed")
    program = (
        "from prlib.sweeps import Sweep\n"
        f"spec = Sweep.from_table({table!r})\n"
        "try: spec.run('x', executor='dask', scheduler='tcp://127.0.0.1:9')\n"
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


OWN_LOSS = """
from dataclasses import dataclass
import numpy as np
from prlib.losses import Loss
from prlib.sweeps import Sweep

strength = 0.25

@dataclass(frozen=True)
class Quartic(Loss):
    l = staticmethod(lambda y, yhat: strength * (yhat**2 - y**2) ** 2)
    dl = staticmethod(lambda y, yhat: 4 * strength * yhat * (yhat**2 - y**2))
    d2l = staticmethod(lambda y, yhat: 4 * strength * (3 * yhat**2 - y**2))
    curvature_floor = -np.inf

def sweep(loss, name):
    grid = {"loss": loss, "alpha": 4.0, "n": 16, "start": "random", "replicas": 2, "time": 2.0}
    return Sweep.from_table({**grid, "name": name})

if __name__ == "__main__":
    import prlib.sweeps.spec
    prlib.sweeps.spec._CHUNK_SECONDS = 0.0
    own = sweep(Quartic(), "own").run("out", jobs=2, quiet=True).table
    paper = sweep("unnormalized", "paper").run("out", executor="serial", quiet=True).table
    assert set(own["loss"]) == {"quartic"}
    assert np.allclose(own["energy"], paper["energy"], rtol=1e-3)
    assert sweep("quartic", "own").run("out").computed == 0
    before = sweep("quartic", "own").run_ids
    strength = 0.5
    assert set(before).isdisjoint(sweep("quartic", "own").run_ids)
    print("done")
"""


def test_a_loss_of_a_readers_own_sweeps_and_its_rows_are_never_stale(tmp_path):
    program = tmp_path / "own.py"
    program.write_text(OWN_LOSS)
    found = subprocess.run(
        [sys.executable, str(program)],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        check=False,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert found.stdout == "done\n", found.stderr


def test_observations_are_rows_along_the_runs(table, tmp_path):
    observed = Sweep.from_table(
        {**table, "name": "seen", "a": 0.01, "n": 24, "replicas": 2, "observe": [0.5, 5.0]}
    )
    result = run(observed, tmp_path)
    assert result.computed == observed.runs
    assert len(result.table) == 3 * observed.runs
    one = result.table[result.table["run"] == result.table["run"].iloc[0]]
    assert one["time"].tolist() == pytest.approx([0, 0.5, 5])
    assert one["overlap2"].between(0, 1).all()
    # The same rows again, one replica of them from elsewhere.
    more = Sweep.from_table({**observed_table(observed), "replicas": 3})
    again = run(more, tmp_path / "more", reuse=[result.path])
    assert again.computed == more.runs - observed.runs
    alone = run(more, tmp_path / "alone")
    assert again.table.equals(alone.table)


def observed_table(spec):
    grid = spec.grids[0]
    names = ("loss", "alpha", "n", "start", "time", "hold", "observe")
    return {"name": "more", "seed": spec.seed, **{name: getattr(grid, name) for name in names}}


def test_observation_times_are_checked(table):
    for times in ([5.0, 1.0], [1.0, 9.0], [1.0, 1.0]):
        with pytest.raises(ParameterError, match=r"observe = .*rising times, up to time = 5"):
            Sweep.from_table({**table, "observe": times})
    with pytest.raises(ParameterError, match="all grids of a sweep must be of one kind"):
        Sweep.from_table({**table, "grid": [{"observe": [1.0]}, {"n": 32}]})


@pytest.fixture
def data(undisturbed, tmp_path, monkeypatch):
    """A data folder with one table."""
    root = tmp_path / "data"
    root.mkdir()
    for path in (undisturbed.path, undisturbed.record):
        (root / path.name).write_bytes(path.read_bytes())
    monkeypatch.setenv("PRLIB_DATA", str(root))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setitem(EXECUTORS, "processes", EXECUTORS["serial"])
    return root


def test_results_are_read_from_data_and_only_the_rest_is_computed(undisturbed, spec, table, data):
    assert results(spec, quiet=True).drop(columns="source").equals(undisturbed.table)
    assert not (data / "computed").exists()
    more = Sweep.from_table({**table, "replicas": 4})
    found = results(more, quiet=True)
    assert len(found) == more.runs
    known = found[found["replica"] < 3].reset_index(drop=True)
    assert known.drop(columns="source").equals(undisturbed.table)
    assert results(more, quiet=True).equals(found)


def test_rows_know_their_table_wherever_they_go(spec, table, data):
    rows = results(Sweep.from_table({**table, "replicas": 4}), quiet=True)
    first, last = rows[rows["replica"] < 3], rows[rows["replica"] == 3]
    assert [one["table"] for one in sources(pd.concat([last, first]))] == ["data/small.parquet"]
    assert sources(last) == ()
    record = tomllib.loads((data / "small.toml").read_text())
    assert sources(first)[0]["sha256"] == record["sha256"]


def test_results_fall_back_where_the_data_folder_cannot_be_written_to(
    table, data, tmp_path, monkeypatch
):
    (data / "computed").write_text("in the way")
    more = Sweep.from_table({**table, "replicas": 4})
    assert len(results(more, quiet=True)) == more.runs
    assert list((tmp_path / "cache" / "prlib" / "computed").iterdir())
    (tmp_path / "other").write_text("in the way")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "other"))
    with pytest.raises(SweepError, match="PRLIB_DATA, chooses another folder"):
        results(more, quiet=True)


def test_more_columns_are_no_fault_and_fewer_are_named(undisturbed, spec, data):
    table = pq.read_table(undisturbed.path)
    wider = table.append_column("more", pa.array([0.0] * len(table)))
    rewrite(data, wider)
    assert results(spec, quiet=True).drop(columns="source").equals(undisturbed.table)
    rewrite(data, table.drop_columns(["dtype"]))  # as if the setting were newer than the table
    assert (results(spec, quiet=True)["dtype"] == "float32").all()
    rewrite(data, table.drop_columns(["steps", "energy"]))
    with pytest.raises(SweepError, match=r"small.parquet: .* it lacks energy, steps"):
        results(spec, quiet=True)


def rewrite(data, table):
    content = table_bytes(table)
    (data / "small.parquet").write_bytes(content)
    record = (data / "small.toml").read_text()
    old = tomllib.loads(record)["sha256"]
    (data / "small.toml").write_text(record.replace(old, hashlib.sha256(content).hexdigest()))


def test_an_observable_that_a_table_lacks_is_named(table, data, monkeypatch):
    seen = Sweep.from_table(
        {**table, "name": "seen", "a": 0.01, "n": 16, "replicas": 1, "observe": [1.0]}
    )
    before = results(seen, quiet=True)
    trace = Observable("trace", pa.float64(), lambda one: one.path.mu[one.index])
    monkeypatch.setattr("prlib.sweeps.descents.OBSERVABLES", (*OBSERVABLES, trace))
    monkeypatch.setattr("prlib.sweeps.store.OBSERVABLES", (*OBSERVABLES, trace))
    monkeypatch.setattr("prlib.sweeps.descents.OBSERVED", OBSERVED.append(trace.field))
    assert results(seen, quiet=True).equals(before)
    with pytest.raises(SweepError, match=r"lacks trace, which was not observed"):
        results(seen, columns=["trace"], quiet=True)
    for path in (data / "computed").rglob("*.parquet"):
        path.unlink()
    assert results(seen, columns=["trace"], quiet=True)["trace"].notna().all()

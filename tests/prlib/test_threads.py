"""Threads of one process: each descent as if it were alone, and the machine as it was."""

import os
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from threadpoolctl import threadpool_info, threadpool_limits

import prlib
from prlib import threads
from prlib.descent import descend_starts
from prlib.threads import one_blas_thread
from prlib.transitions.landscape import band, landscape_map


def blas_threads():
    return [one["num_threads"] for one in threadpool_info() if one["user_api"] == "blas"]


def ends(seed):
    return descend_starts(0.01, 3.0, 200, ["spectral", "optimal"], 0.5, seed)


def test_descents_in_threads_are_those_alone_to_the_last_byte():
    alone = [ends(seed) for seed in range(6)]
    with ThreadPoolExecutor(3) as pool:
        together = list(pool.map(ends, range(6)))
    assert together == alone
    for one, other in zip(alone, together, strict=True):
        for a, b in zip(one, other, strict=True):
            assert np.array_equal(a.trajectory.w, b.trajectory.w)


def test_the_limit_lasts_until_the_last_has_left():
    with threadpool_limits(2, user_api="blas"):
        before = blas_threads()
        first_in, second_out = threading.Event(), threading.Event()
        seen = []

        def first():
            with one_blas_thread():
                first_in.set()
                second_out.wait(10)
                seen.append(blas_threads())

        thread = threading.Thread(target=first)
        thread.start()
        first_in.wait(10)
        with one_blas_thread():
            assert set(blas_threads()) == {1}
        second_out.set()
        thread.join()
        assert set(seen[0]) == {1}
        assert blas_threads() == before


def test_the_limit_goes_when_a_descent_fails():
    before = blas_threads()
    with pytest.raises(ValueError, match="success"):
        descend_starts(0.01, 3.0, 16, ["random"], 1.0, 0, success=2.0)
    assert blas_threads() == before


FORK = """
import os, sys
from prlib.descent import descend_instance
from prlib.parameters import ParameterError
def run(threads):
    return descend_instance(0.01, 3.0, 32, time=0.1, dtype="float64", threads=threads)
one = run(1).energy
if sys.argv[1] == "threads":
    run(2)
child = os.fork()
if child == 0:
    assert run(1).energy == one
    if sys.argv[1] == "threads":
        try:
            run(2)
        except ParameterError as error:
            assert "forked" in str(error), error
        else:
            os._exit(3)
    os._exit(0)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@pytest.mark.parametrize("before", ["threads", "none"])
def test_after_a_fork_one_thread_works_and_more_are_refused(before):
    subprocess.run([sys.executable, "-W", "ignore", "-c", FORK, before], check=True, timeout=300)


@pytest.mark.parametrize(
    "find",
    [
        prlib.thresholds,
        lambda loss: prlib.spectrum(loss, 3.0),
        lambda loss: prlib.threshold_state(loss, 4.0),
        lambda loss: prlib.landscape(loss, 4.0),
        lambda loss: band(loss, 4.0),
        lambda loss: landscape_map(loss, [4.0], [0.0]),
    ],
)
def test_theory_sums_its_nodes_with_one_thread(find, monkeypatch):
    # Two threads take several times the processor for a sum of some 10,000 nodes.
    seen = []
    enter = threads._inside.enter

    def noted(controller):
        enter(controller)
        seen.append(blas_threads())

    monkeypatch.setattr(threads._inside, "enter", noted)
    with threadpool_limits(2, user_api="blas"):
        before = blas_threads()
        find(0.01)
        assert blas_threads() == before
    assert seen
    assert all(set(each) == {1} for each in seen)

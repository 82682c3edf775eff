"""Compiled code on disk: whatever happens while it is made, the next descent works."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from prlib import system
from prlib.compiled import _temporary_folder
from prlib.descent import kernels, products

ONE = """
import sys
from prlib.descent import descend_starts
for loss in (0.01, None):
    for n in (16, 24):
        ends = descend_starts(loss, 2.0, n, ("random", "spectral", "constrained"), 5.0, 3,
                              dtype=sys.argv[1])
        print([(end.steps, end.overlap, end.energy) for end in ends])
"""

INTERRUPTED = """
import os, sys
count, replace = 0, os.replace
def interrupted(*arguments):
    global count
    count += 1
    if count == int(sys.argv[2]):
        raise KeyboardInterrupt
    replace(*arguments)
os.replace = interrupted
"""

NO_PLACE = """
import numba.core.caching as caching
impl = getattr(caching, "CacheImpl", None) or caching._CacheImpl
impl._locator_classes = [one for one in impl._locator_classes if "UserProvided" in one.__name__]
"""

FULL_DISK = """
import os
replace = os.replace
def full(source, target):
    if "spoiled" in str(target):
        raise OSError(28, "No space left on device")
    replace(source, target)
os.replace = full
"""

COUNTED = """
from numba.core import event
with event.install_recorder("numba:compile") as compilations:
    exec(ONE)
print(len(compilations.buffer))
"""


def started(program, *arguments, cache="", temporary=None):
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(cache)}
    environment |= {"TMPDIR": str(temporary)} if temporary else {}
    return subprocess.Popen(
        [sys.executable, "-c", program, *map(str, arguments)],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def result(program, *arguments, **places):
    process = started(program, *arguments, **places)
    out, error = process.communicate(timeout=900)
    assert process.returncode == 0, error
    return out, error


@pytest.fixture(scope="module")
def filled(tmp_path_factory):
    """A cache that one process has filled, and what it printed."""
    cache = tmp_path_factory.mktemp("cache")
    return cache, *result(ONE, "float32", cache=cache)


@pytest.mark.slow
def test_compiled_now_or_read_from_disk_a_descent_is_the_same(filled):
    cache, printed, said = filled
    assert said == "prlib: compiling, once\n"
    assert result(ONE, "float32", cache=cache) == (printed, "")


@pytest.mark.slow
def test_a_second_process_compiles_nothing(filled):
    cache, printed, _ = filled
    out, _ = result(f"ONE = {ONE!r}\n{COUNTED}", "float32", cache=cache)
    assert out == f"{printed}0\n"


@pytest.mark.slow
@pytest.mark.parametrize("file", [2, 3, 4])
def test_interrupted_between_any_two_files_the_next_descents_work(filled, tmp_path, file):
    process = started(INTERRUPTED + ONE, "float32", file, cache=tmp_path)
    assert "KeyboardInterrupt" in process.communicate()[1]
    for _ in range(2):
        assert result(ONE, "float32", cache=tmp_path)[0] == filled[1]


@pytest.mark.slow
@pytest.mark.alone
@pytest.mark.parametrize(("number", "moment"), [(signal.SIGINT, 4.0), (signal.SIGKILL, 9.0)])
def test_interrupted_and_raced_the_next_descents_work(filled, tmp_path, number, moment):
    first = started(ONE, "float32", cache=tmp_path)
    time.sleep(moment)
    first.send_signal(number)
    first.communicate()
    racing = [started(ONE, dtype, cache=tmp_path) for dtype in ("float32", "float64")]
    printed = [process.communicate()[0] for process in racing]
    assert [process.returncode for process in racing] == [0, 0]
    assert printed[0] == filled[1]
    for dtype, expected in zip(("float32", "float64"), printed, strict=True):
        assert result(ONE, dtype, cache=tmp_path) == (expected, "")


@pytest.mark.slow
def test_without_a_place_of_its_own_the_cache_is_temporary_and_private(filled, tmp_path):
    printed, _ = result(NO_PLACE + ONE, "float32", temporary=tmp_path)
    assert printed == filled[1]
    (folder,) = tmp_path.glob("prlib-*")
    assert folder.stat().st_mode & 0o77 == 0
    assert result(NO_PLACE + ONE, "float32", temporary=tmp_path) == (printed, "")


def test_an_installed_package_is_not_written_to_for_want_of_a_cache(tmp_path, monkeypatch):
    monkeypatch.setattr(system, "__file__", str(tmp_path / "prlib" / "system.py"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    assert Path(system.compiled_folder()).is_relative_to(tmp_path / "cache")
    monkeypatch.setenv("XDG_CACHE_HOME", os.devnull)
    with pytest.raises(OSError, match=r"/dev/null.* cannot be written to"):
        system.compiled_folder()


def test_nothing_but_whole_kernels_is_kept_on_disk():
    # A kernel compiled around a part from the cache forgets that the part needs Numba's threads.
    parts = [
        one for m in (kernels, products) for one in vars(m).values() if hasattr(one, "py_func")
    ]
    assert len(parts) > 12
    assert {part.stats.cache_path for part in parts} == {None}


def test_a_folder_that_others_can_write_to_is_not_trusted(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    own = tmp_path / f"prlib-{os.getuid()}"
    assert _temporary_folder.__wrapped__() == str(own)
    assert _temporary_folder.__wrapped__() == str(own)
    own.chmod(0o777)
    other = Path(_temporary_folder.__wrapped__())
    assert other != own
    assert other.stat().st_mode & 0o77 == 0


@pytest.mark.slow
def test_a_full_disk_costs_time_alone(filled, tmp_path):
    cache = tmp_path / "spoiled"
    cache.mkdir()
    assert result(FULL_DISK + ONE, "float32", cache=cache, temporary=tmp_path)[0] == filled[1]


@pytest.mark.slow
def test_a_damaged_file_costs_time_alone(filled, tmp_path):
    cache = shutil.copytree(filled[0], tmp_path / "spoiled")
    files = list(cache.rglob("*.nb[ci]"))
    for file in files:
        file.write_bytes(file.read_bytes()[:100])
    assert len(files) > 3
    assert result(ONE, "float32", cache=cache, temporary=tmp_path)[0] == filled[1]

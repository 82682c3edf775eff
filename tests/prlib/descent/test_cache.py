"""The process that compiles and those that read its cache take the same steps."""

import os
import subprocess
import sys

import pytest

PROGRAM = """
from prlib.descent import descend_starts
for a in (0.01, None):
    for n in (16, 24):
        ends = descend_starts(a, 2.0, n, ("random", "spectral", "constrained"), 5.0, 3)
        print([(end.steps, end.overlap, end.energy) for end in ends])
"""


@pytest.mark.slow
def test_compiled_now_or_read_from_disk_a_descent_is_the_same(tmp_path):
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path)}
    compiled, read = (
        subprocess.run(
            [sys.executable, "-c", PROGRAM], env=environment, capture_output=True, check=True
        ).stdout
        for _ in range(2)
    )
    assert compiled == read
    assert list(tmp_path.iterdir())

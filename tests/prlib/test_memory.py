"""What does not fit is refused before it is tried."""

import pytest

from prlib.memory import available_memory, check_memory
from prlib.parameters import ParameterError


def test_there_is_some_memory_and_not_an_exabyte():
    assert 2**24 < available_memory() < 2**60


def test_what_fits_passes_and_what_does_not_is_told_by_how_much():
    check_memory("n = 3", 1e3)
    with pytest.raises(ParameterError, match=r"n = 3: needs 1e\+03 GiB of memory; must fit into"):
        check_memory("n = 3", 1e3 * 2**30)

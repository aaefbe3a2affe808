from __future__ import annotations

from replay.engines.native.child import Child
from replay.engines.native.vdso import REGIONS, clock_function


def test_the_clock_lies_in_the_kernels_code() -> None:
    child = Child([])
    try:
        child.clear(REGIONS)
        address, (start, end) = clock_function(child)
        assert start <= address < end
        child.clear()
        assert clock_function(child) == (0, (0, 0))
    finally:
        child.close()

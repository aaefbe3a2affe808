"""Whether this host lets a guest run as a process of its own."""

from __future__ import annotations

from contextlib import closing
from functools import cache

from replay.engines.errors import EngineUnavailable
from replay.engines.native.child import Child


@cache
def probe() -> EngineUnavailable | None:
    """Why there is no native engine here, if there is none.

    It makes such a process, locks it down and ends it, which takes a few milliseconds, once.
    """
    try:
        with closing(Child([])) as child, child.permitted():
            child.lock_down([])
    except EngineUnavailable as error:
        return error
    return None

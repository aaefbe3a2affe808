"""Whether this host lets a guest run as a process of its own."""

from __future__ import annotations

from contextlib import closing
from functools import cache

from replay.engines.errors import EngineUnavailable
from replay.engines.native.child import Child


@cache
def why_unavailable() -> str:
    """Why there is no native engine here, and what to do about it; empty where there is one.

    It makes such a process, locks it down and ends it, which takes a few milliseconds, once.
    """
    try:
        with closing(Child([])) as child, child.permitted():
            child.lock_down([])
    except EngineUnavailable as error:
        return str(error)
    return ""

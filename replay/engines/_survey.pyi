from collections.abc import Callable
from typing import TypeAlias

Verdict: TypeAlias = tuple[int, int, int]

def walk(
    code: bytes, marks: bytearray, begin: int, end: int, judge: Callable[[int], Verdict], /
) -> None: ...
def code_sites(marks: bytearray, /) -> list[int]: ...

from monitors.calls import Call
from traces.events import KnownData, RecordedResult

class CompiledBuffer:
    def __init__(self, kinds: tuple[object, ...], known: type[KnownData], /) -> None: ...
    @property
    def pending(self) -> int: ...
    @property
    def event_count(self) -> int: ...
    def append(self, call: Call, result: RecordedResult, /) -> int: ...
    def put(self, data: bytes, /) -> int: ...
    def take(self) -> tuple[bytes, int, int]: ...
    def skip(self, count: int, /) -> None: ...
    def close(self) -> None: ...

def skim(
    payload: bytes,
    offset: int,
    count: int,
    readings: tuple[int, int, int, int],
    clock: tuple[int, int, int, int, int],
    tsc_hz: int,
    /,
) -> tuple[
    int,
    int,
    bytes,
    bytes,
    list[tuple[int, int]],
    tuple[int, int, int, int],
    tuple[int, int, int, int, int],
]: ...

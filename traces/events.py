"""Recorded crossings as values: what a trace keeps of a call and its result.

A recorded call has its small inputs as they were and its byte inputs as digests, since a replay
makes the bytes again and has only to compare them.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

from google_crc32c import value as crc32c

from monitors.calls import Result

_SHOWN_BYTES_MAX = 16


@dataclass(frozen=True, slots=True)
class BytesDigest:
    """What a trace keeps of bytes that the guest gave: their number and CRC32C (Castagnoli)."""

    length: int
    crc32c: int

    def __str__(self) -> str:
        return f"<{self.length} bytes, crc32c {self.crc32c:08x}>"


CallField = int | str | BytesDigest


@dataclass(frozen=True, slots=True)
class CallRecord:
    """A call's name (its class in ``monitors.calls``) and its inputs in the order of the format."""

    name: str
    fields: tuple[tuple[str, CallField], ...] = ()

    def __str__(self) -> str:
        shown = ", ".join(
            f"{name}={value!r}" if isinstance(value, str) else f"{name}={value}"
            for name, value in self.fields
        )
        return f"{self.name}({shown})"


@dataclass(frozen=True, slots=True)
class KnownData:
    """A block read that gave (status 0) bytes which this trace already holds.

    They are the guest's own writes or the data of earlier reads; whoever answers from the trace
    puts them together.
    """


KNOWN = KnownData()

RecordedResult = Result | KnownData


def describe_result(result: RecordedResult) -> str:
    """A result for people: long byte strings as digests."""
    if isinstance(result, KnownData):
        return "KnownData()"
    values = ((part.name, getattr(result, part.name)) for part in fields(result))
    shown = ", ".join(f"{name}={_short(value)}" for name, value in values)
    return f"{type(result).__name__}({shown})"


def _short(value: object) -> str:
    if isinstance(value, bytes) and len(value) > _SHOWN_BYTES_MAX:
        return str(BytesDigest(len(value), crc32c(value)))
    return repr(value)


@dataclass(frozen=True, slots=True)
class RecordedEvent:
    """One crossing as recorded, without its place."""

    call: CallRecord
    result: RecordedResult


@dataclass(frozen=True, slots=True)
class Event:
    """One crossing as recorded; ``index`` counts all crossings of the run from 0."""

    index: int
    call: CallRecord
    result: RecordedResult


@dataclass(frozen=True, slots=True)
class StateDigest:
    """The machine's state when crossing ``event`` was answered and its result was in the guest.

    ``registers`` and ``memory`` are opaque (at most 64 bytes); empty: not taken.
    """

    event: int
    registers: bytes
    memory: bytes

"""Copies of golden traces that are damaged or end too early."""

from __future__ import annotations

from pathlib import Path

from traces.framing import EVENTS, SUMMARY, BlockHead
from traces.reader import open_trace


def break_last_events(path: Path) -> int:
    """Damage the last block of events; the result is the first of them."""
    head = _last(path, EVENTS)
    data = bytearray(path.read_bytes())
    data[head.offset_bytes + head.head_bytes] ^= 0xFF
    path.write_bytes(data)
    return head.first_event


def cut_before_summary(path: Path) -> None:
    """Leave what a killed recorder leaves."""
    path.write_bytes(path.read_bytes()[: _last(path, SUMMARY).offset_bytes])


def _last(path: Path, tag: str) -> BlockHead:
    with open_trace(path) as trace:
        return [head for head in trace.blocks() if head.tag == tag][-1]

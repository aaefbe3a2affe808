"""Call stacks as a flame graph: one picture (SVG 1.1) without scripts, equal for equal stacks.

The width of a box is how often a function was on the stack, what it calls stands on it. Boxes side
by side are in order of their names, not of time. Names and shares are in the boxes' tooltips.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from xml.sax.saxutils import escape

from replay.export.folded import Folded
from replay.export.words import counted, one_line

_WIDTH, _MARGIN = 1200, 10
_BOX_HEIGHT, _HEAD = 17, 52
_CHARACTER_WIDTH = 6.6
_NARROWEST = 0.2
_DEPTH_MAX = 256
_PERCENT = 100

_STYLE = (
    "text{font:12px ui-monospace,Menlo,Consolas,monospace;fill:#1a1a1a}"
    ".title{font-size:17px}.note{fill:#666}"
    "g:hover rect{stroke:#000;stroke-width:1}"
)


@dataclass(slots=True)
class _Box:
    """A function under its callers; ``count`` includes what it calls."""

    name: str
    count: int = 0
    calls: dict[str, _Box] = field(default_factory=dict)

    def add(self, stack: tuple[str, ...], count: int) -> None:
        self.count += count
        box = self
        for name in stack[:_DEPTH_MAX]:
            box = box.calls.setdefault(name, _Box(name))
            box.count += count


def flame_graph(folded: Folded, title: str, note: str) -> bytes:
    """The picture, with two lines of text on it; ``note`` says what was counted."""
    root = _Box("all")
    for stack, count in folded.items():
        root.add(stack, count)
    unit = (_WIDTH - 2 * _MARGIN) / max(root.count, 1)
    boxes = list(_boxes(root, _MARGIN, 0, unit))
    depth = max((level for level, *_ in boxes), default=0) + 1
    height = _HEAD + depth * _BOX_HEIGHT + _MARGIN
    return "\n".join(
        (*_head(height, title, note), *_drawn(boxes, root, height), "</svg>\n")
    ).encode("utf-8", "replace")


def _boxes(
    box: _Box, x: float, level: int, unit: float
) -> Iterator[tuple[int, float, float, _Box]]:
    """Level, place, width and box of all that can be seen."""
    waiting = [(box, x, level)]
    while waiting:
        box, x, level = waiting.pop()
        width = box.count * unit
        if width < _NARROWEST:
            continue
        yield level, x, width, box
        for name in sorted(box.calls):
            waiting.append((box.calls[name], x, level + 1))
            x += box.calls[name].count * unit


def _head(height: int, title: str, note: str) -> Iterator[str]:
    yield '<?xml version="1.0" encoding="UTF-8"?>'
    size = f'width="{_WIDTH}" height="{height}" viewBox="0 0 {_WIDTH} {height}"'
    yield f'<svg xmlns="http://www.w3.org/2000/svg" version="1.1" {size}>'
    yield f"<style>{_STYLE}</style>"
    yield f'<rect width="{_WIDTH}" height="{height}" fill="#fcfcf9"/>'
    yield f'<text class="title" x="{_MARGIN}" y="24">{_xml(title)}</text>'
    yield f'<text class="note" x="{_MARGIN}" y="42">{_xml(note)}</text>'


def _drawn(boxes: list[tuple[int, float, float, _Box]], root: _Box, height: int) -> Iterator[str]:
    for level, x, width, box in boxes:
        y = height - _MARGIN - (level + 1) * _BOX_HEIGHT
        share = _PERCENT * box.count / root.count if root.count else 0
        tip = f"{box.name}: {counted(box.count, 'sample')}, {share:.2f} %"
        shape = f'x="{x:.2f}" y="{y}" width="{width:.2f}" height="{_BOX_HEIGHT - 1}"'
        label = _label(box.name, width)
        text = f'<text x="{x + 3:.2f}" y="{y + 12}">{_xml(label)}</text>' if label else ""
        yield f'<g><title>{_xml(tip)}</title><rect {shape} fill="{_colour(box.name)}"/>{text}</g>'


def _label(name: str, width: float) -> str:
    """As much of a name as a box has room for."""
    room = int((width - 6) / _CHARACTER_WIDTH)
    if len(name) <= room:
        return name
    return f"{name[: room - 1]}…" if room > 2 else ""


def _colour(name: str) -> str:
    """A warm one, always the same for a name."""
    hash_ = zlib.crc32(name.encode("utf-8", "replace"))
    return f"hsl({hash_ % 45 + 8},{70 + (hash_ >> 8) % 20}%,{66 + (hash_ >> 16) % 12}%)"


def _xml(text: str) -> str:
    return escape(one_line(text))

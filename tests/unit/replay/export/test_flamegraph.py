from __future__ import annotations

import re
import xml.etree.ElementTree as ET

from replay.export.flamegraph import flame_graph
from replay.export.folded import Folded

SVG = "{http://www.w3.org/2000/svg}"
STACKS: Folded = {
    ("main",): 10,
    ("main", "pay"): 60,
    ("main", "pay", "a_function_with_a_long_name"): 2,
    ("main", "audit"): 27,
    ("other",): 1,
}


def boxes(picture: bytes) -> dict[str, tuple[float, float, float]]:
    """Place, width and level of each box by its tooltip."""
    root = ET.fromstring(picture)
    found = {}
    for group in root.iter(f"{SVG}g"):
        box = group.find(f"{SVG}rect")
        title = group.findtext(f"{SVG}title")
        assert box is not None
        assert title is not None
        x, y, width = (float(box.attrib[key]) for key in ("x", "y", "width"))
        found[title.partition(":")[0]] = (x, width, y)
    return found


def test_widths_are_shares_and_calls_stand_on_their_callers() -> None:
    picture = flame_graph(STACKS, "app.hvt", "100 samples")
    found = boxes(picture)
    assert found["all"][:2] == (10, 1180)
    assert found["main"][:2] == (10, 1168.2)
    assert found["pay"][1] == 731.6
    names = ("all", "main", "pay", "a_function_with_a_long_name")
    heights = [found[name][2] for name in names]
    assert heights == sorted(heights, reverse=True)
    assert found["audit"][0] + found["audit"][1] == found["pay"][0], "in order of their names"
    assert b"main: 99 samples, 99.00 %" in picture
    assert b">app.hvt<" in picture
    assert b">100 samples<" in picture


def test_labels_have_room() -> None:
    texts = re.findall(
        r"<g>.*?(?:<text[^>]*>(.*?)</text>)?</g>", flame_graph(STACKS, "", "").decode()
    )
    assert texts == ["all", "", "main", "pay", "", "audit"]


def test_equal_for_equal_stacks() -> None:
    other = dict(reversed(list(STACKS.items())))
    assert flame_graph(STACKS, "a", "b") == flame_graph(other, "a", "b")


def test_what_cannot_be_seen_is_left_out() -> None:
    assert set(boxes(flame_graph({("a",): 100_000, ("b", "c"): 1}, "", ""))) == {"all", "a"}


def test_names_are_no_markup_and_depth_is_bounded() -> None:
    strange = flame_graph({("<script>", "\x00&\x1b"): 1, ("f",) * 5000: 1}, "<&>", "\x01")
    assert b"<script" not in strange
    names = boxes(strange)
    assert "<script>" in names
    assert "\\x00&\\x1b" in names
    assert len(strange) < 100_000


def test_no_stacks() -> None:
    assert boxes(flame_graph({}, "", "")) == {}

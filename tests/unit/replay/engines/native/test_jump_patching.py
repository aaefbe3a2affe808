from __future__ import annotations

import struct

import pytest

from replay.engines.native.jump_patching import (
    TRAPPING,
    TrampolinePlaces,
    Window,
    code_of,
    find_window,
    is_movable,
    jump_bytes,
    trampoline,
)
from replay.engines.native.layout import SiteCode
from replay.engines.sites import decode, site_at

BASE = 0x100000
NOP_CODE = b"\x90" * 64


def window_of(before: bytes, crossing: bytes, behind: bytes = b"\xc3") -> Window | None:
    """The window for the site ``crossing`` between other code."""
    code = b"\xc3" * 20 + before + crossing + behind + b"\xc3" * 30
    at = BASE + 20 + len(before)
    site = site_at(code[20 + len(before) :], at)
    assert site is not None

    def read(address: int, size: int) -> bytes:
        return code[address - BASE : address - BASE + size]

    return find_window(site, read, BASE, BASE + len(code), decode)


def test_a_constant_before_out_is_replaced_exactly() -> None:
    window = window_of(b"\xba\x01\x05\0\0", b"\xef")
    assert window is not None
    assert (window.start, window.end) == (BASE + 20, BASE + 25)
    assert window.site == window.end
    assert window.after == window.site + 1
    assert window.starts == (window.start,)
    assert not window.is_inside


def test_several_short_instructions_before_a_system_call() -> None:
    # mov %rbp,%rsi; xor %eax,%eax; syscall
    window = window_of(b"\x48\x89\xee\x31\xc0", b"\x0f\x05")
    assert window is not None
    assert window.starts == (BASE + 20, BASE + 23)
    assert window.moved == b"\x48\x89\xee\x31\xc0"


def test_rdtsc_takes_the_instructions_behind_it() -> None:
    # rdtsc; shl $32,%rdx
    window = window_of(b"\x90", b"\x0f\x31", b"\x48\xc1\xe2\x20\xc3")
    assert window is not None
    assert window.is_inside
    assert window.rest == b"\x48\xc1\xe2\x20"
    assert window.starts == (window.site, window.site + 2)


@pytest.mark.parametrize(
    "before",
    [
        b"\xc3",  # nothing that could be moved
        b"\x0f\x1f\x44\0\0",  # padding: the site is branched to
        b"\x8b\x05\x10\0\0\0",  # mov 16(%rip),%eax depends on its place
        b"\x48\x8b\x06\x89\xc2",  # mov (%rsi),%rax may fault
    ],
)
def test_what_cannot_be_moved(before: bytes) -> None:
    assert window_of(before, b"\xef") is None


def test_doubtful_code_is_left_alone() -> None:
    # The five bytes are also the end of a longer instruction: movabs $...,%rax
    assert window_of(b"\x48\xb8\xc3\xc3\xc3\xba\x01\x05\0\0", b"\xef") is not None
    window = window_of(b"\x48\xb8\xc3\xc3\xc3\xba\x01\x05\0\0", b"\xef")
    assert window is not None
    assert window.start != BASE + 25


@pytest.mark.parametrize(
    ("text", "movable"),
    [
        ("mov eax, 1", True),
        ("lea rax, [rsp + 8]", True),
        ("lea rax, [rip + 8]", False),
        ("mov rax, qword ptr [rsp]", False),
        ("mov ds, ax", False),
        ("mov cr0, rax", False),
        ("push rax", False),
        ("call 0x1000", False),
        ("rdtsc", False),
        ("xor eax, eax", True),
    ],
)
def test_movable_instructions(text: str, movable: bool) -> None:
    mnemonic, _, operands = text.partition(" ")
    assert is_movable(mnemonic, operands) is movable


def test_places_are_distinct_and_jumps_have_trapping_bytes_inside() -> None:
    places = TrampolinePlaces(0x24000000, 0x28000000)
    seen = set()
    for number in range(40):
        start = BASE + 64 * number
        starts = (start, start + 2 + number % 2)
        window = Window(start, start + 6, starts, start + 6, start + 7, SiteCode.OUT, b"", b"")
        at = places.place(window)
        assert at is not None
        assert at not in seen
        seen.add(at)
        code = jump_bytes(window, at)
        assert code[0] == 0xE9
        assert start + 5 + struct.unpack_from("<i", code, 1)[0] == at
        assert code[starts[1] - start] in TRAPPING
        assert code[5:] == b"\xcc"


def test_a_full_area_gives_nothing() -> None:
    window = Window(BASE, BASE + 5, (BASE,), BASE + 5, BASE + 6, SiteCode.OUT, b"", b"")
    places = TrampolinePlaces(0x24000000, 0x24000080)
    assert places.place(window) is not None
    assert places.place(window) is None


def test_a_trampoline_returns_behind_what_it_replaced() -> None:
    window = window_of(b"\x90", b"\x0f\x31", b"\x48\xc1\xe2\x20\xc3")
    assert window is not None
    made = trampoline(window, 0x24000000, 7, 0x123456789000, 0x123456780000)
    listing = decode(made.data[made.after - 0x24000000 :], made.after)
    assert [mnemonic for _, _, mnemonic, _ in listing[:2]] == ["shl", "jmp"]
    assert int(listing[1][3], 16) == window.end
    assert made.data[made.trap - 0x24000000] == 0xCC


def test_codes_of_sites() -> None:
    codes = {b"\xef": SiteCode.OUT, b"\x0f\x31": SiteCode.RDTSC, b"\x0f\x01\xf9": SiteCode.RDTSCP}
    codes[b"\x0f\x05"] = SiteCode.SYSCALL
    for code, expected in codes.items():
        site = site_at(code + NOP_CODE, BASE)
        assert site is not None
        assert code_of(site) is expected
    site = site_at(b"\xe6\x10" + NOP_CODE, BASE)  # out %al, $16
    assert site is not None
    assert code_of(site) is None

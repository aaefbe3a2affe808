from __future__ import annotations

from typing import cast

import pytest

from replay.engines.native.child import Child
from replay.engines.native.jumps import Jumps, TrampolinePart
from replay.engines.native.layout import Control
from replay.engines.sites import find_sites

TEXT = 0x100000
MEM_SIZE = 16 << 20
TOO_MUCH_MEMORY = 2 << 30
# nop...; rdtsc; shl $32,%rdx; or %rdx,%rax; ret, and then mov $0x501,%edx; out %eax,(%dx); ret
CODE = b"\x90" * 16 + b"\x0f\x31\x48\xc1\xe2\x20\x48\x09\xd0\xc3" + b"\xba\x01\x05\0\0\xef\xc3"
RDTSC = TEXT + 16
OUT = TEXT + len(CODE) - 2
# A branch is just behind it, and nothing but branches before.
LONELY = b"\xc3" * 40 + b"\x0f\x31\xc3\xc3" + b"\xc3" * 20


class Process:
    """A child's memory, as far as it has been written."""

    def __init__(self, code: bytes) -> None:
        self.bytes = {TEXT + at: value for at, value in enumerate(code)}
        self.mapped: list[tuple[int, ...]] = []

    def read(self, address: int, size: int) -> bytes:
        return bytes(self.bytes.get(at, 0x90) for at in range(address, address + size))

    def write(self, address: int, data: bytes) -> None:
        self.bytes.update((address + at, value) for at, value in enumerate(data))

    def call(self, *words: int) -> None:
        self.mapped.append(words)


class Prepared:
    """Jumps for all sites of ``code``."""

    def __init__(self, code: bytes = CODE, mem_size: int = MEM_SIZE) -> None:
        self.code = code
        self.process = Process(code)
        self.control = Control()
        self.jumps = Jumps(cast(Child, self.process), self.control, entry=1 << 40, shared=2 << 40)
        self.jumps.map_trampolines(mem_size)
        self.add()

    def add(self) -> None:
        self.jumps.add_sites(find_sites(self.code, TEXT), TEXT, TEXT + len(self.code))

    @property
    def text(self) -> bytes:
        return self.process.read(TEXT, len(self.code))


def test_jumps_are_in_the_code_only_while_they_are_installed() -> None:
    prepared = Prepared()
    assert (prepared.jumps.site_count, prepared.control.site_count) == (2, 2)
    assert prepared.text == CODE
    prepared.jumps.install()
    assert prepared.text[16] == prepared.text[26] == 0xE9
    prepared.jumps.remove()
    assert prepared.text == CODE
    assert not prepared.jumps.redirects


def test_code_is_prepared_anew_without_what_it_was_prepared_for_before() -> None:
    prepared = Prepared()
    prepared.add()
    assert prepared.jumps.site_count == 2


def test_a_site_without_room_is_named_once() -> None:
    prepared = Prepared(LONELY)
    prepared.add()
    assert prepared.jumps.site_count == 0
    assert prepared.jumps.sites_without == {TEXT + 40}


def test_without_room_for_trampolines_no_site_has_a_jump() -> None:
    prepared = Prepared(mem_size=TOO_MUCH_MEMORY)
    assert not prepared.process.mapped
    assert prepared.jumps.sites_without == {RDTSC, OUT}


@pytest.mark.parametrize(("address", "is_left"), [(TEXT, False), (OUT, True), (OUT - 5, True)])
def test_an_avoided_instruction_stays_where_it_is(address: int, is_left: bool) -> None:
    prepared = Prepared()
    prepared.jumps.avoid([address], everything=False)
    prepared.jumps.install()
    assert (prepared.text[26:] == CODE[26:]) is is_left
    assert prepared.text[16] == 0xE9
    assert prepared.jumps.site_count == 2
    prepared.jumps.avoid([], everything=False)
    prepared.jumps.install()
    assert prepared.text[26] == 0xE9


def test_all_jumps_can_be_avoided() -> None:
    prepared = Prepared()
    prepared.jumps.avoid([], everything=True)
    prepared.jumps.install()
    assert prepared.text == CODE


def test_a_jump_that_is_taken_back_does_not_return() -> None:
    prepared = Prepared()
    assert not prepared.jumps.take_back(RDTSC + 2)
    prepared.jumps.install()
    assert not prepared.jumps.take_back(RDTSC)
    assert prepared.jumps.take_back(RDTSC + 2)
    assert prepared.text[:26] == CODE[:26]
    prepared.jumps.remove()
    prepared.jumps.install()
    assert prepared.text[:26] == CODE[:26]


def test_a_trampoline_is_known_by_its_parts() -> None:
    prepared = Prepared()
    trap, after = prepared.control.sites[0].at, prepared.control.sites[0].after
    assert prepared.jumps.trapped_site(trap) == RDTSC
    assert prepared.jumps.trapped_site(after) is None
    assert prepared.jumps.part_at(trap) is TrampolinePart.ENTERING
    assert prepared.jumps.part_at(after) is TrampolinePart.LEAVING
    assert prepared.jumps.part_at(RDTSC) is None
    assert prepared.jumps.is_site(RDTSC)
    assert not prepared.jumps.is_site(TEXT)


def test_the_guest_goes_on_in_the_trampoline_and_nobody_sees_it() -> None:
    prepared = Prepared()
    prepared.jumps.install()
    after = prepared.control.sites[0].after
    assert prepared.jumps.redirects == {RDTSC + 2: after}
    assert prepared.jumps.guest_of(after) == RDTSC + 2
    assert prepared.jumps.guest_of(TEXT) == TEXT

"""What is found in code before it runs, and what is rightly not."""

from __future__ import annotations

import pytest

from monitors.manifest import Manifest
from monitors.ports import GuestImage, Protection, Segment
from replay.engines.known_code import KnownCode, Span
from replay.engines.portability import Concern, Finding, scan

BASE = 0x100000
CPUID, RDTSC, RDRAND_RAX = b"\x0f\xa2", b"\x0f\x31", b"\x48\x0f\xc7\xf0"
NOT_CODE = b"\x06\x07"  # push es, pop es: no instructions in 64-bit mode
MOV_EAX = b"\xb8"
RET = b"\xc3"

VALUES = {
    "rcpps": "0f53c1",
    "rcpss": "f30f53c1",
    "rsqrtps": "0f52c1",
    "rsqrtss": "f3410f52c1",
    "fsin": "d9fe",
    "fcos": "d9ff",
    "fsincos": "d9fb",
    "fptan": "d9f2",
    "fpatan": "d9f3",
    "f2xm1": "d9f0",
    "fyl2x": "d9f1",
    "fyl2xp1": "d9f9",
    "fxsave": "0fae00",
    "fxsave64": "480fae00",
    "fnstenv": "d93424",
    "fnsave": "dd742408",
}
LACKING = {
    "lzcnt": "f3480fbdc1",
    "movbe": "480f38f008",
    "adcx": "66480f38f6c1",
    "adox": "f3480f38f6c1",
    "sha256rnds2": "0f38cbc1",
    "sha1rnds4": "0f3accc100",
    "clflushopt": "660fae38",
    "xsave": "0fae20",
    "xrstor": "0fae28",
    "xgetbv": "0f01d0",
    "rdfsbase": "f3480faec0",
    "rdpid": "f30fc7f8",
    "vaddps": "c5f458c9",
    "andn": "c4e2f0f2c1",
    "vpaddd": "62f17548fec1",
    "xbegin": "c7f800000000",
}
HARMLESS = {
    "tzcnt, as compilers write bsf": "f30fbcc1",
    "bsr": "480fbdc1",
    "sfence": "0faef8",
    "ldmxcsr": "0fae1424",
    "fld1": "d9e8",
    "fsqrt": "d9fa",
    "cmpxchg16b": "480fc70f",
    "crc32": "f20f38f1c1",
    "pause": "f390",
    "a constant that looks like fsin": "b8d9fe0000",
    "a trapped instruction in its place": "0fa2",
}


def image_of(code: bytes, *, executable: bool = True) -> GuestImage:
    protection = Protection(BASE, BASE + 0x1000, writable=False, executable=executable)
    segments = (Segment(BASE, code),)
    return GuestImage("hvt", 2, Manifest(()), BASE, segments, (protection,), BASE + 0x1000)


def known(*functions: tuple[int, int], end: int = BASE + 0x1000) -> KnownCode:
    """One section from the guest's first byte on, with functions given by start and size."""
    spans = tuple(Span(start, start + size) for start, size in functions)
    return KnownCode((Span(BASE, end),), spans)


@pytest.mark.parametrize(("name", "code"), VALUES.items(), ids=VALUES)
def test_instructions_whose_value_differs(name: str, code: str) -> None:
    (found,) = scan(image_of(b"\x90" + bytes.fromhex(code) + RET))
    assert found.address == BASE + 1
    assert found.text.split()[0] == name
    assert found.concern is Concern.VALUE
    assert "unicorn" not in found.engines


@pytest.mark.parametrize(("name", "code"), LACKING.items(), ids=LACKING)
def test_instructions_that_the_virtual_processor_lacks(name: str, code: str) -> None:
    (found,) = scan(image_of(bytes.fromhex(code) + RET))
    assert found.text.split()[0] == name
    assert found.concern is Concern.BEYOND
    assert found.engines == ("kvm", "native", "unicorn")


@pytest.mark.parametrize("code", HARMLESS.values(), ids=HARMLESS)
def test_what_is_the_same_everywhere(code: str) -> None:
    assert scan(image_of(bytes.fromhex(code) + RET)) == []


def test_data_are_not_code() -> None:
    assert scan(image_of(bytes.fromhex(VALUES["fsin"]), executable=False)) == []


def test_a_vector_instruction_that_cannot_be_decoded() -> None:
    found = scan(image_of(b"\xc5\xfc\xff\xff" + NOT_CODE))
    assert [(each.address, each.concern) for each in found] == [(BASE, Concern.BEYOND)]


def test_code_goes_on_behind_bytes_that_are_none() -> None:
    found = scan(image_of(RET + NOT_CODE + bytes.fromhex("d9fe")))
    assert found == [Finding(BASE + 3, "fsin", Concern.VALUE)]


@pytest.mark.parametrize("trapped", [CPUID, RDTSC, RDRAND_RAX, b"\x0f\x01\xf9"])
def test_trapped_instructions_between_functions_may_hide(trapped: bytes) -> None:
    """A constant swallows them where one decodes straight on."""
    code = RET + MOV_EAX + trapped.ljust(4, b"\0") + RET
    found = scan(image_of(code), known((BASE, 1), (BASE + 6, 1)))
    assert [(each.address, each.concern) for each in found] == [(BASE + 2, Concern.HIDDEN)]


def test_between_functions_there_may_be_code_in_its_place() -> None:
    assert scan(image_of(RET + CPUID + RET), known((BASE, 1))) == []


def test_inside_a_function_nothing_hides() -> None:
    assert scan(image_of(MOV_EAX + CPUID + CPUID + RET), known((BASE, 6))) == []


def test_each_function_is_decoded_from_its_start() -> None:
    """What stands before it would swallow its first instruction."""
    code = RET + MOV_EAX + bytes.fromhex(VALUES["fsin"]) + 3 * RET
    assert scan(image_of(code), known((BASE, 1))) == []
    assert scan(image_of(code), known((BASE, 1), (BASE + 2, 3))) == [
        Finding(BASE + 2, "fsin", Concern.VALUE)
    ]


def test_constants_behind_the_last_section_are_no_code() -> None:
    code = RET + bytes.fromhex(VALUES["fsin"])
    assert scan(image_of(code), known(end=BASE + 1)) == []
    assert scan(image_of(code), known()) == [Finding(BASE + 1, "fsin", Concern.VALUE)]


def test_sections_that_lack_the_entry_point_are_not_believed() -> None:
    code = bytes.fromhex(VALUES["fsin"]) + RET
    wrong = KnownCode((Span(BASE + 2, BASE + 3),), (Span(BASE + 2, BASE + 3),))
    assert scan(image_of(code), wrong) == [Finding(BASE, "fsin", Concern.VALUE)]


def test_what_lies_outside_of_segments_does_no_harm() -> None:
    code = bytes.fromhex(VALUES["fsin"]) + RET
    wrong = KnownCode((Span(0, 1 << 64),), (Span(0, 8), Span(BASE + 2, 1 << 63)))
    assert scan(image_of(code), wrong) == [Finding(BASE, "fsin", Concern.VALUE)]

"""The C functions shared by bindings and programs, run on the host."""

from __future__ import annotations

import ctypes
import shutil
import subprocess

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from replay.toolchain.bindings import guest_tree

pytestmark = pytest.mark.skipif(
    shutil.which("gcc") is None, reason="gcc is not installed: apt-get install gcc binutils"
)

PROBE = """
#include <stdarg.h>
#include "format.h"
size_t probe(char *buf, size_t size, const char *format, ...);
size_t probe(char *buf, size_t size, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    size_t length = format_text(buf, size, format, args);
    va_end(args);
    return length;
}
"""


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> ctypes.CDLL:
    directory = tmp_path_factory.mktemp("freestanding")
    (directory / "probe.c").write_text(PROBE)
    folder = guest_tree() / "freestanding"
    sources = [directory / "probe.c", folder / "format.c", folder / "string.c"]
    output = directory / "freestanding.so"
    command = ["gcc", "-O2", "-ffreestanding", "-fPIC", "-shared", "-nostdlib", "-Wl,-Bsymbolic"]
    subprocess.run(
        [*command, f"-I{folder}", *map(str, sources), "-o", str(output)],
        check=True,
        capture_output=True,
    )
    loaded = ctypes.CDLL(str(output))
    loaded.probe.restype = ctypes.c_size_t
    return loaded


def formatted(library: ctypes.CDLL, text: str, *args: object, size: int = 200) -> tuple[bytes, int]:
    buffer = ctypes.create_string_buffer(b"\xee" * 201, 201)
    length = library.probe(buffer, ctypes.c_size_t(size), text.encode(), *args)
    assert buffer.raw[size:] == b"\xee" * (200 - size) + b"\xee"
    return buffer.raw[:size].split(b"\0")[0], length


@pytest.mark.parametrize(
    ("text", "args"),
    [
        ("plain", ()),
        ("%d %d %d", (0, -1, 2147483647)),
        ("%u", (4294967295,)),
        ("%x %08x %8x|", (0xABC, 0xABC, 0xABC)),
        ("%5d|%-5d|%05d|%05d", (42, 42, 42, -42)),
        ("%c%c%%", (ord("a"), ord("b"))),
        ("%3c|%-3c|", (ord("a"), ord("b"))),
        ("%s|%6s|%-6s|%2s", (b"one", b"two", b"six", b"long")),
    ],
)
def test_conversions_are_those_of_c(
    library: ctypes.CDLL, text: str, args: tuple[object, ...]
) -> None:
    wanted = text.encode() % args
    assert formatted(library, text, *args) == (wanted, len(wanted))


@pytest.mark.parametrize(
    ("text", "value", "wanted"),
    [
        ("%ld", -(2**63), b"-9223372036854775808"),
        ("%lu", 2**64 - 1, b"18446744073709551615"),
        ("%lld", 2**63 - 1, b"9223372036854775807"),
        ("%zu", 2**40, b"1099511627776"),
        ("%lx", 2**64 - 1, b"ffffffffffffffff"),
        ("%016lx", 0xABC, b"0000000000000abc"),
    ],
)
def test_64_bit_conversions(library: ctypes.CDLL, text: str, value: int, wanted: bytes) -> None:
    assert formatted(library, text, ctypes.c_uint64(value % 2**64))[0] == wanted


def test_pointers_have_a_prefix_even_when_null(library: ctypes.CDLL) -> None:
    assert formatted(library, "%p", ctypes.c_void_p(0x10AB))[0] == b"0x10ab"
    assert formatted(library, "%10p|", ctypes.c_void_p(None))[0] == b"       0x0|"


@pytest.mark.parametrize("text", ["%q", "100%", "%5", "a%lb"])
def test_unknown_conversions_are_printed_as_they_stand(library: ctypes.CDLL, text: str) -> None:
    assert formatted(library, text)[0] == text.encode()


@pytest.mark.parametrize("size", [1, 2, 5, 10])
def test_what_does_not_fit_is_cut_and_counted(library: ctypes.CDLL, size: int) -> None:
    assert formatted(library, "%s-%d", b"hello", 12345, size=size) == (
        b"hello-12345"[: size - 1],
        11,
    )


def test_nothing_is_written_into_no_space(library: ctypes.CDLL) -> None:
    assert formatted(library, "abc", size=0)[1] == 3


BYTES = st.binary(max_size=80)


@settings(deadline=None)
@given(data=BYTES, shift=st.integers(0, 40), size=st.integers(0, 40), at=st.integers(0, 40))
def test_memmove_and_memcpy(
    library: ctypes.CDLL, data: bytes, shift: int, size: int, at: int
) -> None:
    image = bytearray(data.ljust(80, b"\xaa"))
    memory = ctypes.create_string_buffer(bytes(image), 80)
    base = ctypes.addressof(memory)
    library.memmove(*(ctypes.c_void_p(base + x) for x in (at, shift)), ctypes.c_size_t(size))
    image[at : at + size] = image[shift : shift + size]
    assert memory.raw == bytes(image)
    library.memcpy(*(ctypes.c_void_p(base + x) for x in (0, 40)), ctypes.c_size_t(size))
    image[:size] = image[40 : 40 + size]
    assert memory.raw == bytes(image)


@settings(deadline=None)
@given(byte=st.integers(0, 511), at=st.integers(0, 20), size=st.integers(0, 40))
def test_memset(library: ctypes.CDLL, byte: int, at: int, size: int) -> None:
    memory = ctypes.create_string_buffer(b"\xaa" * 64, 64)
    address = ctypes.c_void_p(ctypes.addressof(memory) + at)
    library.memset(address, ctypes.c_int(byte), ctypes.c_size_t(size))
    assert memory.raw == (b"\xaa" * at + bytes([byte % 256]) * size).ljust(64, b"\xaa")


def sign(value: int) -> int:
    return (value > 0) - (value < 0)


@settings(deadline=None)
@given(left=BYTES, right=BYTES, size=st.integers(0, 90))
def test_comparisons(library: ctypes.CDLL, left: bytes, right: bytes, size: int) -> None:
    common = min(len(left), len(right))
    wanted = (left[:common] > right[:common]) - (left[:common] < right[:common])
    assert sign(library.memcmp(left, right, ctypes.c_size_t(common))) == wanted
    a, b = left.split(b"\0")[0], right.split(b"\0")[0]
    assert library.strlen(a) == len(a)
    assert sign(library.strcmp(a, b)) == (a > b) - (a < b)
    cut_a, cut_b = a[:size], b[:size]
    assert sign(library.strncmp(a, b, ctypes.c_size_t(size))) == (cut_a > cut_b) - (cut_a < cut_b)

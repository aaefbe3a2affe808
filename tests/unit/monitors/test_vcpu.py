from __future__ import annotations

import pytest

from monitors.calls.traps import CpuidReading
from monitors.vcpu import BadVirtualCpu, from_header, virtual_cpu

WESTMERE = virtual_cpu("westmere")


def register_bytes(*values: int) -> bytes:
    return b"".join(value.to_bytes(4, "little") for value in values)


def test_vendor_and_highest_leaf():
    leaf0 = WESTMERE.cpuid(0, 0)
    assert leaf0.eax == 0xB
    assert register_bytes(leaf0.ebx, leaf0.edx, leaf0.ecx) == b"GenuineIntel"


def test_features_of_leaf_1():
    leaf1 = WESTMERE.cpuid(1, 0)
    assert leaf1.eax == 0x206C1
    # hypervisor AES POPCNT SSE4.2 SSE4.1 CX16 SSSE3 PCLMULQDQ SSE3
    assert leaf1.ecx == 0x82982203
    # SSE2 SSE FXSR MMX CLFLUSH PSE36 PAT CMOV PGE CX8 PAE MSR TSC PSE DE FPU
    assert leaf1.edx == 0x078BA17D


@pytest.mark.parametrize("bit", [12, 22, 26, 27, 28, 29, 30], ids=str)
def test_absent_from_leaf_1(bit):
    """FMA, MOVBE, XSAVE, OSXSAVE, AVX, F16C, RDRAND."""
    assert not WESTMERE.cpuid(1, 0).ecx & (1 << bit)


def test_extended_features():
    assert WESTMERE.cpuid(0x80000000, 0).eax == 0x80000008
    extended = WESTMERE.cpuid(0x80000001, 0)
    assert extended.ecx == 0x1  # LAHF
    assert extended.edx == 0x28100800  # LM RDTSCP NX SYSCALL
    assert WESTMERE.cpuid(0x80000007, 0).edx == 0x100  # invariant TSC


def test_hypervisor_and_brand():
    hypervisor = WESTMERE.cpuid(0x40000000, 0)
    assert hypervisor.eax == 0x40000000
    signature = register_bytes(hypervisor.ebx, hypervisor.ecx, hypervisor.edx)
    assert signature == b"Solo5Replay\0"
    readings = [WESTMERE.cpuid(0x80000002 + n, 0) for n in range(3)]
    brand = b"".join(register_bytes(r.eax, r.ebx, r.ecx, r.edx) for r in readings)
    assert brand == b"Solo5-replay virtual processor".ljust(48, b"\0")


@pytest.mark.parametrize("leaf", [2, 4, 5, 6, 7, 0xA, 0xB, 0xC, 0x15, 0x40000001, 0x80000009])
def test_other_leaves_are_zero(leaf):
    for subleaf in (0, 1, 0xFFFFFFFF):
        assert WESTMERE.cpuid(leaf, subleaf) == CpuidReading(0, 0, 0, 0)


def test_subleaf_matters_only_where_it_selects():
    assert WESTMERE.cpuid(1, 5) == WESTMERE.cpuid(1, 0)
    seeded = virtual_cpu("westmere+rdseed")
    assert seeded.cpuid(7, 1) == CpuidReading(0, 0, 0, 0)


@pytest.mark.parametrize(
    ("name", "canonical", "rdrand", "rdseed"),
    [
        ("westmere", "westmere", False, False),
        ("westmere+rdrand", "westmere+rdrand", True, False),
        ("westmere+rdseed", "westmere+rdseed", False, True),
        ("westmere+rdseed+rdrand", "westmere+rdrand+rdseed", True, True),
    ],
)
def test_variants(name, canonical, rdrand, rdseed):
    cpu = virtual_cpu(name)
    assert cpu.name == canonical
    assert bool(cpu.cpuid(1, 0).ecx & (1 << 30)) is rdrand
    assert bool(cpu.cpuid(7, 0).ebx & (1 << 18)) is rdseed


@pytest.mark.parametrize("name", ["", "haswell", "westmere+", "westmere+avx", "+rdrand"])
def test_unknown_names(name):
    with pytest.raises(BadVirtualCpu):
        virtual_cpu(name)


def test_header_round_trip():
    cpu = virtual_cpu("westmere+rdrand+rdseed")
    assert from_header(cpu.to_header()) == cpu


ROW = [1, None, 1, 2, 3, 4]


@pytest.mark.parametrize(
    "header",
    [
        {},
        {"name": 5, "leaves": []},
        {"name": "x"},
        {"name": "x", "leaves": {}},
        {"name": "x", "leaves": [ROW] * 257},
        {"name": "x", "leaves": [5]},
        {"name": "x", "leaves": [ROW[:5]]},
        {"name": "x", "leaves": [[*ROW, 0]]},
        {"name": "x", "leaves": [["1", *ROW[1:]]]},
        {"name": "x", "leaves": [[1, -1, *ROW[2:]]]},
        {"name": "x", "leaves": [[1, None, 1 << 32, 2, 3, 4]]},
        {"name": "x", "leaves": [[1, None, True, 2, 3, 4]]},
    ],
)
def test_bad_headers(header):
    with pytest.raises(BadVirtualCpu):
        from_header(header)

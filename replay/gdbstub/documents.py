"""The XML that clients read: target description, memory map, threads.

Source: "Debugging with GDB", appendices G, E.15 and E.14.
"""

from __future__ import annotations

from xml.sax.saxutils import quoteattr

from replay.gdbstub.protocol.parsing import THE_THREAD
from replay.gdbstub.registers import CORE, FEATURES, SSE, Feature, Register

_FLAGS = {
    "CF": 0,
    "": 1,
    "PF": 2,
    "AF": 4,
    "ZF": 6,
    "SF": 7,
    "TF": 8,
    "IF": 9,
    "DF": 10,
    "OF": 11,
    "NT": 14,
    "RF": 16,
    "VM": 17,
    "AC": 18,
    "VIF": 19,
    "VIP": 20,
    "ID": 21,
}
_MXCSR = {
    **{name: bit for bit, name in enumerate(("IE", "DE", "ZE", "OE", "UE", "PE", "DAZ"))},
    **{name: bit for bit, name in enumerate(("IM", "DM", "ZM", "OM", "UM", "PM"), 7)},
    "FZ": 15,
}
_VECTORS = {
    "v8_bfloat16": ("bfloat16", 8),
    "v4_float": ("ieee_single", 4),
    "v2_double": ("ieee_double", 2),
    "v16_int8": ("int8", 16),
    "v8_int16": ("int16", 8),
    "v4_int32": ("int32", 4),
    "v2_int64": ("int64", 2),
}


def target_description() -> bytes:
    """``target.xml``: every register of every feature."""
    features = "".join(_feature(feature) for feature in FEATURES)
    return (
        '<?xml version="1.0"?><!DOCTYPE target SYSTEM "gdb-target.dtd">'
        f'<target version="1.0"><architecture>i386:x86-64</architecture>{features}</target>'
    ).encode()


def memory_map(size: int) -> bytes:
    """One piece of RAM of ``size`` bytes from address 0 on."""
    return (
        '<?xml version="1.0"?><!DOCTYPE memory-map PUBLIC "+//IDN gnu.org//DTD GDB Memory Map '
        'V1.0//EN" "http://sourceware.org/gdb/gdb-memory-map.dtd"><memory-map>'
        f'<memory type="ram" start="0x0" length="{size:#x}"/></memory-map>'
    ).encode()


def threads(name: str | None) -> bytes:
    """The one thread there is, under the guest's name; without a name there is none."""
    thread = ""
    if name is not None:
        thread = f'<thread id="{THE_THREAD:x}" core="0" name={quoteattr(name)}/>'
    return f'<?xml version="1.0"?><threads>{thread}</threads>'.encode()


def _feature(feature: Feature) -> str:
    registers = "".join(_register(register) for register in feature.registers)
    return f'<feature name="{feature.name}">{_types(feature)}{registers}</feature>'


def _types(feature: Feature) -> str:
    if feature is CORE:
        return _flags("i386_eflags", _FLAGS)
    return f"{_vec128()}{_flags('i386_mxcsr', _MXCSR)}" if feature is SSE else ""


def _register(register: Register) -> str:
    group = f' group="{register.group}"' if register.group else ""
    return f'<reg name="{register.name}" bitsize="{register.bits}" type="{register.type}"{group}/>'


def _flags(name: str, bits: dict[str, int]) -> str:
    fields = "".join(
        f'<field name="{field}" start="{bit}" end="{bit}"/>' for field, bit in bits.items()
    )
    return f'<flags id="{name}" size="4">{fields}</flags>'


def _vec128() -> str:
    vectors = "".join(
        f'<vector id="{name}" type="{kind}" count="{count}"/>'
        for name, (kind, count) in _VECTORS.items()
    )
    fields = "".join(f'<field name="{name}" type="{name}"/>' for name in _VECTORS)
    whole = '<field name="uint128" type="uint128"/>'
    return f'{vectors}<union id="vec128">{fields}{whole}</union>'

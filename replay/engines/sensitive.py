"""Which instructions a guest process must not simply execute.

Those of ``replay.engines.sites``; besides, what a process may execute and ring 0 of the virtual
processor would answer differently: selectors, flags and descriptor tables, which are the host's in
a process, and instructions that only newer processors have.
"""

from __future__ import annotations

import re
from dataclasses import replace

from replay.engines.sites import (
    LONGEST_INSTRUCTION,
    Site,
    SiteKind,
    decode,
    site_of,
    undecoded_site,
)

_EMULATED = frozenset(
    (
        *("pushf", "pushfq", "popf", "popfq", "int", "int1", "int3", "lar", "lsl", "verr", "verw"),
        *("sgdt", "sidt", "sldt", "str", "smsw", "lss", "lfs", "lgs"),
    )
)
_PRIVILEGED = frozenset(
    (
        *("cli", "sti", "clts", "lgdt", "lidt", "lldt", "ltr", "lmsw", "invd", "wbinvd"),
        *("invlpg", "swapgs"),
    )
)
_LACKING = frozenset(
    (
        *("xgetbv", "xsetbv", "xsave", "xsave64", "xsavec", "xsavec64", "xsaveopt", "xsaveopt64"),
        *("xsaves", "xsaves64", "xrstor", "xrstor64", "xrstors", "xrstors64"),
        *("rdfsbase", "rdgsbase", "wrfsbase", "wrgsbase", "rdpid", "movbe", "adcx", "adox"),
        *("sha1msg1", "sha1msg2", "sha1nexte", "sha1rnds4"),
        *("sha256msg1", "sha256msg2", "sha256rnds2", "gf2p8mulb", "gf2p8affineqb"),
        *("gf2p8affineinvqb", "clflushopt", "clwb", "monitorx", "mwaitx", "clzero", "rdpru"),
        *("vmcall", "vmmcall", "vmfunc", "extrq", "insertq", "movntss", "movntsd"),
        *("xbegin", "xabort", "xend", "xtest", "serialize", "umonitor", "umwait", "tpause"),
        *("wrpkru", "rdpkru", "movdiri", "movdir64b", "enqcmd", "enqcmds", "ptwrite", "clui"),
        *("stui", "testui", "uiret", "senduipi", "enclu", "incsspd", "incsspq", "rsm", "getsec"),
        *("wrssd", "wrssq", "encodekey128", "encodekey256", "loadiwkey", "invpcid", "skinit"),
        *("vmrun", "vmload", "vmsave", "stgi", "clgi", "invlpga"),
    )
)
_SELECTOR_MOVE = re.compile(r"(?:[c-g]s|ss|[cd]r\d+),|.*, (?:[c-g]s|ss|[cd]r\d+)$")
_SELECTOR = frozenset(("cs", "ds", "es", "ss", "fs", "gs"))
_MOVES = frozenset(("mov", "push", "pop"))
_BIT_SCANS = frozenset(("tzcnt", "lzcnt"))
_KNOWN = frozenset(
    (
        *("rdtsc", "rdtscp", "rdrand", "rdseed", "cpuid", "rdmsr", "wrmsr", "hlt", "rdpmc"),
        *("out", "in", "outsb", "outsd", "outsw", "insb", "insd", "insw", "monitor", "mwait"),
        *("iret", "iretd", "iretq", "retf", "retfq", "lcall", "ljmp"),
        *("sysret", "sysretq", "sysenter", "sysexit", "sysexitq", "syscall"),
        *("rep outsb", "rep outsd", "rep outsw", "rep insb", "rep insd", "rep insw"),
    )
)
_DIRECT = frozenset(("call", "jmp"))
_HARMLESS = frozenset((SiteKind.PAUSE,))
_VECTOR_BYTES = frozenset((0xC4, 0xC5, 0x62))
_LEGACY_PREFIXES = frozenset((0x26, 0x2E, 0x36, 0x3E, 0x64, 0x65, 0x66, 0x67, 0xF0, 0xF2, 0xF3))
# What Capstone may not know: rdpru, clzero, monitorx, mwaitx, vmmcall, vmcall, xgetbv, xsetbv,
# xend, xtest, serialize, rdpkru, wrpkru, enclu; those of 0F C7 and 0F AE on registers; SHA, MOVBE,
# ADX, GFNI, MOVDIR and Key Locker.
_UNKNOWN = re.compile(
    rb"[\x26\x2e\x36\x3e\x40-\x4f\x64-\x67\xf0\xf2\xf3]*"
    rb"(?:\x0f\x01[\xc1\xd0\xd1\xd5-\xd7\xd9\xe8-\xef\xf9-\xfd]|\x0f\xc7[\xf0-\xff]"
    rb"|\x0f\xae[\xc0-\xdf\xf0-\xf7]|\x0f\x38[\xc8-\xcf\xd8-\xda\xdc-\xdf\xf0\xf1\xf5\xf6\xf8-\xfc]"
    rb"|\x0f\x3a[\xcc\xce\xcf]|\xc7\xf8|\xc6\xf8|\x0f\xc7[\x18-\x37\x58-\x77\x98-\xb7]"
    rb"|\x0f\x78|\x0f\x79)",
    re.DOTALL,
)


def sensitive_at(code: bytes, address: int) -> tuple[Site | None, int]:
    """The site that the first instruction of ``code`` is, if it is one, and its length (0: not
    known)."""
    decoded = decode(code[:LONGEST_INSTRUCTION], address, 1)
    if not decoded:
        return _undecoded(code, address), 0
    _, length, mnemonic, operands = decoded[0]
    return classify(code[:length], address, mnemonic, operands), length


def _undecoded(code: bytes, address: int) -> Site | None:
    if match := _UNKNOWN.match(code):
        return Site(SiteKind.INVALID, address, match.end(), "(an invalid opcode)", match[0])
    return undecoded_site(code, address)


def classify(code: bytes, address: int, mnemonic: str, operands: str) -> Site | None:
    """The site that a decoded instruction is, if it is one."""
    if mnemonic in _MOVES:
        if not operands or not _is_selector_move(mnemonic, operands):
            return None
    elif mnemonic in _EMULATED or mnemonic in _PRIVILEGED:
        pass
    elif mnemonic in _LACKING:
        return _site(SiteKind.INVALID, code, address, mnemonic, operands)
    elif mnemonic in _BIT_SCANS and code[0] not in _VECTOR_BYTES:
        return _site(SiteKind.REWRITE, code, address, mnemonic, operands)
    else:
        return _known(code, address, mnemonic, operands)
    return _site(SiteKind.EMULATE, code, address, mnemonic, operands)


def _is_selector_move(mnemonic: str, operands: str) -> bool:
    if mnemonic == "mov":
        return _SELECTOR_MOVE.match(operands) is not None
    return operands in _SELECTOR


def _known(code: bytes, address: int, mnemonic: str, operands: str) -> Site | None:
    """A site of ``replay.engines.sites``; most instructions are none, and quickly so."""
    first = code[0]
    vector = first in _VECTOR_BYTES or (
        first in _LEGACY_PREFIXES and not _VECTOR_BYTES.isdisjoint(code[1:6])
    )
    far = mnemonic in _DIRECT and 0xFF in code[:6]
    if mnemonic not in _KNOWN and not vector and not far:
        return None
    site = site_of(code, address, mnemonic, operands)
    if site is None or site.kind in _HARMLESS:
        return None
    return replace(site, kind=SiteKind.EMULATE) if site.kind is SiteKind.CONTROL else site


def _site(kind: SiteKind, code: bytes, address: int, mnemonic: str, operands: str) -> Site:
    return Site(kind, address, len(code), f"{mnemonic} {operands}".strip(), code)

"""Which instructions a process must not simply execute."""

from __future__ import annotations

import pytest

from replay.engines.sensitive import sensitive_at
from replay.engines.sites import SiteKind
from tests.unit.replay.engines.guests import assemble

KINDS = {
    "mov eax, cs": SiteKind.EMULATE,
    "mov ds, eax": SiteKind.EMULATE,
    "push fs": SiteKind.EMULATE,
    "pushfq": SiteKind.EMULATE,
    "popfq": SiteKind.EMULATE,
    "sgdt [rax]": SiteKind.EMULATE,
    "str eax": SiteKind.EMULATE,
    "lar eax, ecx": SiteKind.EMULATE,
    "int 0x80": SiteKind.EMULATE,
    "syscall": SiteKind.EMULATE,
    "iretq": SiteKind.EMULATE,
    "mov rax, cr2": SiteKind.EMULATE,
    "swapgs": SiteKind.EMULATE,
    "tzcnt rax, rcx": SiteKind.REWRITE,
    "lzcnt rax, [rcx]": SiteKind.REWRITE,
    "rdtsc": SiteKind.TRAP,
    "rdrand r9w": SiteKind.TRAP,
    "out dx, eax": SiteKind.OUT,
    "rdmsr": SiteKind.RDMSR,
    "vzeroall": SiteKind.REFUSE,
    "rdpmc": SiteKind.REFUSE,
    "rdfsbase rax": SiteKind.INVALID,
    "movbe eax, [rdi]": SiteKind.INVALID,
    "adcx eax, ecx": SiteKind.INVALID,
    "xsave [rax]": SiteKind.INVALID,
    "sha1rnds4 xmm0, xmm1, 0": SiteKind.INVALID,
    "gf2p8mulb xmm0, xmm1": SiteKind.INVALID,
    "vmmcall": SiteKind.INVALID,
    "clzero": SiteKind.INVALID,
    "rdpru": SiteKind.INVALID,
    "serialize": SiteKind.INVALID,
    "rdpid rax": SiteKind.INVALID,
    "clwb [rax]": SiteKind.INVALID,
    "umonitor rax": SiteKind.INVALID,
}
HARMLESS = (
    *("nop", "pause", "mov rax, rcx", "mov rax, fs:[0]", "push rax", "crc32 eax, ecx"),
    *("popcnt rax, rcx", "bsf rax, rcx", "aesenc xmm0, xmm1", "ldmxcsr [rax]", "fxsave [rax]"),
    *("cmpxchg16b [rax]", "rep movsb", "call rax", "jmp [rax]", "sfence", "clflush [rax]"),
)


@pytest.mark.parametrize(("text", "kind"), KINDS.items(), ids=list(KINDS))
def test_sites(text: str, kind: SiteKind) -> None:
    site, _ = sensitive_at(assemble(text), 0x1000)
    assert site is not None
    assert (site.kind, site.address, site.length) == (kind, 0x1000, len(assemble(text)))


@pytest.mark.parametrize("text", HARMLESS)
def test_what_may_be_executed(text: str) -> None:
    assert sensitive_at(assemble(text), 0) == (None, len(assemble(text)))

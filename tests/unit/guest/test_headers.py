"""The C headers against the layouts and numbers of Solo5's ABIs."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from replay.toolchain.bindings import guest_tree

pytestmark = pytest.mark.skipif(
    shutil.which("gcc") is None, reason="gcc is not installed: apt-get install gcc binutils"
)

# hvt_abi.h, HVT_ABI_VERSION 2: size, then (field, offset).
HVT_LAYOUTS: dict[str, tuple[int, dict[str, int]]] = {
    "hvt_boot_info": (
        56,
        {"mem_size": 0, "kernel_end": 8, "cpu_cycle_freq": 16, "cmdline": 24, "mft": 32}
        | {"host_features": 40, "guest_features": 44, "net_ring": 48},
    ),
    "hvt_hc_walltime": (8, {"nsecs": 0}),
    "hvt_hc_puts": (16, {"data": 0, "len": 8}),
    "hvt_hc_poll": (24, {"timeout_nsecs": 0, "ready_set": 8, "ret": 16}),
    "hvt_hc_block_write": (40, {"handle": 0, "offset": 8, "data": 16, "len": 24, "ret": 32}),
    "hvt_hc_block_read": (40, {"handle": 0, "offset": 8, "data": 16, "len": 24, "ret": 32}),
    "hvt_hc_net_write": (32, {"handle": 0, "data": 8, "len": 16, "ret": 24}),
    "hvt_hc_net_read": (32, {"handle": 0, "data": 8, "len": 16, "ret": 24}),
    "hvt_hc_halt": (16, {"cookie": 0, "exit_status": 8}),
}

# spt_abi.h, SPT_ABI_VERSION 2.
SPT_LAYOUTS: dict[str, tuple[int, dict[str, int]]] = {
    "spt_boot_info": (
        40,
        {"mem_size": 0, "kernel_end": 8, "cmdline": 16, "mft": 24, "epollfd": 32, "timerfd": 36},
    ),
}

# mft_abi.h, MFT_VERSION 1, and solo5.h, v0.12.
OTHER_LAYOUTS: dict[str, tuple[int, dict[str, int]]] = {
    "mft_entry": (104, {"name": 0, "type": 68, "u": 72, "b": 88, "attached": 96}),
    "mft": (8, {"version": 0, "entries": 4, "e": 8}),
    "mft1_note": (24 + 8 + 2 * 104, {"m": 24}),
    "solo5_start_info": (24, {"cmdline": 0, "heap_start": 8, "heap_size": 16}),
    "solo5_net_info": (16, {"mac_address": 0, "mtu": 8}),
    "solo5_block_info": (16, {"capacity": 0, "block_size": 8}),
}

CONSTANTS = {
    "HVT_ABI_VERSION": 2,
    "HVT_GUEST_MIN_BASE": 0x100000,
    "HVT_HYPERCALL_PIO_BASE": 0x500,
    "HVT_HYPERCALL_MMIO_BASE": 0x100000000,
    "HVT_RING_KICK_PIO_BASE": 0x600,
    "HVT_RING_KICK_MMIO_BASE": 0x100000100,
    "HVT_CMDLINE_SIZE": 8192,
    "HVT_HALT_COOKIE_MAX": 512,
    "HVT_FEATURE_RING_IO": 1,
    "HVT_HYPERCALL_WALLTIME": 1,
    "HVT_HYPERCALL_PUTS": 2,
    "HVT_HYPERCALL_POLL": 3,
    "HVT_HYPERCALL_BLOCK_WRITE": 4,
    "HVT_HYPERCALL_BLOCK_READ": 5,
    "HVT_HYPERCALL_NET_WRITE": 6,
    "HVT_HYPERCALL_NET_READ": 7,
    "HVT_HYPERCALL_HALT": 8,
    "HVT_HYPERCALL_MAX": 9,
    "SPT_ABI_VERSION": 2,
    "SPT_GUEST_MIN_BASE": 0x100000,
    "SPT_HOST_MEM_BASE": 0x10000,
    "SPT_BOOT_INFO_BASE": 0x11000,
    "SPT_CMDLINE_SIZE": 8192,
    "SPT_INTERNAL_TIMERFD": 0xFFFFFFFE,
    "MFT_VERSION": 1,
    "MFT_MAX_ENTRIES": 64,
    "MFT_NAME_SIZE": 68,
    "MFT_NAME_MAX": 67,
    "MFT_DEV_BLOCK_BASIC": 1,
    "MFT_DEV_NET_BASIC": 2,
    "MFT_RESERVED_FIRST": 0x40000000,
    "SOLO5_R_OK": 0,
    "SOLO5_R_AGAIN": 1,
    "SOLO5_R_EINVAL": 2,
    "SOLO5_R_EUNSPEC": 3,
    "SOLO5_NET_ALEN": 6,
    "SOLO5_NET_HLEN": 14,
    "SOLO5_EXIT_SUCCESS": 0,
    "SOLO5_EXIT_FAILURE": 1,
    "SOLO5_EXIT_ABORT": 255,
    "sizeof(solo5_result_t)": 4,
    "sizeof(solo5_time_t)": 8,
    "sizeof(solo5_handle_t)": 8,
    "sizeof(solo5_handle_set_t)": 8,
    "sizeof(solo5_off_t)": 8,
}


def compile_c(directory: Path, text: str, *flags: str) -> str:
    """Compile a file with the headers in reach; the compiler's words, empty when it is content."""
    source = directory / "probe.c"
    source.write_text(text)
    command = ["gcc", "-std=gnu11", "-Wall", "-Wextra", "-Werror", *flags]
    command += [f"-I{guest_tree() / 'include'}", "-c", str(source)]
    command += ["-o", str(directory / "probe.o")]
    return subprocess.run(command, capture_output=True, text=True, check=False).stderr


def assertions() -> str:
    lines = [f"_Static_assert(({name}) == {value}, #name);" for name, value in CONSTANTS.items()]
    for struct, (size, fields) in (HVT_LAYOUTS | SPT_LAYOUTS | OTHER_LAYOUTS).items():
        lines.append(f'_Static_assert(sizeof(struct {struct}) == {size}, "{struct}");')
        lines += [
            f'_Static_assert(offsetof(struct {struct}, {field}) == {at}, "{struct}.{field}");'
            for field, at in fields.items()
        ]
    return "\n".join(lines).replace("#name", '"constant"')


HEADERS = ("solo5.h", "hvt_abi.h", "spt_abi.h", "elf_abi.h", "mft_abi.h")
INCLUDES = "#define MFT_ENTRIES 2\n" + "".join(f'#include "{header}"\n' for header in HEADERS)


def test_layouts_and_numbers(tmp_path: Path) -> None:
    assert compile_c(tmp_path, INCLUDES + assertions() + "\n") == ""


def test_a_wrong_number_would_be_noticed(tmp_path: Path) -> None:
    wrong = assertions().replace("(HVT_HYPERCALL_PUTS) == 2", "(HVT_HYPERCALL_PUTS) == 3")
    assert "static assertion failed" in compile_c(tmp_path, INCLUDES + wrong + "\n")


@pytest.mark.parametrize("header", HEADERS)
def test_every_header_stands_alone_and_can_be_included_twice(tmp_path: Path, header: str) -> None:
    assert compile_c(tmp_path, f'#include "{header}"\n#include "{header}"\n') == ""


# The prototypes of solo5.h, v0.12: a function that differs is a conflicting declaration.
PROTOTYPES = """
int solo5_app_main(const struct solo5_start_info *);
void solo5_exit(int) __attribute__((noreturn));
void solo5_abort(void) __attribute__((noreturn));
size_t solo5_tls_size(void);
uintptr_t solo5_tls_tp_offset(uintptr_t);
solo5_result_t solo5_tls_init(uintptr_t);
solo5_result_t solo5_set_tls_base(uintptr_t);
solo5_time_t solo5_clock_monotonic(void);
solo5_time_t solo5_clock_wall(void);
void solo5_yield(solo5_time_t, solo5_handle_set_t *);
void solo5_console_write(const char *, size_t);
solo5_result_t solo5_net_acquire(const char *, solo5_handle_t *, struct solo5_net_info *);
solo5_result_t solo5_net_write(solo5_handle_t, const uint8_t *, size_t);
solo5_result_t solo5_net_read(solo5_handle_t, uint8_t *, size_t, size_t *);
solo5_result_t solo5_block_acquire(const char *, solo5_handle_t *, struct solo5_block_info *);
solo5_result_t solo5_block_write(solo5_handle_t, solo5_off_t, const uint8_t *, size_t);
solo5_result_t solo5_block_read(solo5_handle_t, solo5_off_t, uint8_t *, size_t);
"""


def test_prototypes(tmp_path: Path) -> None:
    declared = '#include "solo5.h"\n' + PROTOTYPES
    assert compile_c(tmp_path, declared) == ""
    names = [line.split("(")[0].split()[-1].lstrip("*") for line in PROTOTYPES.split("\n") if line]
    calls = "".join(f"extern __typeof__({n}) {n};\n" for n in names)
    assert compile_c(tmp_path, '#include "solo5.h"\n' + calls) == ""


def test_a_manifest_in_the_form_of_upstreams_generator_compiles(tmp_path: Path) -> None:
    text = """
#define MFT_ENTRIES 2
#include "mft_abi.h"
MFT1_NOTE_DECLARE_BEGIN
{
  .version = MFT_VERSION, .entries = 2,
  .e = {
    { .name = "", .type = MFT_RESERVED_FIRST },
    { .name = "storage", .type = MFT_DEV_BLOCK_BASIC },
  }
}
MFT1_NOTE_DECLARE_END
"""
    assert compile_c(tmp_path, text, "-ffreestanding") == ""

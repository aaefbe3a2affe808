"""Every bound on what is read from a trace and written to one, with its reason.

The writer obeys the same numbers as the reader, so that no recording is refused later.
"""

from __future__ import annotations

U64_MAX = 2**64 - 1
U32_MAX = 2**32 - 1

HEADER_BYTES_MAX = 256 * 1024
"""A header holds a command line of at most 8 KiB, 63 devices, a table of CPUID leaves and options;
a reader inflates small msgpack objects about sixtyfold, so that this stands for 16 MiB."""

HEADER_ITEMS_MAX = 1024
"""Entries of one map or array in a header."""

HEADER_DEPTH_MAX = 6
"""Nesting of maps and arrays below a header's free-form parts (cpu, host, options)."""

NAME_CHARS_MAX = 255
"""Names of guests, targets, monitors and engines: what a file name may have."""

MEM_SIZE_MAX = 4 * 1024**3
"""Guest memory in bytes: the page tables that targets specify reach 4 GiB."""

COMMAND_LINE_BYTES_MAX = 64 * 1024
"""hvt gives its guest 8192 bytes (hvt_abi.h, HVT_CMDLINE_SIZE); other targets may give more."""

DEVICES_MAX = 63
"""mft_abi.h, MFT_MAX_ENTRIES 64 less the reserved entry (MFT_VERSION 1)."""

GUEST_BYTES_MAX = 256 * 1024**2
"""A guest's ELF file with its debug information, which a reader holds in memory."""

BLOCK_BYTES = 256 * 1024
"""Inflated bytes of a block of several items: one seek costs reading one such block, and objects
of one byte inflate to 64 bytes in memory, 16 MiB in all."""

EVENT_BYTES_MAX = 32 * 1024**2
"""One event, and thus a block that holds nothing else: a block device's read of nearly 32 MiB. A
reader holds it three times (stored, inflated, unpacked), which stays well below 200 MB."""

EVENT_FIELDS_MAX = 15
"""Fields of an event, so that its array's head is always one byte (msgpack fixarray)."""

BLOCK_HEAD_BYTES_MAX = 44
"""The longest head: array 1, tag 2, four integers of 9, payload's length 5."""

COMPRESS_BYTES_MIN = 64
"""Below this a zstd frame's own 10 bytes outweigh what it saves."""

INDEX_STRIDE_BYTES = 64 * 1024
"""At least so much of the file lies between two blocks of events that the index lists, so that
many small blocks cost neither memory nor file."""

INDEX_BYTES_MAX = 16 * 1024**2
"""More than a million entries: 64 KiB strides over at least 50 GiB of file."""

DIGEST_BYTES_MAX = 64
"""A digest of registers or memory: 512 bits, the widest hash in use."""

TEXT_BYTES_MAX = 16 * 1024
"""The text of a broken rule (``Misuse``) or a run's end: a message, not a document."""

WINDOW_BYTES_MAX = 8 * 1024**2
"""What a zstd frame may ask its reader to remember; level 1 asks for 512 KiB."""

FILE_BYTES_MAX = 2**63 - 1
"""Offsets are signed in system calls."""

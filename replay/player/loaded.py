"""What memory holds before a guest runs: the ELF file's, what the monitor puts there, or zeros."""

from __future__ import annotations

import io
from functools import cached_property

from replay.player.symbols import Symbols
from replay.player.timeline import Timeline

_SECTIONS_MAX = 1 << 12


class Loaded:
    """Tells it of one guest."""

    def __init__(self, timeline: Timeline, symbols: Symbols) -> None:
        self._timeline = timeline
        self._symbols = symbols

    def describe(self, address: int, value: bytes) -> str:
        """In words, for bytes that nobody has written."""
        section = self.section_at(address)
        symbol = self._symbols.variable_at(address) or self._symbols.function_at(address)
        offset = f"+{address - symbol.address:#x}" if symbol and address != symbol.address else ""
        name = f", {symbol.name}{offset}" if symbol else ""
        if section is not None and section[1]:
            return f"in the guest's file: {section[0]}{name}"
        if not any(value):
            return f"0 since the start{f': {section[0]}{name}' if section else ''}"
        if self._is_loaded(address):
            return f"in the guest's file{name}"
        return "put there at boot, before the guest ran"

    def section_at(self, address: int) -> tuple[str, bool] | None:
        """The name of the section that a byte belongs to, and whether the file has its contents."""
        for start, end, name, in_file in self._sections:
            if start <= address < end:
                return name, in_file
        return None

    def _is_loaded(self, address: int) -> bool:
        segments = self._timeline.machine.image.segments
        return any(each.gpa <= address < each.gpa + len(each.data) for each in segments)

    @cached_property
    def _sections(self) -> list[tuple[int, int, str, bool]]:
        """Of those that are in memory; none for a file that cannot be read."""
        from elftools.elf.elffile import ELFFile

        try:
            elf = ELFFile(io.BytesIO(self._timeline.guest))
            if elf.num_sections() > _SECTIONS_MAX:
                return []
            return [
                (
                    each["sh_addr"],
                    each["sh_addr"] + each["sh_size"],
                    each.name,
                    each["sh_type"] != "SHT_NOBITS",
                )
                for each in elf.iter_sections()
                if each["sh_flags"] & 2 and not each["sh_flags"] & 0x400  # SHF_ALLOC, SHF_TLS
            ]
        except Exception:  # a general parser fails in every way there is on a hostile file
            return []

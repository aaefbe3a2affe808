"""The code around an address of the guest as it stands: its instructions and its source."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from replay.engines.disassembly import Syntax
from replay.player.debug_lines import Row
from replay.player.paged_view import paged
from replay.player.source_files import Source, SourceFiles
from replay.player.stops import View
from replay.player.symbols import Symbol, Symbols
from replay.tui.model.branches import is_taken
from replay.tui.model.highlight import highlighted
from replay.tui.model.listing import (
    LISTING_BYTES_MAX,
    Listing,
    instruction_start_before,
    listing_of,
    readable,
)
from replay.tui.model.rows import Line, visible

_LISTINGS_KEPT = 16
_FILES_KEPT = 32
_FILES_OF_LISTING_MAX = 12
_BEFORE_BYTES, _BEHIND_BYTES = 2048, 320
_MARGIN_BYTES = 64
_ADDRESSES = 1 << 64


@dataclass(frozen=True, slots=True)
class CodeSeen:
    """The code around ``at``; ``rip`` is where the guest stands.

    ``path`` and ``line`` are of the source line at ``at``, ``source`` what was found of the file.
    ``texts`` has the lines of all source files that the listing is from, as far as they were found,
    and ``code_lines`` the lines of ``path`` that there is code of, with the first of its addresses.
    ``taken`` says whether the branch at ``rip`` will be; None where there is none. ``problem``: why
    there are no instructions.
    """

    at: int
    rip: int
    function: str = ""
    listing: Listing = field(default_factory=Listing)
    path: str = ""
    line: int = 0
    source: Source | None = None
    texts: Mapping[str, tuple[Line, ...]] = field(default_factory=dict)
    code_lines: Mapping[int, int] = field(default_factory=dict)
    taken: bool | None = None
    problem: str = ""

    @property
    def text(self) -> tuple[Line, ...]:
        """The source file at ``at``; empty where there is none."""
        return self.texts.get(self.path, ())


class CodeLooker:
    """Looks at code, and keeps what was listed: most stops are in a function seen before."""

    def __init__(self, symbols: Symbols, sources: SourceFiles) -> None:
        self._symbols = symbols
        self._sources = sources
        self._listings: OrderedDict[tuple[int, bytes, Syntax], Listing] = OrderedDict()
        self._code_lines: OrderedDict[str, Mapping[int, int]] = OrderedDict()
        self._window = range(0)

    def look(self, view: View, at: int | None = None, *, syntax: Syntax = Syntax.INTEL) -> CodeSeen:
        """The code around an address, or around where the guest stands."""
        view = paged(view)
        registers = view.registers()
        rip = registers["rip"]
        at = rip if at is None else at
        listing = self._listed(view, self._span(view, at), at, at == rip, syntax)
        seen = self._with_source(CodeSeen(at, rip, listing=listing))
        if not listing.instructions:
            return replace(seen, problem=f"no memory can be read at {at:#x}")
        return self._with_texts(replace(seen, taken=_taken(seen, registers)))

    def _span(self, view: View, at: int) -> range:
        """The addresses to list: a function, or what is around in a large one or in none."""
        function = self._symbols.function_at(at)
        if function is not None and function.size <= 1:
            function = None  # a mere label
        if function is not None and function.size <= LISTING_BYTES_MAX:
            return range(function.address, min(function.end, _ADDRESSES))
        if not self._window.start <= at < self._window.stop - _MARGIN_BYTES:
            start = self._start_before(view, function, at)
            end = at + (_BEHIND_BYTES if function is None else LISTING_BYTES_MAX // 2)
            self._window = range(start, min(end, function.end if function else end, _ADDRESSES))
        return self._window

    def _listed(self, view: View, span: range, at: int, is_start: bool, syntax: Syntax) -> Listing:
        """What there is to list; from ``at`` on where decoding from the start does not come by it,
        or cannot begin there."""
        code = readable(view, span.start, span.stop)
        listing = self._listing(span.start, code, syntax)
        index = listing.index_of(at)
        if index is not None and (listing.instructions[index].address == at or not is_start):
            return listing
        self._window = range(at, max(span.stop, at + 1))
        return self._listing(at, readable(view, at, self._window.stop), syntax)

    def _start_before(self, view: View, function: Symbol | None, at: int) -> int:
        if function is None:
            return instruction_start_before(view, at)
        rows = [row.address for row in self._symbols.rows(function) if row.address <= at]
        near = [address for address in rows if address >= at - _BEFORE_BYTES]
        if near:
            return near[0]
        is_near = at - function.address <= LISTING_BYTES_MAX // 2
        return function.address if is_near else instruction_start_before(view, at)

    def _listing(self, start: int, code: bytes, syntax: Syntax) -> Listing:
        key = start, code, syntax
        found = self._listings.get(key)
        if found is None:
            found = listing_of(self._symbols, code, start, syntax)
            self._listings[key] = found
            while len(self._listings) > _LISTINGS_KEPT:
                self._listings.popitem(last=False)
        self._listings.move_to_end(key)
        return found

    def _with_source(self, seen: CodeSeen) -> CodeSeen:
        place = self._symbols.place(seen.at)
        seen = replace(seen, function=place.function, path=place.path, line=place.line)
        if not place.path:
            return seen
        source = self._sources.find(place.path, self._symbols.compiled_in(seen.at))
        return replace(seen, source=source, code_lines=self._lines_with_code(place.path))

    def _lines_with_code(self, path: str) -> Mapping[int, int]:
        if path not in self._code_lines:
            self._code_lines[path] = _first_addresses(self._symbols.rows_of_file(path), path)
            while len(self._code_lines) > _FILES_KEPT:
                self._code_lines.popitem(last=False)
        return self._code_lines[path]

    def _with_texts(self, seen: CodeSeen) -> CodeSeen:
        listed = {each.path: each.address for each in seen.listing.instructions if each.path}
        paths = list({seen.path: seen.at, **listed}.items())[:_FILES_OF_LISTING_MAX]
        texts = {}
        for path, address in paths:
            source = self._sources.find(path, self._symbols.compiled_in(address)) if path else None
            if source is not None and source.file is not None:
                texts[path] = highlighted(source.file, source.text)
        return replace(seen, texts=texts)


def _taken(seen: CodeSeen, registers: Mapping[str, int]) -> bool | None:
    index = seen.listing.index_of(seen.rip)
    if index is None:
        return None
    return is_taken(seen.listing.instructions[index].mnemonic, registers)


def _first_addresses(rows: Iterable[Row], path: str) -> Mapping[int, int]:
    found: dict[int, int] = {}
    for row in rows:
        if row.is_statement and row.path == path:
            found.setdefault(row.line, row.address)
    return found


def not_found(seen: CodeSeen) -> str:
    """Why there is no source to show, in lines; empty where there is some."""
    if not seen.path:
        return f"the guest has no source lines for {seen.at:#x}"
    if seen.source is None or seen.source.file is not None:
        return ""
    looked = "\n".join(f"  {visible(place)}" for place in seen.source.looked)
    return (
        f"{visible(seen.path)}:{seen.line} was not found:\n{looked}\n--source DIR says where it is"
    )

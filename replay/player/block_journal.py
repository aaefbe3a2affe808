"""Block devices' contents that can go back to what they were, for a replay that does."""

from __future__ import annotations

import os
from dataclasses import dataclass

from replay.player.blocks import KnownBlocks, nameless_file


@dataclass(frozen=True, slots=True)
class _Change:
    """``length`` bytes at ``offset`` of a device; the bytes before it lie at ``kept_at`` of the
    journal's file, those after it right behind."""

    handle: int
    offset: int
    length: int
    kept_at: int


class BlockJournal(KnownBlocks):
    """Known blocks with a memory of every change; a *mark* is a number of changes.

    What was known stays known when it goes back: a faithful replay never asks for more.
    """

    def __init__(self) -> None:
        super().__init__()
        self._changes: list[_Change] = []
        self._done = 0
        self._kept = nameless_file()
        self._kept_bytes = 0

    @property
    def mark(self) -> int:
        """How many changes have been made up to now."""
        return self._done

    def learn(self, handle: int, offset: int, data: bytes) -> None:
        """See ``KnownBlocks.learn``."""
        if self._done == len(self._changes):
            before = self.contents(handle, offset, len(data))
            kept = os.pwrite(self._kept.fileno(), before + data, self._kept_bytes)
            if kept != 2 * len(data):
                raise OSError(f"no room for {2 * len(data)} bytes of what block devices held")
            self._changes.append(_Change(handle, offset, len(data), self._kept_bytes))
            self._kept_bytes += kept
        super().learn(handle, offset, data)
        self._done += 1

    def go_to(self, mark: int) -> None:
        """Bring all contents to what they were, or will have become, after ``mark`` changes of
        those that have been made once."""
        while self._done > mark:
            self._done -= 1
            change = self._changes[self._done]
            self._put(change, change.kept_at)
        while self._done < mark:
            change = self._changes[self._done]
            self._put(change, change.kept_at + change.length)
            self._done += 1

    def close(self) -> None:
        """See ``KnownBlocks.close``."""
        super().close()
        self._kept.close()

    def _put(self, change: _Change, kept_at: int) -> None:
        data = os.pread(self._kept.fileno(), change.length, kept_at)
        super().learn(change.handle, change.offset, data)

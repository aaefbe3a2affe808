"""Places kept: checkpoints for this session, bookmarks and notes beside the trace for all."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path

from replay.gdbstub.errors import Refused
from replay.gdbstub.journey import Journey
from replay.gdbstub.monitor_command import MonitorCommand, number
from replay.player.notebook import Notebook, load_notebook, notebook_path
from replay.player.places import Places

_NAME_CHARS_MAX = 64
_NOTE_CHARS_MAX = 4096


class Marks:
    """All of them, over one journey."""

    def __init__(self, journey: Journey, places: Places) -> None:
        self._journey = journey
        self._places = places
        self._path = notebook_path(Path(journey.timeline.trace.path))
        places.bookmarks = lambda: self._notebook.bookmarks

    def commands(self) -> Sequence[MonitorCommand]:
        """The commands that make, list and remove them."""
        return (
            MonitorCommand("checkpoint", "keep this place under a number", self._checkpoint),
            MonitorCommand("info checkpoints", "list them", self._checkpoints),
            MonitorCommand("delete checkpoint N", "forget one", self._delete, least=1, most=1),
            MonitorCommand(
                "bookmark NAME", "keep this place beside the trace", self._mark, least=1, most=1
            ),
            MonitorCommand("info bookmarks", "list them", self._bookmarks),
            MonitorCommand("delete bookmark NAME", "forget one", self._unmark, least=1, most=1),
            MonitorCommand(
                "note [TEXT]", "write or take a note of this place", self._note, most=1, text=True
            ),
            MonitorCommand("info notes", "list them", self._notes),
        )

    @cached_property
    def _notebook(self) -> Notebook:
        try:
            return load_notebook(self._path)
        except OSError as error:
            raise Refused(f"{self._path}: {error.strerror}") from error

    # ---- checkpoints

    def _checkpoint(self, _: list[str]) -> str:
        position = self._journey.timeline.position
        return f"checkpoint {self._places.keep(position)} at {position}"

    def _checkpoints(self, _: list[str]) -> str:
        lines = (f"{number:>4} at {where}" for number, where in self._places.kept.items())
        return "\n".join(lines) or "no checkpoints"

    def _delete(self, words: list[str]) -> str:
        which = number(words[0].removeprefix("c"))
        self._places.forget(which)
        return f"checkpoint {which} is forgotten"

    # ---- bookmarks and notes

    def _mark(self, words: list[str]) -> str:
        name = words[0]
        if not name.isidentifier() or len(name) > _NAME_CHARS_MAX or self._places.is_taken(name):
            raise Refused(
                f"no name for a bookmark: {name!r} (letters and digits, as in first_loss)"
            )
        position = self._journey.timeline.position
        self._change(lambda book: book.bookmarks.update({name: position}))
        return f"bookmark {name} at {position}"

    def _bookmarks(self, _: list[str]) -> str:
        lines = (f"{name} at {where}" for name, where in sorted(self._notebook.bookmarks.items()))
        return "\n".join(lines) or "no bookmarks"

    def _unmark(self, words: list[str]) -> str:
        if words[0] not in self._notebook.bookmarks:
            raise Refused(f"there is no bookmark {words[0]!r}; `info bookmarks` lists them")
        self._change(lambda book: book.bookmarks.pop(words[0]))
        return f"bookmark {words[0]} is forgotten"

    def _note(self, words: list[str]) -> str:
        position = self._journey.timeline.position
        if not words:
            return self._notebook.notes.get(position, f"no note at {position}")
        text = words[0]
        if len(text) > _NOTE_CHARS_MAX or not text.isprintable():
            raise Refused(f"a note is one line of at most {_NOTE_CHARS_MAX} characters")
        self._change(lambda book: book.notes.update({position: text}))
        return f"noted at {position}"

    def _notes(self, _: list[str]) -> str:
        lines = (f"{where}: {text}" for where, text in sorted(self._notebook.notes.items()))
        return "\n".join(lines) or "no notes"

    def _change(self, change: Callable[[Notebook], object]) -> None:
        change(self._notebook)
        try:
            self._notebook.save(self._path)
        except OSError as error:
            raise Refused(f"{self._path}: {error.strerror}") from error

"""Bookmarks and notes of one trace.

They lie beside the trace as JSON, and are the user's own words: a file that cannot
be read is reported and never overwritten.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from replay.machine.position import Position, parse_position
from replay.player.errors import PlayerError

NOTEBOOK_SUFFIX = ".notes.json"
_VERSION = 1
_BYTES_MAX = 16 << 20


class BadNotebook(PlayerError):
    """The file beside the trace is not a notebook of ours."""


@dataclass(slots=True)
class Notebook:
    """``bookmarks`` are positions by name, ``notes`` texts by position."""

    bookmarks: dict[str, Position] = field(default_factory=dict)
    notes: dict[Position, str] = field(default_factory=dict)

    def save(self, path: Path) -> None:
        """Put it at ``path``, as a whole or not at all; raises OSError. An empty one is no file."""
        if not self.bookmarks and not self.notes:
            path.unlink(missing_ok=True)
            return
        content = {
            "version": _VERSION,
            "bookmarks": {name: str(at) for name, at in sorted(self.bookmarks.items())},
            "notes": {str(at): text for at, text in sorted(self.notes.items())},
        }
        beside = path.with_name(f"{path.name}.{os.getpid()}")
        try:
            beside.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", "utf-8")
            beside.replace(path)
        finally:
            beside.unlink(missing_ok=True)


def notebook_path(trace: Path) -> Path:
    """Where the notebook of a trace lies."""
    return trace.with_name(trace.name + NOTEBOOK_SUFFIX)


def load_notebook(path: Path) -> Notebook:
    """The notebook at ``path``, empty where there is none; raises BadNotebook or OSError."""
    try:
        if path.stat().st_size > _BYTES_MAX:
            raise BadNotebook(f"{path} is too large for notes; move it away to begin new ones")
        content = json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        return Notebook()
    except ValueError as error:
        raise BadNotebook(f"{path} holds no notes ({error}); move it away to begin new ones") from (
            error
        )
    return _parsed(path, content)


def _parsed(path: Path, content: Any) -> Notebook:
    try:
        if content["version"] != _VERSION:
            raise ValueError(f"version {content['version']!r}")
        bookmarks = {str(name): parse_position(at) for name, at in content["bookmarks"].items()}
        notes = {parse_position(at): str(text) for at, text in content["notes"].items()}
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise BadNotebook(
            f"{path} holds no notes of this version ({error}); move it away to begin new ones"
        ) from error
    return Notebook(bookmarks, notes)

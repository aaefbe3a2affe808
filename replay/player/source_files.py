"""Source files that a guest's debug information names, found on this host and read.

The names come from the guest and are untrusted. As in every debugger they may lead to any file that
the user can read, whose text is then shown and goes nowhere else; but only regular files are ever
opened, and never waited for, so that no name can touch a device or hang on a pipe.
"""

from __future__ import annotations

import os
import posixpath
import stat
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

SOURCE_BYTES_MAX = 4 << 20
"""Of one file; what people write is far shorter."""

_KEPT_BYTES_MAX = 32 << 20
_FOLDER_ENTRIES_MAX = 20_000
_FOLDER_DEPTH_MAX = 12
_LOOKED_MAX = 8
_PARTS_OF_GUESS = 2
_NAME_CHARACTERS_MAX = 4096


@dataclass(frozen=True, slots=True)
class Source:
    """A source file: ``path`` as the compiler wrote it, ``file`` where it was found.

    ``file`` is None where it was not; ``looked`` then has the places, with what was wrong there.
    ``is_guess``: only the end of the path agrees.
    """

    path: str
    file: str | None
    text: str = ""
    is_guess: bool = False
    looked: tuple[str, ...] = ()


class SourceFiles:
    """Finds and reads them; what was read once is kept.

    A path is tried as the compiler wrote it, then below each of ``folders`` and ``beside``; then
    that file anywhere below ``folders``, or below ``beside``, counts that has most of its end.
    """

    def __init__(self, folders: Sequence[Path], beside: Sequence[Path] = ()) -> None:
        self._given = len(folders)
        self._folders = [*folders, *(each for each in beside if each not in folders)]
        self._names: dict[Path, Mapping[str, Sequence[Path]]] = {}
        self._kept: dict[tuple[str, str], Source] = {}
        self._kept_bytes = 0

    def add(self, folder: Path) -> None:
        """Look below ``folder``, too, before all others; what was not found is looked for again."""
        self._folders.insert(0, folder)
        self._given += 1
        self._kept.clear()
        self._kept_bytes = 0

    def find(self, path: str, compiled_in: str = "") -> Source:
        """The file that ``path`` names; relative paths start in the folder ``compiled_in``."""
        key = path, compiled_in
        found = self._kept.pop(key, None)
        if found is None:
            found = self._look_for(path[:_NAME_CHARACTERS_MAX], compiled_in)
            self._kept_bytes += len(found.text)
        self._kept[key] = found
        while self._kept_bytes > _KEPT_BYTES_MAX and len(self._kept) > 1:
            self._kept_bytes -= len(self._kept.pop(next(iter(self._kept))).text)
        return found

    def _look_for(self, path: str, compiled_in: str) -> Source:
        looked: list[str] = []
        whole = posixpath.join(compiled_in, path)
        for file, is_guess in self._candidates(path, whole):
            text = _read(file)
            if isinstance(text, str):
                return Source(path, str(file), text, is_guess)
            looked.append(f"{file}: {text.problem}")
        looked += [f"below {folder}" for folder in self._folders]
        return Source(path, None, looked=tuple(looked[:_LOOKED_MAX]))

    def _candidates(self, path: str, whole: str) -> Iterator[tuple[Path, bool]]:
        if not path or "\0" in whole:
            return
        if whole.startswith("/"):
            yield Path(posixpath.normpath(whole)), False
        parts = _parts(path)
        if parts and not path.startswith("/"):
            yield from ((folder.joinpath(*parts), False) for folder in self._folders)
        yield from ((file, True) for file in self._guesses(_parts(whole)))

    def _guesses(self, parts: Sequence[str]) -> list[Path]:
        """The files of that name, those with the most of the path's end first. The name alone is
        enough only below a folder that somebody has given: there are many of some names."""
        found = []
        for number, folder in enumerate(self._folders):
            least = 1 if number < self._given else min(_PARTS_OF_GUESS, len(parts))
            for file in self._below(folder, parts):
                agreeing = _agreeing(file.parts, parts)
                if agreeing >= least:
                    found.append((number >= self._given, -agreeing, number, file))
        return [file for *_, file in sorted(found)[:1]]

    def _below(self, folder: Path, parts: Sequence[str]) -> Sequence[Path]:
        if folder not in self._names:
            self._names[folder] = _names_below(folder)
        return self._names[folder].get(parts[-1], ()) if parts else ()


@dataclass(frozen=True, slots=True)
class _Unread:
    problem: str


def _read(file: Path) -> str | _Unread:
    try:
        # To open a device can do something already, so that one looks before.
        if not stat.S_ISREG(file.stat().st_mode):
            return _Unread("not a regular file")
        opened = os.open(file, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
        with os.fdopen(opened, "rb") as stream:
            status = os.fstat(stream.fileno())
            if not stat.S_ISREG(status.st_mode):
                return _Unread("not a regular file")
            if status.st_size > SOURCE_BYTES_MAX:
                return _Unread(f"{status.st_size} bytes are too many")
            return stream.read(status.st_size).decode("utf-8", "replace")
    except OSError as error:
        return _Unread((error.strerror or "cannot be read").lower())


def _parts(path: str) -> list[str]:
    """A path's folders and name; a way up leads nowhere below a folder."""
    return [part for part in posixpath.normpath(path).split("/") if part not in ("", ".", "..")]


def _agreeing(file: Sequence[str], parts: Sequence[str]) -> int:
    count = 0
    for mine, its in zip(reversed(file), reversed(parts), strict=False):
        if mine != its:
            break
        count += 1
    return count


def _names_below(folder: Path) -> Mapping[str, Sequence[Path]]:
    """The files below a folder by name, without what is hidden; not all of a folder without end."""
    found: dict[str, list[Path]] = {}
    left = _FOLDER_ENTRIES_MAX
    depth = len(folder.parts) + _FOLDER_DEPTH_MAX
    for at, folders, names in os.walk(folder):
        here = Path(at)
        left -= len(names) + len(folders)
        if left < 0:
            break
        is_deep = len(here.parts) >= depth
        folders[:] = [] if is_deep else sorted(name for name in folders if name[:1] != ".")
        for name in names:
            found.setdefault(name, []).append(here / name)
    return found

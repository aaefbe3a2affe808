"""The session itself: commands, help, colours, pictures, and leaving."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from pathlib import Path

from replay.tui.desk import Desk, Handler, Refusal
from replay.tui.verbs import UnknownCommand, find_verb, key_names

_PICTURE_SUFFIX = ".svg"
_PICTURES_MAX = 1000


class Session:
    """The handlers of all verbs about the session."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def handlers(self) -> Mapping[str, Handler]:
        """By command."""
        return {
            "command": self._command,
            "help": self._help,
            "theme": self._theme,
            "source": self._source,
            "screenshot": self._screenshot,
            "quit": self._quit,
        }

    async def _command(self, _: str) -> None:
        self._desk.prompt(":")

    async def _help(self, argument: str) -> None:
        if not argument:
            self._desk.show_help()
            return
        try:
            verb = find_verb(argument)
        except UnknownCommand as error:
            raise Refusal(str(error)) from error
        keys = " or ".join(key_names(verb))
        also = f"; also {', '.join(verb.short)}" if verb.short else ""
        key = f" (key {keys})" if keys else ""
        self._desk.answer(f"{verb.command} {verb.usage}".rstrip() + f": {verb.about}{key}{also}")

    async def _theme(self, argument: str) -> None:
        themes = self._desk.theme_names()
        if not argument:
            self._desk.answer(f"themes: {', '.join(themes)}")
            return
        if argument not in themes:
            raise Refusal(f"there is no theme {argument!r}; there are {', '.join(themes)}")
        self._desk.use_theme(argument)

    async def _source(self, argument: str) -> None:
        folder = _path(argument)
        if not argument or not folder.is_dir():
            raise Refusal(f"source wants a folder, and {argument!r} is none")
        await self._desk.ask("source", lambda explorer: explorer.sources.add(folder))
        await self._desk.look_again()

    async def _screenshot(self, argument: str) -> None:
        path = _path(argument) if argument else self._free_picture()
        try:
            with path.open("x", encoding="utf-8") as file:
                file.write(self._desk.picture())
        except FileExistsError as error:
            raise Refusal(f"{path} exists, and nothing is overwritten") from error
        except OSError as error:
            raise Refusal(f"{path}: {error.strerror}") from error
        self._desk.say(f"the screen is in {path}")

    def _free_picture(self) -> Path:
        trace = self._desk.recording.path
        for number in range(1, _PICTURES_MAX + 1):
            path = trace.with_name(f"{trace.name}.{number}{_PICTURE_SUFFIX}")
            if not path.exists():
                return path
        raise Refusal(f"there are {_PICTURES_MAX} pictures beside the trace; give a name")

    async def _quit(self, _: str) -> None:
        self._desk.leave()


def _path(text: str) -> Path:
    """A path as one types it in a shell; ``~`` stays where nobody has such a home."""
    path = Path(text)
    with contextlib.suppress(RuntimeError):
        path = path.expanduser()
    return path

"""What can be typed behind gdb's ``monitor``: questions about the recording, and ways through it.

Every answer is text, refusals too: gdb has no other way to show them.
"""

from __future__ import annotations

from replay.gdbstub.errors import Refused, StubError
from replay.gdbstub.journey import Journey
from replay.gdbstub.monitor_command import MonitorCommand
from replay.gdbstub.monitor_marks import Marks
from replay.gdbstub.monitor_questions import Describe, Questions
from replay.gdbstub.monitor_ways import Ways
from replay.player.errors import PlayerError
from replay.player.places import Places
from traces.errors import TraceError


class MonitorCommands:
    """All commands, over one journey."""

    def __init__(self, journey: Journey, describe: Describe) -> None:
        self.places = Places(journey.timeline.start, journey.timeline.end)
        commands = (
            MonitorCommand("help [COMMAND]", "this list, or one of it", self._help, most=2),
            *Questions(journey, describe).commands(),
            *Ways(journey, self.places).commands(),
            *Marks(journey, self.places).commands(),
        )
        self._commands = {command.name: command for command in commands}

    def answer(self, line: str) -> str:
        """The answer to one line."""
        words = line.split()
        name, arguments = self._named(words) if words else ("help", [])
        command = self._commands.get(name)
        if command is None:
            return f"there is no command {words[0]!r}; `monitor help` lists them"
        if command.text and arguments:
            arguments = [" ".join(arguments)]
        if not command.least <= len(arguments) <= command.most:
            return f"usage: monitor {command.usage}"
        try:
            return command.action(arguments)
        except (StubError, PlayerError, TraceError) as refusal:
            return str(refusal)

    def _named(self, words: list[str]) -> tuple[str, list[str]]:
        """A command's name of two words or one, and its arguments."""
        both = " ".join(words[:2])
        return (both, words[2:]) if both in self._commands else (words[0], words[1:])

    def _help(self, words: list[str]) -> str:
        name = " ".join(words)
        if not name:
            width = max(len(command.usage) for command in self._commands.values())
            return "\n".join(
                f"monitor {command.usage:{width}}  {command.about}"
                for command in self._commands.values()
            )
        command = self._commands.get(name)
        if command is None:
            raise Refused(f"there is no command {name!r}; `monitor help` lists them")
        return f"monitor {command.usage}: {command.about}"

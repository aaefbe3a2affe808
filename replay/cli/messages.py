"""What the programs say on stderr."""

from __future__ import annotations

import sys

from replay.export.words import printable


def say(program: str, text: str) -> None:
    """One message, each of its lines under the program's name; control characters made visible."""
    for line in text.splitlines() or [""]:
        print(f"{program}: {printable(line)}", file=sys.stderr)

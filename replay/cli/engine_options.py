"""The choice of an engine as the programs offer and explain it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from replay.engines.registry import ENGINE_NAMES
from replay.export.words import one_line

if TYPE_CHECKING:
    from replay.engines.choice import Choice

ENGINE_HELP = f"auto (the best that works here), or {', '.join(ENGINE_NAMES)}"


def explain_choice(choice: Choice) -> Iterator[str]:
    """Why the engines that would have come before the one in use do not do, a line each."""
    for problem in choice.passed_over:
        yield f"not engine {problem.engine}: {one_line(problem.reason)}"

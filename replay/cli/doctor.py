"""``solo5-replay doctor``: what works on this host, what does not, and what to do about it."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict

from replay.cli.exit_codes import ReplayStatus
from replay.cli.host_checks import Finding, examine_host
from replay.export.words import one_line

_USAGE = """\
usage: solo5-replay doctor [--json]

A table of the engines and of what devices and tools need of this host, with the reason and the
remedy for what is missing. The exit status is 0 when there is an engine that works, else 125.
"""
_COLUMNS = 80
_TARGETS = ("hvt", "spt")


def main(words: Sequence[str] = ()) -> int:
    """Print the table; the result is the exit status."""
    if tuple(words) not in ((), ("--json",)):
        print(_USAGE, end="")
        return 0 if tuple(words) in (("-h",), ("--help",)) else ReplayStatus.USAGE
    engines = dict(examine_engines())
    findings = [*engines.values(), *examine_host()]
    print(_as_json(findings, engines) if words else render(findings) + _best_text(engines))
    works = any(finding.works for finding in engines.values())
    return 0 if works else ReplayStatus.CANNOT_REPLAY


def examine_engines() -> Iterator[tuple[str, Finding]]:
    """Each engine is tried out."""
    from replay.engines.choice import ONLY_HVT, PREFERRED, why_unusable

    for name in PREFERRED:
        purpose = "hvt guests" if name in ONLY_HVT else "hvt and spt guests"
        problem = why_unusable(name)
        if problem is None:
            yield name, Finding(f"engine {name}", True, purpose)
        else:
            yield name, Finding(f"engine {name}", False, purpose, problem.reason, problem.remedy)


def render(findings: Sequence[Finding]) -> str:
    """The table as text of 80 columns; what is missing has its reason and remedy in lines of their
    own."""
    width = max(len(finding.facility) for finding in findings)
    lines = []
    for finding in findings:
        mark = "yes" if finding.works else "no"
        lines.append(f"{finding.facility:<{width}}  {mark:<3}  {finding.purpose}")
        for word, text in (("why", finding.detail), ("try", finding.remedy)):
            if text and not finding.works:
                lines += _wrapped(f"{'':<{width}}       {word}: ", one_line(text))
    return "\n".join(lines) + "\n"


def _wrapped(label: str, text: str) -> list[str]:
    return textwrap.wrap(
        text,
        _COLUMNS,
        initial_indent=label,
        subsequent_indent=" " * len(label),
        break_long_words=False,
        break_on_hyphens=False,
    )


def _best(engines: Mapping[str, Finding], target: str) -> str | None:
    """The engine that ``--engine auto`` takes for guests of ``target``."""
    from replay.engines.choice import ONLY_HVT

    fits = (name for name in engines if target == "hvt" or name not in ONLY_HVT)
    return next((name for name in fits if engines[name].works), None)


def _best_text(engines: Mapping[str, Finding]) -> str:
    best = {target: _best(engines, target) for target in _TARGETS}
    return "\n".join(
        f"--engine auto for {target} guests: {name or 'none works'}"
        for target, name in best.items()
    )


def _as_json(findings: Sequence[Finding], engines: Mapping[str, Finding]) -> str:
    data = {
        "facilities": [asdict(finding) for finding in findings],
        "auto": {target: _best(engines, target) for target in _TARGETS},
    }
    return json.dumps(data, indent=2)

"""`python -m bench`: measure, print, and write bench/results.md."""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path

from bench.figures import COLUMNS, Answer
from bench.machine import description

QUESTIONS = (
    "startup",
    "compute",
    "clocks",
    "console",
    "translation",
    "text",
    "native",
    "http",
    "kvm",
    "timetravel",
    "tui",
)
_RESULTS = Path(__file__).with_name("results.md")
_INTRODUCTION = """\
# Results

Written by `{command}`. Every figure that matters is a ratio, or a difference, of two things
measured in turn in this one run: the median over all rounds, with medians, smallest and largest
values beside it. The baseline "un-recorded" is the same engine, machine, door and live devices with
nothing written down.
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Answer the questions asked for; status 1 when a goal was missed."""
    arguments = _parser().parse_args(argv)
    questions = arguments.questions or QUESTIONS
    started = time.perf_counter()
    machine = description()
    answers = []
    with tempfile.TemporaryDirectory(prefix="solo5-bench-") as name:
        for question in questions:
            module = import_module(f"bench.{question}")
            answers.append(module.answer(Path(name), quick=arguments.quick))
            print(_section(answers[-1]), flush=True)
    words = " ".join(("python -m bench", *(sys.argv[1:] if argv is None else argv)))
    if tuple(questions) == QUESTIONS and not arguments.quick:
        _RESULTS.write_text(_report(words, machine, answers), encoding="utf-8")
        print(f"written to {_RESULTS}")
    missed = [figure.name for answer in answers for figure in answer.figures if figure.missed]
    for figure in missed:
        print(f"MISSED: {figure}")
    print(f"{time.perf_counter() - started:.0f} s in all")
    return 1 if missed and not arguments.quick else 0


def _report(command: str, machine: Sequence[str], answers: Sequence[Answer]) -> str:
    parts = [_INTRODUCTION.format(command=command)]
    parts.append("\n".join(f"- {line}" for line in machine) + "\n")
    parts += [_section(answer) for answer in answers]
    return "\n".join(parts)


def _section(answer: Answer) -> str:
    rows = "\n".join(f"| {' | '.join(figure.row())} |" for figure in answer.figures)
    note = f"\n{answer.note}\n" if answer.note else ""
    table = f"| {' | '.join(COLUMNS)} |\n|---|---:|---:|---|---|\n{rows}\n"
    return f"## {answer.question}\n\n{table if rows else ''}{note}"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m bench",
        description="Measure recording and replay. A full run of all questions rewrites "
        "bench/results.md; exit status 1 when it missed a goal; a quick run is too rough to judge.",
    )
    parser.add_argument("--quick", action="store_true", help="small and rough: does it work at all")
    parser.add_argument(
        "questions", nargs="*", type=_question, metavar="QUESTION", help=", ".join(QUESTIONS)
    )
    return parser


def _question(text: str) -> str:
    if text not in QUESTIONS:
        raise argparse.ArgumentTypeError(f"no question {text!r}; there are: {', '.join(QUESTIONS)}")
    return text


if __name__ == "__main__":
    raise SystemExit(main())

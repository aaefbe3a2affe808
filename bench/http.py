"""What does recording cost a web server under load, on the native engine?"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

from bench.figures import Answer, Figure, Samples
from tests.net.namespace import why_unavailable
from tests.stress.http_load import CONNECTIONS, THROUGHPUT_MIN, Bench, Load, Round

_ENGINE, _TARGETS = "native", ("hvt", "spt")
_BARE, _RECORDED = "un-recorded", "recording"


def answer(directory: Path, *, quick: bool) -> Answer:
    """The http program on a TAP device in a network namespace, asked by ApacheBench."""
    question = __doc__ or ""
    reason = why_unavailable()
    if not reason and shutil.which("ab") is None:
        reason = "the client is missing: apt-get install apache2-utils"
    if reason:
        return Answer(question, (), f"Not measured: {reason}.")
    requests, rounds = (1000, 2) if quick else (40_000, 20)
    figures: list[Figure] = []
    for target in _TARGETS:
        rates, cpu_us = _measure(directory, Load(_ENGINE, target, requests), rounds)
        figures += [_throughput(target, rates), _processor(target, cpu_us)]
    note = (
        f"Pages of 4000 bytes over {CONNECTIONS} connections that are kept, {requests} requests a "
        "round; which kind of a pair of rounds comes first changes from pair to pair. Throughput "
        "is by the wall clock, on a machine that guest, monitor and client share, the client on "
        "other processors than the guest. Processor time is that of guest and monitor. In rounds "
        "that are not recorded the agent encodes events all the same, and they are thrown away."
    )
    return Answer(question, figures, note)


def _measure(directory: Path, load: Load, rounds: int) -> tuple[Samples, Samples]:
    """Requests a second and microseconds of processor time a request, with and without a
    recording."""
    rates, cpu_us = Samples(), Samples()
    folder = directory / f"http-{load.target}"
    folder.mkdir()
    bench = Bench(folder, load)
    try:
        for number in range(rounds):
            for name, done in _pair(bench, recorded_first=bool(number % 2)):
                rates.add(name, done.rate)
                cpu_us.add(name, done.cpu_us)
    finally:
        bench.namespace.close()
    return rates, cpu_us


def _pair(bench: Bench, *, recorded_first: bool) -> Iterator[tuple[str, Round]]:
    """A round of each kind, one right after the other; the trace is not kept."""
    for recorded in (recorded_first, not recorded_first):
        done = bench.round(recorded=recorded)
        done.trace.unlink(missing_ok=True)
        yield _RECORDED if recorded else _BARE, done


def _throughput(target: str, rates: Samples) -> Figure:
    return Figure(
        f"requests a second, {target}: {_RECORDED} / {_BARE}",
        rates.ratio(_RECORDED, _BARE),
        "x",
        THROUGHPUT_MIN,
        f"{rates.ratio_spread(_RECORDED, _BARE)}; {rates.spread(_RECORDED)}; {rates.spread(_BARE)}",
        is_least=True,
    )


def _processor(target: str, cpu_us: Samples) -> Figure:
    return Figure(
        f"processor time a request, {target}: {_RECORDED} / {_BARE}",
        cpu_us.ratio(_RECORDED, _BARE),
        "x",
        None,
        f"{cpu_us.ratio_spread(_RECORDED, _BARE)}; us: {cpu_us.spread(_RECORDED)}; "
        f"{cpu_us.spread(_BARE)}",
    )

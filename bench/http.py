"""What does recording cost a web server under load, on the native engine?"""

from __future__ import annotations

import shutil
from pathlib import Path

from bench.figures import Answer, Figure, Samples
from tests.net.namespace import why_unavailable
from tests.stress.http_load import CONNECTIONS, THROUGHPUT_MIN, Bench, Load

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
    requests, rounds = (1000, 2) if quick else (10_000, 7)
    figures = [
        _figure(target, _rates(directory, Load(_ENGINE, target, requests), rounds))
        for target in _TARGETS
    ]
    note = (
        f"Pages of 4000 bytes over {CONNECTIONS} connections that are kept, {requests} requests a "
        "round. Wall time: guest, monitor and client share this machine."
    )
    return Answer(question, figures, note)


def _rates(directory: Path, load: Load, rounds: int) -> Samples:
    """Requests a second, with and without a recording in turns."""
    samples = Samples()
    folder = directory / f"http-{load.target}"
    folder.mkdir()
    bench = Bench(folder, load)
    try:
        for _ in range(rounds):
            for name, recorded in ((_BARE, False), (_RECORDED, True)):
                rate, trace = bench.requests_per_second(recorded=recorded)
                samples.add(name, rate)
                trace.unlink(missing_ok=True)
    finally:
        bench.namespace.close()
    return samples


def _figure(target: str, samples: Samples) -> Figure:
    return Figure(
        f"requests a second, {target}: {_RECORDED} / {_BARE}",
        samples.ratio(_RECORDED, _BARE),
        "x",
        THROUGHPUT_MIN,
        f"{samples.spread(_RECORDED)}; {samples.spread(_BARE)}",
        is_least=True,
    )

"""The web server's figures, with made-up rates; and where it cannot be measured."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

import pytest

from bench import http
from tests.stress.http_load import Load, Round


class Closed:
    """A namespace that must be given back."""

    closed = 0

    def close(self) -> None:
        Closed.closed += 1


class Rounds:
    """Like ``tests.stress.http_load.Bench``: recorded rounds are slower by a tenth and take a fifth
    more processor time. ``order`` has which of them were recorded."""

    order: ClassVar[list[bool]] = []

    def __init__(self, folder: Path, load: Load) -> None:
        assert folder.is_dir()
        assert load.engine == "native"
        self.namespace = Closed()
        self._folder = folder
        self._rate = 100.0 * load.requests

    def round(self, *, recorded: bool) -> Round:
        self.order.append(recorded)
        self._rate += 1.0
        trace = self._folder / "a.mp"
        if recorded:
            trace.write_bytes(b"trace")
        return Round(self._rate * (0.9 if recorded else 1.0), 12.0 if recorded else 10.0, trace)


def test_rounds_are_compared_in_pairs_and_leave_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http, "Bench", Rounds)
    monkeypatch.setattr(Rounds, "order", [])
    monkeypatch.setattr(http, "why_unavailable", lambda: "")
    monkeypatch.setattr(http.shutil, "which", lambda name: f"/usr/bin/{name}")
    monkeypatch.setattr(Closed, "closed", 0)
    figures = http.answer(tmp_path, quick=True).figures
    throughputs, processor_times = figures[::2], figures[1::2]
    assert [figure.name.split(":")[0] for figure in throughputs] == [
        "requests a second, hvt",
        "requests a second, spt",
    ]
    assert all(figure.missed and 0.89 < figure.value < 0.91 for figure in throughputs)
    assert [figure.value for figure in processor_times] == [pytest.approx(1.2)] * 2
    assert all("in all, 2 pairs" in figure.how for figure in figures)
    assert Closed.closed == len(throughputs)
    assert list(tmp_path.rglob("*.mp")) == []


def test_either_kind_comes_first_in_turn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "Bench", Rounds)
    monkeypatch.setattr(Rounds, "order", [])
    http._measure(tmp_path, Load("native", "hvt", 1), 4)
    assert Rounds.order == [False, True, True, False] * 2


@pytest.mark.parametrize(
    ("reason", "client", "words"),
    [("not root", "/usr/bin/ab", "not root"), ("", None, "apt-get install apache2-utils")],
)
def test_what_is_missing_is_named(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    reason: str,
    client: str | None,
    words: str,
) -> None:
    monkeypatch.setattr(http, "why_unavailable", lambda: reason)
    monkeypatch.setattr(http.shutil, "which", lambda _name: client)
    answer = http.answer(tmp_path, quick=True)
    assert answer.figures == ()
    assert words in answer.note

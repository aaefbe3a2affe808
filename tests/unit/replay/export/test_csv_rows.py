from __future__ import annotations

import csv
import io
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from monitors.calls.net import NetFrame, NetRead
from monitors.manifest import AttachedNet
from replay.export.csv_rows import COLUMNS, CsvExporter
from tests.unit.replay.export.captured import exported
from tests.unit.replay.made_traces import MakeTrace, make_header
from traces.header import BootInfo


def rows(data: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(data.decode(), newline="")))


def test_a_row_for_each_event(make_trace: MakeTrace) -> None:
    data, summary = exported(make_trace(), CsvExporter, {2: b'say "hi",\n'})
    found = rows(data)
    assert summary == "19 events"
    assert tuple(found[0]) == COLUMNS
    assert [row["event"] for row in found] == [str(number) for number in range(19)]
    assert list(found[2].values())[3:] == [
        *("ConsoleWrite", "console", "0", "6"),
        *("data='say \"hi\",\\n'", ""),
    ]
    assert list(found[10].values())[3:7] == ["NetRead", "service", "12", "0"]
    assert found[12]["device"] == "9"
    assert found[0]["date_s"] == "1700000000.123456789"
    assert b"\x1b" not in data
    assert b"\r" not in data


def test_names_are_no_formulas(make_trace: MakeTrace) -> None:
    devices = (AttachedNet(1, "=cmd()", bytes(6), 1500),)
    header = replace(make_header(), boot=BootInfo(b"", devices))
    path = make_trace([(NetRead(1, 9), NetFrame(1, b""))], header=header)
    assert rows(exported(path, CsvExporter)[0])[0]["device"] == "'=cmd()"


def test_a_database_takes_it(make_trace: MakeTrace, tmp_path: Path) -> None:
    if shutil.which("sqlite3") is None:
        pytest.skip("sqlite3 is not installed: apt-get install sqlite3")
    table = tmp_path / "run.csv"
    table.write_bytes(exported(make_trace(), CsvExporter)[0])
    commands = f".mode csv\n.import {table} events\nselect sum(bytes_in) from events;\n"
    out = subprocess.run(["sqlite3"], input=commands, capture_output=True, text=True, check=True)
    assert float(out.stdout) == 1036

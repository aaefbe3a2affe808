from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from replay.cli.trace import main
from replay.export.lcov import Coverage
from replay.player.executed import Executed
from replay.player.symbols import Symbols
from replay.toolchain.build import BuildRequest, build_guest
from replay.toolchain.programs import find_program
from tests.unit.replay.recordings import TARGET, Recorder

# The number of times that each line is executed; nothing where it has no code.
KNOWN = """\
#include "solo5.h"                                        //
static volatile int sum;                                  //
static int twice(int n)                                   //
{                                                         // 10
    return 2 * n;                                         // 10
}                                                         // 10
static void never(void)                                   //
{                                                         // 0
    sum = 1;                                              // 0
}                                                         // 0
static void choose(int n)                                 //
{                                                         // 10
    if (n % 3 == 0)                                       // 10
        sum += twice(n);                                  // 4
    else if (n > 100)                                     // 6
        never();                                          // 0
    else                                                  //
        sum -= 1;                                         // 6
}                                                         // 10
int solo5_app_main(const struct solo5_start_info *info)   //
{                                                         // 1
    (void)info;                                           //
    for (int i = 0; i < 10; i++)                          // 11
        choose(i);                                        // 10
    for (int i = 0; i < 6; i++)                           // 7
        sum += twice(i);                                  // 6
    return 0;                                             // 1
}                                                         // 1
"""


def known() -> dict[int, int]:
    """Line numbers and counts; a function begins with its brace."""
    counts = {}
    for number, line in enumerate(KNOWN.splitlines(), 1):
        count = line.rpartition("//")[2].strip()
        if count:
            counts[number] = int(count)
    return counts


def tracefile(text: str) -> dict[str, dict[int, int]]:
    """The counts of lines by file, whose totals agree."""
    files = {}
    for record in text.split("end_of_record\n")[:-1]:
        (path,) = re.findall(r"^SF:(.*)$", record, re.MULTILINE)
        lines = {int(a): int(b) for a, b in re.findall(r"^DA:(\d+),(\d+)$", record, re.MULTILINE)}
        assert f"LF:{len(lines)}\nLH:{sum(map(bool, lines.values()))}\n" in record
        calls = re.findall(r"^FNDA:(\d+),", record, re.MULTILINE)
        assert f"FNF:{len(calls)}\nFNH:{sum(call != '0' for call in calls)}\n" in record
        files[path] = lines
    return files


@pytest.fixture
def covered(recorder: Recorder, tmp_path: Path) -> Path:
    """The tracefile of a run of the guest above, whose source is beside it."""
    recorder.guest("hello")  # or skip where nothing can be built
    source = tmp_path / "known.c"
    source.write_text(KNOWN)
    guest = tmp_path / "known.hvt"
    request = BuildRequest(
        TARGET, find_program("hello").manifest, guest, (source,), optimization="0"
    )
    build_guest(request)
    recording = recorder.record("hello", changed={"guest": guest.read_bytes()})
    output = tmp_path / "known.info"
    words = ["lcov", str(recording.path), "--source", str(tmp_path), "-o", str(output)]
    assert main(["export", *words]) == 0
    return output


@pytest.mark.slow
def test_lines_with_known_answers(covered: Path) -> None:
    text = covered.read_text()
    found = tracefile(text)[str(covered.with_suffix(".c"))]
    assert found == known()
    assert "FN:4,twice\n" in text
    assert "FNDA:10,twice\n" in text
    assert "FNDA:0,never\n" in text
    assert "FNDA:1,solo5_app_main\n" in text


@pytest.mark.slow
def test_genhtml_shows_them(covered: Path, tmp_path: Path) -> None:
    if shutil.which("genhtml") is None:
        pytest.skip("genhtml is not installed: apt-get install lcov")
    only = tmp_path / "only.info"
    records = covered.read_text().split("end_of_record\n")
    only.write_text(
        "".join(f"{record}end_of_record\n" for record in records if "known.c\n" in record)
    )
    command = ["genhtml", "-o", tmp_path / "html", only]
    out = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    counts = known().values()
    hit = sum(map(bool, counts))
    assert re.search(rf"lines\.*: .*\({hit} of {len(counts)} lines\)", out), out
    (page,) = (tmp_path / "html").rglob("known.c.gcov.html")
    assert "return 2 * n;" in page.read_text()


def test_a_guest_without_lines() -> None:
    coverage = Coverage(Executed(0, [], b""), Symbols(b""), lambda path, _: path)
    assert coverage.tracefile() == b""
    assert (coverage.lines, coverage.functions) == ((0, 0), (0, 0))


def test_paths_are_looked_up_and_harmless(recorder: Recorder) -> None:
    symbols = Symbols(recorder.guest("hello"))
    asked = set()

    def find(path: str, folder: str) -> str:
        asked.add((path, folder))
        return f"/\x1b/{path}"

    text = Coverage(Executed(0, [], b""), symbols, find).tracefile().decode()
    files = tracefile(text)
    assert len(asked) == len(files) > 5
    assert all(path.startswith("/\\x1b/") for path in files)
    assert not any(count for lines in files.values() for count in lines.values())

"""Makes the recordings of which there are pictures. They hold guests, so that they depend on the
compiler, and are kept: pictures are to be the same on every machine.

    python -m tests.tui.make_pictured tests/tui/pictured
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path

from tests.gdb.recordings import Recordings
from tests.unit.replay.player.travelled import make_journey


def main(folder: Path) -> None:
    """Write all of them, with the source of the one whose source is nowhere else. That one is built
    where it is kept, below this tree, so that it names no folder of this machine."""
    built = folder.resolve() / "everything"
    built.mkdir(exist_ok=True)
    make_journey(built).path.rename(folder / "everything.mp")
    for path in built.iterdir():
        if path.name != "main.c":
            path.unlink()
    with tempfile.TemporaryDirectory() as scratch:
        recordings = Recordings(Path(scratch))
        shutil.copy(recordings.trace("net"), folder / "net.mp")
        shutil.copy(recordings.trace("flaky", "corrupt"), folder / "flaky.mp")


if __name__ == "__main__":
    main(Path(sys.argv[1]))

"""A recorder as a child that ends with its parent: the process behind ``solo5-record --tui``.

The parent holds one end of a pipe, the leash. When that is closed, by whatever end the parent came
to, the recorder is asked to end as by Ctrl-C, and finishes its trace. A byte on the leash lets it
run free.
"""

from __future__ import annotations

import os
import signal
import sys
import threading

FREE = b"f"


def main() -> None:
    """``LEASH WORDS…``: record as ``solo5-record WORDS…`` does; exits with its status."""
    from replay.cli.record import main as record

    leash, *words = sys.argv[1:]
    # Whoever starts programs in the background lets them ignore it.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    threading.Thread(target=_hold, args=(int(leash),), daemon=True).start()
    sys.exit(record(words))


def _hold(leash: int) -> None:
    if os.read(leash, 1) != FREE:
        os.kill(os.getpid(), signal.SIGINT)

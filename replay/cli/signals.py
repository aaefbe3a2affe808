"""Signals that end a program which somebody looks at."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Callable, Iterator

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@contextlib.contextmanager
def on_signals(action: Callable[[int], None]) -> Iterator[None]:
    """Handle Ctrl-C and the like by ``action``, which gets the signal's number; a handler, unlike
    SIG_IGN, is not inherited."""
    before = {number: signal.getsignal(number) for number in _SIGNALS}
    wakeup = signal.set_wakeup_fd(-1)
    for number in _SIGNALS:
        signal.signal(number, lambda number, _: action(number))
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        signal.set_wakeup_fd(wakeup)

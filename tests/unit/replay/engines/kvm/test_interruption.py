from __future__ import annotations

import signal
import threading
from typing import Any

from replay.engines.kvm import api
from replay.engines.kvm.interruption import SIGNAL, Interruption


def test_a_request_ends_the_next_run(scripted: Any) -> None:
    vcpu = scripted([]).vcpu
    interruption = Interruption(vcpu)
    interruption.request()
    assert (interruption.requested, vcpu.page[api.IMMEDIATE_EXIT_AT]) == (True, 1)
    assert interruption.acknowledge()
    assert (interruption.requested, vcpu.page[api.IMMEDIATE_EXIT_AT]) == (False, 0)
    assert not interruption.acknowledge()


def test_the_signal_is_open_only_inside(scripted: Any) -> None:
    vcpu = scripted([]).vcpu
    interruption = Interruption(vcpu)
    vcpu.signals = (1 << 64) - 1
    interruption.watch_this_thread()
    assert SIGNAL in signal.pthread_sigmask(signal.SIG_BLOCK, ())
    assert not vcpu.signals >> SIGNAL - 1 & 1
    interruption.close()
    assert SIGNAL not in signal.pthread_sigmask(signal.SIG_BLOCK, ())


def test_the_running_thread_gets_a_signal_and_nobody_else(scripted: Any) -> None:
    interruption = Interruption(scripted([]).vcpu)
    interruption.watch_this_thread()
    interruption.inside = True
    other = threading.Thread(target=interruption.request)
    other.start()
    other.join()
    assert SIGNAL in signal.sigpending()
    interruption.acknowledge()
    assert SIGNAL not in signal.sigpending()
    interruption.close()


def test_outside_there_is_no_signal(scripted: Any) -> None:
    interruption = Interruption(scripted([]).vcpu)
    interruption.watch_this_thread()
    interruption.request()
    assert SIGNAL not in signal.sigpending()
    interruption.close()


def test_after_the_end_requests_touch_nothing(scripted: Any) -> None:
    vcpu = scripted([]).vcpu
    interruption = Interruption(vcpu)
    interruption.close()
    interruption.request()
    assert vcpu.page[api.IMMEDIATE_EXIT_AT] == 0

from __future__ import annotations

from dataclasses import fields, is_dataclass
from typing import get_args

import pytest

from monitors.calls import ALL_CALLS, RESULT_OF, Call, Result
from monitors.calls.clock import ClockReading
from monitors.calls.traps import TscReading


def test_every_call_has_its_result_and_every_result_its_call():
    assert set(RESULT_OF) == set(get_args(Call)) == set(ALL_CALLS)
    assert set(RESULT_OF.values()) == set(get_args(Result))


@pytest.mark.parametrize("kind", [*get_args(Call), *get_args(Result)])
def test_calls_and_results_are_values(kind):
    assert is_dataclass(kind)
    assert kind.__dataclass_params__.frozen or kind in (ClockReading, TscReading)
    assert hasattr(kind, "__slots__")
    made = kind(*(0 for _ in fields(kind)))
    assert made == kind(*(0 for _ in fields(kind)))
    assert hash(made) == hash(kind(*(0 for _ in fields(kind))))

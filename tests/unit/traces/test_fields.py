from __future__ import annotations

import pytest
from google_crc32c import value as crc32c
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from monitors.calls.block import BlockWrite
from monitors.calls.lifecycle import Misuse, MisuseKind
from traces.errors import BadEvent
from traces.fields import INPUTS_OF, OUTPUTS_OF, RESULT_FROM
from traces.tags import DELTA_TAGS, SPEC_OF, SPECS


@given(data=st.data())
def test_fields_are_as_many_as_the_table_says(
    crossings: SearchStrategy, data: st.DataObject
) -> None:
    call, result = data.draw(crossings)
    spec = SPEC_OF[type(call)]
    assert len(INPUTS_OF[type(call)](call)) == len(spec.inputs)
    if spec.tag not in DELTA_TAGS:
        outputs = OUTPUTS_OF[type(call)](result)
        assert len(outputs) == len(spec.outputs)
        array = [spec.tag, *INPUTS_OF[type(call)](call), *outputs]
        assert RESULT_FROM[spec.tag](array) == result


def test_all_but_deltas_can_be_put_together() -> None:
    assert set(RESULT_FROM) == set(SPECS) - DELTA_TAGS


def test_bytes_become_length_and_checksum() -> None:
    inputs = INPUTS_OF[BlockWrite](BlockWrite(1, 2, b"data"))
    assert inputs == (1, 2, 4, crc32c(b"data"))


def test_text_that_is_no_utf8_is_still_stored() -> None:
    assert INPUTS_OF[Misuse](Misuse(MisuseKind.INVALID_ACCESS, "\udc80")) == (2, b"\\udc80")


@pytest.mark.parametrize(
    "array",
    [
        [5, 1, 0, 4, 0, b"abc"],
        [5, 1, 0, 4, 1, b"abcd"],
        [5, 1, 0, 4, 2, None],
        [7, 1, 4, 0, b"abcde"],
        [7, 1, 4, 1, b"a"],
        [13, 0, 16, 0x10000],
    ],
)
def test_results_that_no_call_can_have_are_refused(array: list[object]) -> None:
    with pytest.raises(BadEvent):
        RESULT_FROM[array[0]](array)

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from replay.engines.disassembly import Syntax, decoder
from replay.tui.model.assembly import instruction_spans, is_call, leads_to, names_memory
from replay.tui.model.rows import Role, Span, ToCode, ToRegister, plain

SYNTAXES = pytest.mark.parametrize("syntax", Syntax)


def decoded(code: str, syntax: Syntax) -> tuple[int, str, str]:
    ((_, size, mnemonic, operands),) = decoder(syntax)(bytes.fromhex(code), 0x1000, 1)
    return 0x1000 + size, mnemonic, operands


@SYNTAXES
@pytest.mark.parametrize(
    ("code", "to"),
    [
        ("e800010000", 0x1105),
        ("7405", 0x1007),
        ("ebfe", 0x1000),
        ("e2fe", 0x1000),
        ("e3fe", 0x1000),
        ("f2e900000000", 0x1006),
        ("e9fbefffff", 0),
        ("ffd0", None),
        ("ff2510000000", None),
        ("4889e5", None),
        ("6a05", None),
    ],
)
def test_where_an_instruction_leads(code: str, to: int | None, syntax: Syntax) -> None:
    _, mnemonic, operands = decoded(code, syntax)
    assert leads_to(mnemonic, operands) == to


@SYNTAXES
def test_calls(syntax: Syntax) -> None:
    assert is_call(decoded("e800010000", syntax)[1])
    assert is_call(decoded("ffd0", syntax)[1])
    assert not is_call(decoded("7405", syntax)[1])


@SYNTAXES
@pytest.mark.parametrize(
    ("code", "address"),
    [
        ("488b0510000000", 0x1017),
        ("488b05f0ffffff", 0x0FF7),
        ("488b0505000000", 0x100C),
        ("488b0500000000", 0x1007),
        ("ff2510000000", 0x1016),
        ("488b4510", None),
    ],
)
def test_memory_relative_to_rip(code: str, address: int | None, syntax: Syntax) -> None:
    behind, _, operands = decoded(code, syntax)
    assert names_memory(operands, behind) == address


@SYNTAXES
def test_registers_lead_to_the_guests(syntax: Syntax) -> None:
    _, mnemonic, operands = decoded("8b4408f4", syntax)  # mov eax, dword ptr [rax + rcx - 0xc]
    spans = instruction_spans(mnemonic, operands)
    assert spans[0].role is Role.MNEMONIC
    targets = {span.target for span in spans}
    assert targets == {None, ToRegister("rax"), ToRegister("rcx")}
    assert Role.NUMBER in {span.role for span in spans}


def test_where_it_leads_is_a_target() -> None:
    spans = instruction_spans("jmp", "0x1234", 0x1234)
    assert spans[-1] == Span("0x1234", Role.ADDRESS, ToCode(0x1234))


@given(st.binary(min_size=1, max_size=15), st.integers(0, (1 << 64) - 16))
def test_the_text_of_any_instruction_stays(code: bytes, address: int) -> None:
    for syntax in Syntax:
        for at, size, mnemonic, operands in decoder(syntax)(code, address, 1):
            to = leads_to(mnemonic, operands)
            names_memory(operands, at + size)
            text = plain(instruction_spans(mnemonic, operands, to))
            assert text.split() == f"{mnemonic} {operands}".split()

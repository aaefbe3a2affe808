"""The compiled way through code and the one in Python: they see the same, byte by byte."""

from __future__ import annotations

import random
from collections.abc import Callable
from importlib.util import find_spec

import pytest

from replay.engines import survey
from replay.engines.survey import (
    BEGINS,
    IMPLAUSIBLE,
    KNOWN,
    LAST,
    PURE_PYTHON_VARIABLE,
    SITE,
    TARGET,
    Instruction,
    Surveyor,
    code_sites,
)
from replay.engines.sweep import SweepJudge
from tests.unit.replay.engines.guests import assemble

AT = 0x100000
RET, HLT, UNDECODED = b"\xc3", b"\xf4", b"\x06"
PREFIXES = [
    bytes.fromhex(text)
    for text in ("", "66", "67", "f2", "f3", "f0", "64", "2e", "3e", "48", "41", "66f2", "f348")
]
OPCODES = [
    escape + bytes([opcode])
    for escape in (b"", b"\x0f", b"\x0f\x38", b"\x0f\x3a")
    for opcode in range(256)
]
COMPILED_CODE = """
    push rbp; mov rbp, rsp; sub rsp, 0x40; lea rdi, [rip + 0x100]; mov eax, dword ptr [rdi + rax*4]
    cmp eax, 0x1000; jae 1f; call 2f; movaps xmm0, xmmword ptr [rsp]; cvtsi2sd xmm1, rax
    movdqu xmm2, [rsi]; movq xmm3, [rsi]; punpcklqdq xmm0, xmm1; mulsd xmm0, xmm1; sete al
    rep stosq; lock xadd [rdi], eax; imul rax, rdi, 100; test eax, 0x80; bt rax, 3
    1: xor eax, eax; movabs rcx, 0x123456789abcdef; leave; ret
    2: endbr64; nop word ptr cs:[rax + rax]; mov rax, fs:0x28; rdtsc; ud2
"""


@pytest.fixture
def compiled(monkeypatch: pytest.MonkeyPatch) -> Callable[[bool], None]:
    """Chooses the compiled way or the one in Python."""
    if find_spec("replay.engines._survey") is None:
        pytest.skip("the survey is not compiled here: there is only one way")

    def choose(is_compiled: bool) -> None:
        monkeypatch.setenv(PURE_PYTHON_VARIABLE, "" if is_compiled else "1")

    return choose


def marks_of(code: bytes, judge: survey.Judge, known: bytes) -> bytearray:
    marks = bytearray(known.ljust(len(code), b"\0"))
    Surveyor(code, AT, judge).walk(marks)
    return marks


def judge(one: Instruction) -> int:
    if (
        not one.mnemonic
        or one.code == b"\0\0"
        or one.mnemonic in ("insb", "insd", "outsb", "outsd")
    ):
        return IMPLAUSIBLE
    mark = LAST if one.mnemonic in ("ret", "jmp", "ud2", "hlt") else 0
    return mark | SITE if one.mnemonic in ("hlt", "rdtsc") else mark


@pytest.fixture(params=["compiled", "pure"])
def either(request: pytest.FixtureRequest, compiled: Callable[[bool], None]) -> None:
    compiled(request.param == "compiled")


@pytest.mark.usefixtures("either")
def test_instructions_begin_where_others_end() -> None:
    code = assemble("push rbp; mov rbp, rsp; nop; hlt")
    assert list(marks_of(code, judge, b"")) == [BEGINS, BEGINS, 0, 0, BEGINS, BEGINS | LAST | SITE]


@pytest.mark.usefixtures("either")
def test_an_instruction_across_a_known_start_is_none() -> None:
    code = b"\xb8" + HLT * 4
    assert list(marks_of(code, judge, b"\0\0\0\x02")) == [
        *(0, 0, 0),
        BEGINS | KNOWN | LAST | SITE,
        BEGINS | LAST | SITE,
    ]


@pytest.mark.usefixtures("either")
def test_branches_lead_somewhere_when_their_stretch_is_code() -> None:
    code = b"\xeb\x03" + UNDECODED + b"\xeb\x01" + HLT * 2
    marks = marks_of(code, judge, b"")
    assert [at for at, mark in enumerate(marks) if mark & TARGET] == [5]
    assert marks[2] == BEGINS | IMPLAUSIBLE


@pytest.mark.usefixtures("either")
def test_branches_out_of_the_code_lead_nowhere() -> None:
    code = b"\x70\xfd" + b"\x70\x10" + b"\xe8\xff\xff\xff\x7f" + RET
    assert not any(mark & TARGET for mark in marks_of(code, judge, b""))


@pytest.mark.usefixtures("either")
def test_an_instruction_cut_off_by_the_end_is_none() -> None:
    for cut in (b"\x48", b"\x48\xb8", b"\x0f", b"\x0f\x38", b"\xe8\0\0", b"\x66" * 16, b"\xf7"):
        assert marks_of(b"\x90" + cut, judge, b"")[1] == BEGINS | IMPLAUSIBLE


@pytest.mark.usefixtures("either")
@pytest.mark.parametrize(
    ("marks", "sites"),
    [
        ([SITE, SITE | LAST, SITE], [0, 1, 2]),
        ([SITE, IMPLAUSIBLE, SITE, LAST, SITE], [4]),
        ([SITE, IMPLAUSIBLE | LAST, SITE], [2]),
        ([KNOWN | SITE, IMPLAUSIBLE, SITE, LAST], [0]),
        ([IMPLAUSIBLE, SITE, KNOWN, SITE, IMPLAUSIBLE], [3]),
        ([KNOWN, LAST, SITE, IMPLAUSIBLE], []),
        ([SITE | TARGET, BEGINS, TARGET | BEGINS, IMPLAUSIBLE], []),
        ([], []),
    ],
)
def test_sites_of_stretches_that_are_code(marks: list[int], sites: list[int]) -> None:
    assert code_sites(bytearray(marks)) == sites


def test_all_opcodes_are_seen_alike(compiled: Callable[[bool], None]) -> None:
    draw = random.Random(1)
    code = b"".join(
        (prefix + opcode + draw.randbytes(2) + bytes((draw.randrange(256),)) * 4).ljust(16, b"\x90")
        for prefix in PREFIXES
        for opcode in OPCODES
    )
    _assert_alike(compiled, code, bytes((KNOWN, *bytes(15))) * (len(code) // 16))


def test_random_bytes_are_seen_alike(compiled: Callable[[bool], None]) -> None:
    draw = random.Random(2)
    for _ in range(100):
        code = draw.randbytes(draw.randrange(500))
        known = bytes(KNOWN * (draw.random() < 0.02) for _ in code)
        _assert_alike(compiled, code, known)


def test_compiled_code_with_anything_in_it_is_seen_alike(compiled: Callable[[bool], None]) -> None:
    draw, code = random.Random(3), assemble(COMPILED_CODE)
    pieces = (code[draw.randrange(8) :] + draw.randbytes(draw.randrange(6)) for _ in range(600))
    _assert_alike(compiled, b"".join(pieces), b"")


def test_compilers_code_is_hardly_looked_at(compiled: Callable[[bool], None]) -> None:
    compiled(True)
    looked_at: list[str] = []

    def note(one: Instruction) -> int:
        looked_at.append(one.mnemonic)
        return 0

    marks = marks_of(assemble(COMPILED_CODE), note, b"")
    assert looked_at == ["lock xadd", "rdtsc"]
    assert marks.count(BEGINS) > 20


def test_a_judge_that_fails(compiled: Callable[[bool], None]) -> None:
    compiled(True)

    def fail(_one: Instruction) -> int:
        raise LookupError

    with pytest.raises(LookupError):
        marks_of(HLT, fail, b"")


def test_wrong_arguments_are_refused(compiled: Callable[[bool], None]) -> None:
    from replay.engines import _survey

    def judge_of(*verdict: int) -> Callable[[int], tuple[int, int, int]]:
        return lambda _at: verdict  # type: ignore[return-value]

    with pytest.raises(ValueError, match="2 bytes with 1 marks"):
        _survey.walk(b"\x90\x90", bytearray(1), 0, 1, judge_of(1, 0, -1))
    for length in (0, -1, 2):
        with pytest.raises(ValueError, match="at offset 0 of 1"):
            _survey.walk(HLT, bytearray(1), 0, 1, judge_of(length, 0, -1))
    for verdict in ((), (1, 0), (1, 0, "")):
        with pytest.raises(TypeError):
            _survey.walk(HLT, bytearray(1), 0, 1, judge_of(*verdict))
    with pytest.raises(TypeError):
        _survey.walk(HLT, bytearray(1), 0, 1, len)  # type: ignore[arg-type]


def _assert_alike(compiled: Callable[[bool], None], code: bytes, known: bytes) -> None:
    seen = []
    for is_compiled in (True, False):
        compiled(is_compiled)
        sweep_judge = SweepJudge()
        marks = marks_of(code, sweep_judge, known)
        sites = [sweep_judge.sites[AT + at] for at, mark in enumerate(marks) if mark & SITE]
        seen.append((marks, sites, code_sites(marks)))
    assert seen[0] == seen[1]

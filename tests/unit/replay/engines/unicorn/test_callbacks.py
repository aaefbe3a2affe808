from __future__ import annotations

import ctypes
import re
from pathlib import Path

import pytest

import replay.engines.unicorn
from monitors.ports import Exit, Hlt, Segment, TargetReached
from replay.engines.unicorn import callbacks, python_callbacks
from replay.engines.unicorn.callbacks import NOWHERE, PURE_PYTHON_VARIABLE, Reason, State, Use
from tests.unit.replay.engines.guests import (
    HANDLERS,
    UNMAPPED,
    assemble,
    guest,
    is_compiled,
    tables,
    with_handlers,
)

SOURCE = (Path(replay.engines.unicorn.__path__[0]) / "_hooks.c").read_text()

needs_compiled = pytest.mark.skipif(
    not is_compiled(), reason="the compiled callbacks are not built or kept out"
)


def defined(name: str) -> str:
    match = re.search(rf"#define {name} (.*?)(?: /\*.*)?$", SOURCE, re.MULTILINE)
    assert match is not None
    return match[1].strip()


class TestBothLanguagesAgree:
    def test_on_the_reasons(self) -> None:
        match = re.search(r"enum reason \{([^}]*)\}", SOURCE)
        assert match is not None
        names = [name.strip() for name in match[1].split(",")]
        assert names == [reason.name for reason in sorted(Reason)]

    def test_on_what_places_are_for(self) -> None:
        match = re.search(r"enum use \{([^}]*)\}", SOURCE)
        assert match is not None
        uses = dict(each.strip().split(" = ") for each in match[1].split(","))
        assert uses.pop("USED") == "16"
        assert {name.removeprefix("IS_"): int(bit) for name, bit in uses.items()} == {
            use.name: use.value for use in Use
        }

    def test_on_the_constants(self) -> None:
        assert defined("NOWHERE") == "(UINT64_C(1) << 63)"
        assert NOWHERE.bit_length() == 64
        assert NOWHERE.bit_count() == 1
        assert defined("VETTED_SLOTS") == "(1u << 15)"
        assert callbacks.VETTED_SLOTS == 1 << 15
        assert int(defined("TRANSLATED_MAX")) == callbacks.TRANSLATED_MAX
        assert defined("COUNTED_SLOTS") == "(1u << 18)"
        assert callbacks.COUNTED_SLOTS == 1 << 18
        assert int(defined("COUNTED_MAX")) == python_callbacks._COUNTED_MAX
        assert int(defined("UC_MEM_WRITE")) == python_callbacks._UC_MEM_WRITE

    def test_on_the_fields_of_the_state(self) -> None:
        body = re.search(r"struct state \{(.*?)\n\};", SOURCE, re.DOTALL)
        assert body is not None
        code = re.sub(r"/\*.*?\*/", "", body[1], flags=re.DOTALL)
        names = []
        for declaration in filter(None, map(str.strip, code.split(";"))):
            function = re.search(r"\(\*(\w+)\)", declaration)
            plain = [part.split("[")[0].split()[-1].strip("*") for part in declaration.split(",")]
            names += [function[1]] if function else plain
        assert names == [name for name, *_ in State._fields_]

    @needs_compiled
    def test_on_the_size_of_the_state(self) -> None:
        library = callbacks._compiled_library()
        assert library is not None
        library.s5_state_bytes.restype = ctypes.c_uint64
        assert library.s5_state_bytes() == ctypes.sizeof(State)


def test_a_library_of_another_version_is_not_used() -> None:
    class Stale:
        pass

    class Other:
        class s5_state_bytes:  # noqa: N801 (the name of the C function)
            def __call__(self) -> int:
                return 8

        s5_state_bytes = s5_state_bytes()  # type: ignore[assignment]

    assert not callbacks._fits(Stale())  # type: ignore[arg-type]
    assert not callbacks._fits(Other())  # type: ignore[arg-type]


@needs_compiled
def test_the_environment_keeps_the_compiled_callbacks_out() -> None:
    with guest("hlt") as fast, guest("hlt", pure_python=True) as slow:
        assert fast.engine._callbacks.compiled
        assert not slow.engine._callbacks.compiled
    assert PURE_PYTHON_VARIABLE.startswith("SOLO5_REPLAY_")


BUSY = with_handlers(
    f"""
    mov rsi, {UNMAPPED}
    mov r12d, 30
1:  mov rax, [rsi]
    rdtsc
    cpuid
    rdrand rcx
    out 5, eax
    pause
    mov ecx, 0xc0000100
    rdmsr
    mov ecx, 3
    rep stosb
    lea rdi, [rip + 2f]
    mov word ptr [rdi], 0x310f
2:  nop
    nop
    lea rdi, [rip + 2b]
    mov word ptr [rdi], 0x9090
    ud2
    dec r12d
    jnz 1b
    hlt
    """
)


@needs_compiled
@pytest.mark.parametrize("step", [None, 1, 7, 1000])
def test_both_stop_at_the_same_places_in_the_same_state(step: int | None) -> None:
    skip_3 = assemble("add rsp, 8; add qword ptr [rsp], 3; iretq")
    skip_2 = assemble("add qword ptr [rsp], 2; iretq")
    segments = [*tables(), Segment(HANDLERS + 14 * 16, skip_3), Segment(HANDLERS + 96, skip_2)]
    logs: list[list[tuple[Exit, dict[str, int]]]] = []
    for pure_python in (False, True):
        log = []
        with guest(BUSY, segments=segments, pure_python=pure_python) as machine:
            machine.engine.set_registers({"rdi": 0x200000})
            stop: Exit = TargetReached()
            while not isinstance(stop, Hlt) and len(log) < 600:
                engine = machine.engine
                stop = engine.run() if step is None else engine.run_instructions(step)
                log.append((stop, dict(engine.registers())))
        logs.append(log)
    assert logs[0] == logs[1]
    assert len(logs[0]) > 100

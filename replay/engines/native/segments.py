"""Selectors, descriptors and far transfers of a guest in ring 0, as numbers.

Checks and their order are a processor's for code at privilege level 0 in 64-bit mode (Intel SDM
volume 2: MOV, LAR, RET, IRET, JMP); what leads to another level or mode is refused.
"""

from __future__ import annotations

from replay.engines.delivery import Fault, Raised
from replay.engines.errors import NotReproducible
from replay.engines.native.instruction import Operands
from replay.engines.native.memory import Space
from replay.engines.native.processor import FLAG_NT, Processor

_UD, _NP, _SS, _GP = 6, 11, 12, 13
_ACCESSED, _READABLE, _CONFORMING, _IS_CODE, _IS_SEGMENT = (
    1 << bit for bit in (40, 41, 42, 43, 44)
)
_BUSY, _PRESENT, _LONG, _LARGE = 1 << 41, 1 << 47, 1 << 53, 1 << 55
_ERROR = 0xFFFC
_U16, _U32, _U64 = 0xFFFF, (1 << 32) - 1, (1 << 64) - 1
_TSS_AVAILABLE, _TSS_SMALL, _LDT = 9, 1, 2
_RETURNED_FLAGS = 0x257FD5  # all but RF and VM
_LAR_TYPES = frozenset((1, 2, 3, 4, 5, 9, 11, 12))
_LSL_TYPES = frozenset((1, 2, 3, 9, 11))
_ZERO_FLAG = 0x40

_RING_0 = "the guest would leave ring 0 or 64-bit mode, and only these are supported"
_NARROW = "far transfers of less than 64 bits are not supported"
_GATES = "call gates and task gates are not supported"
_REMEDY = "a Solo5 guest has no use for it: look for stray jumps or damaged code"


class Segments:
    """Loads and inspects selectors of one guest."""

    def __init__(self, processor: Processor, space: Space) -> None:
        self._cpu = processor
        self._get, self._set = processor.get, processor.set
        self._space = space

    def load(self, name: str, selector: int) -> None:
        """``mov`` to a segment register."""
        if name == "cs":
            raise Fault(Raised(_UD))
        level = self._get("cs") & 3
        if not selector & ~3:
            if name == "ss" and level == 3:
                raise Fault(Raised(_GP, 0))
            self._load_base(name, 0)
            self._set(name, selector)
            return
        if self._cpu.user_mode:
            self._load_in_user_mode(name, selector)
            return
        descriptor = self._descriptor(selector)
        if not descriptor & _IS_SEGMENT:
            raise _protection(selector)
        self._check_data(name, selector, descriptor)
        if not descriptor & _PRESENT:
            raise Fault(Raised(_SS if name == "ss" else _NP, selector & _ERROR))
        if not descriptor & _ACCESSED:
            self._write_descriptor(selector, descriptor | _ACCESSED)
        self._load_base(name, _base(descriptor))
        self._set(name, selector)

    def _load_in_user_mode(self, name: str, selector: int) -> None:
        """Linux has two segments for 64-bit processes, flat both: __USER_DS and __USER_CS."""
        if selector | 3 not in (0x2B, 0x33) or (name == "ss" and selector != 0x2B):
            raise _protection(selector)
        self._load_base(name, 0)
        self._set(name, selector)

    def _check_data(self, name: str, selector: int, descriptor: int) -> None:
        code, wanted, level = descriptor & _IS_CODE, selector & 3, descriptor >> 45 & 3
        if name == "ss":
            if code or not descriptor & _READABLE or wanted or level:
                raise _protection(selector)
            return
        is_secret = code and not descriptor & _READABLE
        if is_secret or (level < wanted and not (code and descriptor & _CONFORMING)):
            raise _protection(selector)

    def _load_base(self, name: str, base: int) -> None:
        if name in ("fs", "gs"):
            self._set(f"{name}_base", base)

    def load_pointer(self, operands: Operands) -> None:
        """``lss``, ``lfs``, ``lgs``: an offset and behind it a selector."""
        name = operands.instruction.mnemonic[1:]
        at, size = operands.address(1), int(operands.instruction.operands[0].size)
        raw = self._space.load(at, size + 2)
        self.load(name, int.from_bytes(raw[size:], "little"))
        operands.write(0, int.from_bytes(raw[:size], "little"))

    def push_selector(self, operands: Operands) -> None:
        """``push fs``, ``push gs``."""
        operands.push(self._get(operands.register(0)))

    def pop_selector(self, operands: Operands) -> None:
        """``pop fs``, ``pop gs``; the stack pointer moves only when the selector is good."""
        before = self._get("rsp")
        value = operands.pop()
        after = self._get("rsp")
        self._set("rsp", before)
        self.load(operands.register(0), value & _U16)
        self._set("rsp", after)

    # ---- system segments

    def load_ldtr(self, selector: int) -> None:
        """``lldt``."""
        selector &= _U16
        base = limit = 0
        if selector & ~3:
            low, high = self._system_descriptor(selector)
            if low & _IS_SEGMENT or low >> 40 & 0xF != _LDT:
                raise _protection(selector)
            _check_present(low, selector)
            base, limit = _base(low) | (high & _U32) << 32, _limit(low)
        self._set("ldtr", selector)
        self._set("ldtr_base", base)
        self._set("ldtr_limit", limit)

    def load_tr(self, selector: int) -> None:
        """``ltr``; the descriptor becomes that of a busy task."""
        selector &= _U16
        base = limit = 0
        if selector & ~3:
            low, high = self._system_descriptor(selector)
            if low & _IS_SEGMENT or low >> 40 & 0xF not in (_TSS_AVAILABLE, _TSS_SMALL):
                raise _protection(selector)
            _check_present(low, selector)
            if high >> 40 & 0xF:
                raise _protection(selector)
            base, limit = _base(low) | (high & _U32) << 32, _limit(low)
            self._write_descriptor(selector, low | _BUSY)
        self._set("tr", selector)
        self._set("tr_base", base)
        self._set("tr_limit", limit)

    def _system_descriptor(self, selector: int) -> tuple[int, int]:
        _, base, limit = self._cpu.table("gdtr")
        index = selector & ~7
        if selector & 4 or index + 15 > limit:
            raise _protection(selector)
        raw = self._space.load(base + index, 16)
        return int.from_bytes(raw[:8], "little"), int.from_bytes(raw[8:], "little")

    # ---- looking at descriptors

    def inspect(self, operands: Operands) -> None:
        """``lar``, ``lsl``, ``verr``, ``verw``."""
        mnemonic = operands.instruction.mnemonic
        is_check = mnemonic.startswith("ver")
        selector = operands.read(0 if is_check else 1) & _U16
        answer = self._inspected(mnemonic, selector)
        flags = self._get("rflags") & ~_ZERO_FLAG
        self._set("rflags", flags if answer is None else flags | _ZERO_FLAG)
        if answer is not None and not is_check:
            operands.write(0, answer)

    def _inspected(self, mnemonic: str, selector: int) -> int | None:
        descriptor = self._find(selector) if selector & ~3 else None
        if self._cpu.user_mode or descriptor is None:
            return None
        kind, level, wanted = descriptor >> 40 & 0xF, descriptor >> 45 & 3, selector & 3
        if descriptor & _IS_SEGMENT:
            code = bool(descriptor & _IS_CODE)
            if level < wanted and not (code and descriptor & _CONFORMING):
                return None
            if mnemonic == "verr" and code and not descriptor & _READABLE:
                return None
            if mnemonic == "verw" and (code or not descriptor & _READABLE):
                return None
        elif not _is_inspectable(mnemonic, kind) or level < wanted:
            return None
        return _limit(descriptor) if mnemonic == "lsl" else descriptor >> 32 & 0xF0FF00

    # ---- far transfers

    def far_return(self, operands: Operands) -> None:
        """``retfq``, with or without bytes to drop."""
        if not operands.instruction.mnemonic.endswith("q"):
            raise self._refused(operands, _NARROW)
        top = self._get("rsp")
        self._space.check_stack(top)
        raw = self._space.load(top, 16)
        target, selector = (int.from_bytes(raw[at : at + 8], "little") for at in (0, 8))
        self._check_code(operands, selector & _U16, is_return=True)
        dropped = operands.immediate(0) if operands.has_operands() else 0
        self._set("cs", selector & _U16)
        self._set("rsp", (top + 16 + dropped) & _U64)
        self._set("rip", target)

    def interrupt_return(self, operands: Operands) -> None:
        """``iretq``."""
        if self._get("rflags") & FLAG_NT:
            raise Fault(Raised(_GP, 0))
        self._space.check_stack(self._get("rsp"))
        raw = self._space.load(self._get("rsp"), 40)
        words = [int.from_bytes(raw[at : at + 8], "little") for at in range(0, 40, 8)]
        target, code, flags, stack, data = words
        self._check_code(operands, code & _U16, is_return=True)
        self._check_stack(data & _U16)
        self._set("cs", code & _U16)
        self._set("ss", data & _U16)
        self._set("rsp", stack)
        kept = self._get("rflags") & ~_RETURNED_FLAGS
        self._set("rflags", kept | flags & _RETURNED_FLAGS)
        self._set("rip", target)

    def _check_stack(self, selector: int) -> None:
        if not selector & ~3:
            return
        descriptor = self._descriptor(selector)
        is_data = descriptor & _IS_SEGMENT and not descriptor & _IS_CODE
        if not is_data or not descriptor & _READABLE or selector & 3 or descriptor >> 45 & 3:
            raise _protection(selector)
        _check_present(descriptor, selector)

    def far_transfer(self, operands: Operands) -> None:
        """``jmp`` and ``call`` through memory to another code segment."""
        code = bytes(operands.instruction.rex.to_bytes(1, "little"))
        is_wide = bool(code[0] & 8)
        is_call = "call" in operands.instruction.mnemonic
        if is_call and not is_wide:
            raise self._refused(operands, _NARROW)
        size = 8 if is_wide else operands.width % 8 or 4
        raw = self._space.load(operands.address(0), size + 2)
        target, selector = (
            int.from_bytes(raw[:size], "little"),
            int.from_bytes(raw[size:], "little"),
        )
        self._check_code(operands, selector, is_return=False)
        behind = operands.instruction.address + operands.instruction.size
        if is_call:
            top = (self._get("rsp") - 16) & _U64
            self._space.check_stack(top)
            words = behind.to_bytes(8, "little") + self._get("cs").to_bytes(8, "little")
            self._space.store(top, words)
            self._set("rsp", top)
        self._set("cs", selector & ~3)
        self._set("rip", target)

    def _check_code(self, operands: Operands, selector: int, *, is_return: bool) -> None:
        if not selector & ~3:
            raise Fault(Raised(_GP, 0))
        descriptor = self._descriptor(selector)
        if not descriptor & _IS_SEGMENT and not is_return:
            raise self._refused(operands, _GATES)
        if not descriptor & _IS_SEGMENT or not descriptor & _IS_CODE:
            raise _protection(selector)
        if selector & 3 or not descriptor & _LONG:
            raise self._refused(operands, _RING_0)
        if descriptor >> 45 & 3:
            raise _protection(selector)
        _check_present(descriptor, selector)

    # ---- descriptors

    def _find(self, selector: int) -> int | None:
        _, base, limit = self._cpu.table("ldtr" if selector & 4 else "gdtr")
        index = selector & ~7
        if index + 7 > limit:
            return None
        return int.from_bytes(self._space.load(base + index, 8), "little")

    def _descriptor(self, selector: int) -> int:
        found = self._find(selector)
        if found is None:
            raise _protection(selector)
        return found

    def _write_descriptor(self, selector: int, descriptor: int) -> None:
        _, base, _ = self._cpu.table("ldtr" if selector & 4 else "gdtr")
        at = base + (selector & ~7) + 4
        self._space.store(at, (descriptor >> 32).to_bytes(4, "little"))

    def _refused(self, operands: Operands, why: str) -> NotReproducible:
        instruction = operands.instruction
        text = f"{instruction.mnemonic} {instruction.op_str}".strip()
        return NotReproducible(instruction.address, text, why, _REMEDY)


def _is_inspectable(mnemonic: str, kind: int) -> bool:
    if mnemonic == "lar":
        return kind in _LAR_TYPES
    return mnemonic == "lsl" and kind in _LSL_TYPES


def _check_present(descriptor: int, selector: int) -> None:
    if not descriptor & _PRESENT:
        raise Fault(Raised(_NP, selector & _ERROR))


def _protection(selector: int) -> Fault:
    return Fault(Raised(_GP, selector & _ERROR))


def _base(descriptor: int) -> int:
    return descriptor >> 16 & 0xFFFFFF | descriptor >> 56 << 24


def _limit(descriptor: int) -> int:
    limit = descriptor & 0xFFFF | descriptor >> 32 & 0xF0000
    return limit << 12 | 0xFFF if descriptor & _LARGE else limit

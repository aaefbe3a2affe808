"""The cases of guest programs as machines: what to boot, what answers, and what must come of it.

Not how to run one: that is a recording, a replay, or whatever a test is about.
"""

from __future__ import annotations

from pathlib import Path

from monitors.elf import read_image
from monitors.manifest import AttachedBlock, AttachedNet, Attachment
from monitors.ports import GuestImage
from monitors.registry import monitor_for
from monitors.vcpu import virtual_cpu
from replay.machine.ending import Ending, Halted, Misused, Stopped
from replay.machine.plan import MachinePlan
from replay.testing.source import ScriptedSource
from replay.toolchain.build import build_guest
from replay.toolchain.programs import Case, Program
from replay.toolchain.transcript import compare_transcript

TSC_HZ = 1_000_000_000
MEM_MIB = 16
"""Where a case leaves it open: enough for every program, and little to digest."""

CPU = "westmere+rdrand+rdseed"
"""Everything that a virtual processor can offer, so that programs try all of it."""


class GuestShelf:
    """Guests below ``folder``, each built once."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._guests: dict[tuple[str, str], bytes] = {}

    def guest(self, program: Program, target: str) -> bytes:
        """The whole ELF file; raises ``replay.toolchain.errors.ToolchainError``."""
        key = program.name, target
        if key not in self._guests:
            output = self._folder / f"{program.name}.{target}"
            self._guests[key] = build_guest(program.request(target, output)).read_bytes()
        return self._guests[key]


def case_plan(case: Case, guest: bytes, name: str) -> tuple[MachinePlan, GuestImage]:
    """What to boot for a case of the program ``name``; raises ``GuestRefused``."""
    image = read_image(guest, name=name)
    attachments = _attachments(case, image)
    plan = MachinePlan(
        guest=guest,
        guest_name=name,
        mem_size=monitor_for(image, attachments).memory_size(case.mem_mib or MEM_MIB),
        tsc_hz=TSC_HZ,
        cpu=virtual_cpu(CPU),
        command_line=" ".join(case.args).encode(),
        attachments=attachments,
    )
    return plan, image


def scripted_world(case: Case, plan: MachinePlan, seed: int = 1) -> ScriptedSource:
    """A fresh world for the plan of a case: empty disks, and the frames that are to arrive."""
    handles = {attachment.name: attachment.handle for attachment in plan.attachments}
    return ScriptedSource(
        seed,
        cpu=plan.cpu,
        disks={handles[name]: bytearray(block.size_bytes) for name, block in case.blocks.items()},
        frames={handles[name]: list(net.received) for name, net in case.nets.items()},
    )


def disappointments(
    case: Case, ending: Ending | None, console: bytes, sent: list[bytes]
) -> list[str]:
    """What is not as the case says, in words; nothing when all is well."""
    found = [] if _is_expected(case, ending) else [f"ended {ending}, not as {case.ends!r}"]
    if isinstance(ending, Halted | Misused) and ending.process_status != case.status:
        found.append(f"status {ending.process_status} instead of {case.status}")
    mismatch = compare_transcript(case.expected, console)
    if mismatch is not None:
        found.append(f"console {mismatch}")
    expected_frames = [frame for net in case.nets.values() for frame in net.sent]
    if sent != expected_frames:
        found.append(f"{len(sent)} frames sent are not the {len(expected_frames)} expected")
    return found


def _is_expected(case: Case, ending: Ending | None) -> bool:
    match case.ends:
        case "exit":
            return isinstance(ending, Halted)
        case "stopped":
            return isinstance(ending, Misused) and case.message in ending.detail
        case "never":
            return isinstance(ending, Stopped)


def _attachments(case: Case, image: GuestImage) -> tuple[Attachment, ...]:
    attachments: list[Attachment] = []
    for name, block in case.blocks.items():
        handle = _handle(image, name)
        attachments.append(AttachedBlock(handle, name, block.size_bytes, block.block_size))
    for name, net in case.nets.items():
        attachments.append(AttachedNet(_handle(image, name), name, net.mac, net.mtu))
    return tuple(sorted(attachments, key=lambda attachment: attachment.handle))


def _handle(image: GuestImage, name: str) -> int:
    found = image.manifest.device(name)
    if found is None:
        raise ValueError(f"the guest declares no device {name!r}")
    return found[0]

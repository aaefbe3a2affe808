"""One guest, its monitor and an engine, ready to run: the meeting point of the three axes."""

from __future__ import annotations

from monitors.elf import read_image
from monitors.ports import BootRequest, CheckedMemory, GuestImage, Monitor
from monitors.registry import monitor_for
from replay.engines.ports import Engine
from replay.engines.ram import GuestRam
from replay.machine.plan import MachinePlan


class Machine:
    """A booted guest. Close it to give its memory back.

    ``engine`` is the one at work; ``resting`` one that waits for it to come to a position.
    ``notes`` say in words what else a reader of its trace ought to know of the run.
    """

    def __init__(
        self, plan: MachinePlan, image: GuestImage, monitor: Monitor, engine: Engine
    ) -> None:
        self.plan = plan
        self.image = image
        self.monitor = monitor
        boot = monitor.boot(
            BootRequest(
                image=image,
                mem_size=plan.mem_size,
                tsc_hz=plan.tsc_hz,
                command_line=plan.command_line,
                attachments=plan.attachments,
                executable_heap=plan.executable_heap,
            )
        )
        self.ram = GuestRam(plan.mem_size)
        for segment in boot.segments:
            self.ram.view[segment.gpa : segment.gpa + len(segment.data)] = segment.data
        self.protections = boot.protections
        engine.map(self.ram, self.protections)
        engine.set_registers(boot.registers)
        self.resting: Engine | None = None
        self.notes: list[str] = []
        self.use(engine)

    def use(self, engine: Engine) -> None:
        """Go on with ``engine``, which has the guest's memory and state already."""
        self.engine = engine
        self.memory: CheckedMemory = self.monitor.memory(engine, self.plan.mem_size)

    def interrupt(self) -> None:
        """Interrupt the engine at work; see ``Engine.interrupt``."""
        self.engine.interrupt()

    def close(self) -> None:
        """End the engine and free the guest's memory; twice does no harm."""
        self.engine.close()
        if self.resting is not None:
            self.resting.close()
        self.ram.close()


def boot_machine(plan: MachinePlan, engine: Engine, image: GuestImage | None = None) -> Machine:
    """Load and boot the plan's guest, already read as ``image`` or not; raises
    ``monitors.errors.GuestRefused``."""
    image = image or read_image(plan.guest, name=plan.guest_name)
    return Machine(plan, image, monitor_for(image, plan.attachments), engine)

"""The solo5-record program: run a unikernel as its tender would, and write down its run."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from replay.cli.chaos_options import chaos_text, header_options
from replay.cli.exit_codes import RecordStatus
from replay.cli.messages import say
from replay.cli.record_options import BadCommandLine, RecordOptions, parse_command_line, usage
from replay.cli.tenders import HVT, tender_of
from replay.export.words import counted, size_text

if TYPE_CHECKING:
    from monitors.ports import GuestImage, Monitor
    from replay.cli.attempts import Attempt
    from replay.cli.device_options import Attached
    from replay.cli.live_debugging import Drive
    from replay.cli.stopping import Stopper
    from replay.engines.choice import Choice
    from replay.engines.ports import Engine
    from replay.machine.machine import Machine
    from replay.machine.plan import MachinePlan
    from replay.machine.ports import Source
    from replay.recorder.session import Recorded
    from traces.errors import TraceError
    from traces.header import Header

_PROGRAM = "solo5-record"


def main(argv: list[str] | None = None) -> int:
    """Record one run; the result is the exit status."""
    words = sys.argv[1:] if argv is None else argv
    try:
        options = parse_command_line(words)
    except SystemExit:
        return 0
    except BadCommandLine as error:
        return _refuse(error)
    if options.tui:
        from replay.cli.live_tui import record_and_browse

        return record_and_browse(words, options)
    if options.attempts.judged:
        from replay.cli.attempts import record_attempts

        return record_attempts(options, _attempt)
    return _record(_Recording(options))


def _attempt(options: RecordOptions) -> Attempt:
    """One run, and all that is known of it afterwards."""
    from replay.cli.attempts import Attempt

    recording = _Recording(options)
    status = _record(recording)
    events = 0 if recording.recorded is None else recording.recorded.events
    outcome, engine = recording.outcome(), recording.engine_name
    return Attempt(status, outcome, recording.begun, events, engine, recording.chaos)


def _refuse(error: BadCommandLine) -> int:
    """Say what is wrong with the command line; a bad guest comes first, as with a tender."""
    from monitors.errors import GuestRefused

    try:
        if error.guest is not None:
            _read_guest(Path(error.guest))
    except GuestRefused as refused:
        say(_PROGRAM, str(refused))
    except OSError as unreadable:
        say(_PROGRAM, f"{error.guest}: {unreadable.strerror}")
    else:
        say(_PROGRAM, f"{error.what}\n{usage()}; --help says more")
    return RecordStatus.REFUSED


def _read_guest(path: Path) -> tuple[bytes, str, GuestImage]:
    """A guest's bytes, its name as text, and what they mean; raises GuestRefused and OSError."""
    from monitors.elf import read_image
    from monitors.registry import monitor_for

    guest = path.read_bytes()
    name = os.fsencode(path.name).decode("utf-8", "backslashreplace")
    image = read_image(guest, name=name)
    monitor_for(image)
    return guest, name, image


def _is_gdb_missing() -> bool:
    from replay.cli.gdb import is_gdb_missing

    return is_gdb_missing(_PROGRAM)


def _record(recording: _Recording) -> int:
    from monitors.errors import MonitorError
    from replay.engines.errors import EngineError
    from replay.gdbstub.errors import CannotServe
    from replay.machine.errors import DeviceFailure
    from traces.errors import TraceError

    try:
        return recording.run()
    except KeyboardInterrupt:
        say(_PROGRAM, f"stopped at once; {recording.remains()}")
        return recording.tender.status_of_signal(signal.SIGINT)
    except (CannotServe, MonitorError, DeviceFailure) as error:
        say(_PROGRAM, str(error))
        return RecordStatus.REFUSED
    except OSError as error:
        say(_PROGRAM, f"{error.filename or 'this host'}: {error.strerror}")
        return RecordStatus.REFUSED
    except (EngineError, TraceError) as error:
        say(_PROGRAM, str(error))
        return RecordStatus.TOOL_FAILURE


class _Recording:
    """The steps of one recording, in the order in which a tender finds fault."""

    def __init__(self, options: RecordOptions) -> None:
        self._options = options
        self._stopper: Stopper | None = None
        self.begun: Path | None = None
        self.recorded: Recorded | None = None
        self.engine_name = ""
        self.chaos = ""
        self.tender = HVT

    def remains(self) -> str:
        """What there is of a trace when everything is dropped at once."""
        if self.begun is None:
            return "the guest did not run yet"
        return f"{self.begun} is incomplete, but replays to its end"

    def outcome(self) -> str:
        """How it ended, see ``replay.cli.attempts.Attempt``."""
        from replay.machine.ending import Halted, Misused

        if self.recorded is None:
            interrupted = self._stopper is not None and self._stopper.asked
            return "interrupted" if interrupted else "not-recorded"
        match self.recorded.ending:
            case Halted():
                return "halted"
            case Misused():
                return "misuse"
            case None:
                return "device-failure"
        timed_out = self._stopper is not None and self._stopper.timed_out
        return "timeout" if timed_out else "interrupted"

    def run(self) -> int:
        """From the guest's file to the exit status."""
        from replay.cli.core_dump import check_core_folder
        from replay.cli.device_options import attach

        if self._options.gdb == "" and _is_gdb_missing():
            return RecordStatus.TOOL_FAILURE
        guest, name, image = _read_guest(Path(self._options.guest))
        attached = attach(image.manifest, self._options.devices)
        self.tender = tender_of(image.target)
        self._check_tender(image.target)
        if self._options.core_folder is not None:
            check_core_folder(self._options.core_folder)
        with contextlib.closing(attached):
            plan = self._plan(guest, name, image, attached)
            return self._run(plan, image, attached)

    def _check_tender(self, target: str) -> None:
        """Refuse what the target's tender has not, and warn of what it warns of."""
        from monitors.errors import GuestRefused

        for is_given, has, option in (
            (self._options.core_folder is not None, self.tender.dumps_core, "--dumpcore"),
            (self._options.executable_heap, self.tender.executes_heap, "--x-exec-heap"),
        ):
            if is_given and not has:
                raise GuestRefused(f"{option} is not for guests of target {target}")
        if self._options.executable_heap:
            say(_PROGRAM, "warning: the guest may execute its heap and stack")

    def _plan(self, guest: bytes, name: str, image: GuestImage, attached: Attached) -> MachinePlan:
        from monitors.registry import monitor_for
        from monitors.vcpu import virtual_cpu
        from replay.devices.processor import NOMINAL_TSC_HZ
        from replay.machine.plan import MachinePlan

        monitor = monitor_for(image, attached.attachments)
        return MachinePlan(
            guest=guest,
            guest_name=name,
            mem_size=self._memory_size(monitor),
            tsc_hz=NOMINAL_TSC_HZ,
            cpu=virtual_cpu(self._options.cpu),
            command_line=b" ".join(map(os.fsencode, self._options.guest_arguments)),
            attachments=attached.attachments,
            executable_heap=self._options.executable_heap,
        )

    def _memory_size(self, monitor: Monitor) -> int:
        mib = self._options.mem_mib
        size = monitor.memory_size(mib)
        if size != mib << 20:
            say(_PROGRAM, f"warning: memory adjusted from {mib} MiB to {size >> 20} MiB")
        return size

    def _run(self, plan: MachinePlan, image: GuestImage, attached: Attached) -> int:
        from replay.cli.live_debugging import LiveDebugging
        from replay.cli.portability import check_portability
        from replay.cli.stopping import Stopper
        from replay.devices.host_errors import ends_the_run, is_answered
        from replay.devices.live import HostSide, LiveSource

        machine, choice = self._boot(plan, image)
        engine, name = machine.engine, choice.name
        self.engine_name = name
        try:
            check_portability(_PROGRAM, plan.guest, image, name, strict=self._options.strict)
            stopper = self._stopper = Stopper(self._options.attempts.timeout_s)
            debugging = LiveDebugging(self._options.gdb, stopper.fd)
            host = HostSide(
                stores=attached.stores,
                interfaces=attached.interfaces,
                stop_fd=debugging.stop_fd,
                on_error=ends_the_run if machine.monitor.host_errors_end_the_run else is_answered,
            )
            source = debugging.source(LiveSource(plan.cpu, plan.tsc_hz, host))
            chaos = self._options.chaos.around(source, plan.tsc_hz)
            header = self._header(plan, image, name, header_options(chaos))
            with stopper.watching(machine), debugging:
                recorded, path = self._to_new_trace(
                    machine, chaos or source, header, debugging.drive
                )
            self.recorded = recorded
            self._dump_core(machine, recorded)
            self._explain_agent(name, engine)
        finally:
            machine.close()
        for note in machine.notes:
            self._explain(note)
        if chaos is not None:
            self.chaos = chaos_text(chaos)
            if not self._options.quiet:
                say(_PROGRAM, self.chaos)
        return self._report(recorded, stopper, path)

    def _boot(self, plan: MachinePlan, image: GuestImage) -> tuple[Machine, Choice]:
        """The machine on the engine asked for, or on the best that works."""
        from replay.cli.engine_options import explain_choice
        from replay.engines.choice import with_engine
        from replay.engines.registry import engine_factory
        from replay.machine.machine import boot_machine

        def boot(name: str) -> Machine:
            engine = engine_factory(name)()
            try:
                return boot_machine(plan, engine, image)
            except BaseException:
                engine.close()
                raise

        machine, choice = with_engine(self._options.engine, image.target, boot)
        for line in explain_choice(choice):
            self._explain(line)
        memory = f"memory {plan.mem_size >> 20} MiB"
        self._explain(f"engine {choice.name}, {memory}, cpu {plan.cpu.name}")
        return machine, choice

    def _header(
        self, plan: MachinePlan, image: GuestImage, engine: str, options: Mapping[str, object]
    ) -> Header:
        import time

        from replay.machine.plan import header_of
        from replay.version import CREATED_BY

        host = os.uname()
        return replace(
            header_of(plan, image, engine=engine, created_by=CREATED_BY, embed=self._options.embed),
            recorded_at_ns=time.clock_gettime_ns(time.CLOCK_REALTIME),
            host={"system": host.sysname, "release": host.release, "machine": host.machine},
            options=options,
        )

    def _to_new_trace(
        self, machine: Machine, source: Source, header: Header, drive: Drive
    ) -> tuple[Recorded, Path]:
        """Record into the file asked for, or the first free one that is named for the guest."""
        from replay.recorder.session import LIVE_PACE, record
        from traces.errors import TraceExists

        pace = replace(LIVE_PACE, on_loss=self._say_loss)
        for path in self._options.traces():
            self.begun = path
            try:
                return record(machine, source, path, header, pace=pace, drive=drive), path
            except TraceExists:
                self.begun = None
                if self._options.output is not None:
                    raise
        raise AssertionError("itertools.count never ends")

    def _say_loss(self, error: TraceError) -> None:
        say(_PROGRAM, f"{error}; recording has ended, and the guest goes on without it")

    def _dump_core(self, machine: Machine, recorded: Recorded) -> None:
        from replay.cli.core_dump import CORE_STATUS, dump_core_into
        from replay.machine.ending import Halted

        folder, ending = self._options.core_folder, recorded.ending
        if folder is not None and isinstance(ending, Halted) and ending.status == CORE_STATUS:
            dump_core_into(folder, machine, ending.cookie)

    def _report(self, recorded: Recorded, stopper: Stopper, path: Path) -> int:
        status = self._say_ending(recorded, stopper)
        if recorded.loss is not None:
            say(_PROGRAM, f"{path} ends before the guest did, and replays to its end")
            return RecordStatus.TOOL_FAILURE
        if not self._options.quiet:
            size = size_text(path.stat().st_size)
            events = counted(recorded.events, "event")
            say(_PROGRAM, f"{events}, {size} in {path}; `solo5-replay {path}`")
        return status

    def _say_ending(self, recorded: Recorded, stopper: Stopper) -> int:
        """Say what a tender would say; the exit status that it would have."""
        from replay.engines.errors import NotReproducible
        from replay.machine.ending import Halted, Misused, Stopped

        match recorded.ending:
            case Halted() as halted:
                if recorded.loss is not None:
                    say(_PROGRAM, f"the guest exited with status {halted.process_status}")
                return halted.process_status
            case Misused() as misused:
                say(_PROGRAM, f"guest: {misused.detail}")
                return misused.process_status
            case Stopped():
                say(_PROGRAM, stopper.reason)
                if stopper.timed_out:
                    return RecordStatus.TIMEOUT
                return self.tender.status_of_signal(stopper.signal_number)
            case _:
                say(_PROGRAM, str(recorded.failure))
                if isinstance(recorded.failure, NotReproducible):
                    return RecordStatus.TOOL_FAILURE
        return RecordStatus.REFUSED

    def _explain_agent(self, name: str, engine: Engine) -> None:
        """Which crossings were fast is known only once the guest's code has been seen."""
        from replay.engines.agents import HasAgent

        if isinstance(engine, HasAgent) and engine.agent is not None:
            coverage = engine.agent.coverage
            sites = counted(coverage.sites, "site")
            self._explain(f"engine {name}, {coverage.reached} of {sites} answered in the guest")

    def _explain(self, text: str) -> None:
        if self._options.verbose:
            say(_PROGRAM, text)

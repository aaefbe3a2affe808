"""The solo5-record program: run a unikernel as its tender would, and write down its run."""

from __future__ import annotations

import argparse
import itertools
import os
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from replay.cli.exit_codes import RecordStatus
from replay.cli.messages import say, size_text
from replay.version import VERSION

if TYPE_CHECKING:
    from monitors.ports import GuestImage, Monitor
    from replay.cli.device_options import Attached
    from replay.cli.stopping import Stopper
    from replay.devices.live import LiveSource
    from replay.machine.machine import Machine
    from replay.machine.plan import MachinePlan
    from replay.recorder.session import Recorded
    from traces.header import Header

_PROGRAM = "solo5-record"
_DEFAULT_MEM_MIB = 512
_EXAMPLES = """\
examples:
  solo5-record app.hvt
      record into app.mp (or app.2.mp, … : nothing is ever overwritten)
  solo5-record -o crash.mp --mem=64 app.hvt --solo5:quiet verbose
      64 MiB of memory; everything after the guest's file is the guest's
  solo5-record --net:service=tap0 --block:storage=disk.img -- app.hvt
      devices, by the names in the guest's manifest
  solo5-replay app.mp
      run it again, exactly

exit status: the guest's own; 1 when the guest, an option or a device is refused; 125 when the trace
cannot be written or this machine cannot run the guest
"""
_VALUED = frozenset(
    ("-o", "--output", "--mem", "--engine", "--cpu", "--net", "--net-mac", "--block")
) | {"--block-sector-size"}


def main(argv: list[str] | None = None) -> int:
    """Record one run; the result is the exit status."""
    from replay.cli.device_options import split_device_names

    words = split_device_names(sys.argv[1:] if argv is None else argv, _VALUED)
    parser = _parser()
    try:
        arguments = parser.parse_args(words)
        _take_guest(parser, arguments)
    except SystemExit as exit_:
        return RecordStatus.REFUSED if exit_.code else 0
    return _record(arguments)


def _take_guest(parser: argparse.ArgumentParser, arguments: argparse.Namespace) -> None:
    words = arguments.command[arguments.command[:1] == ["--"] :]
    if not words:
        parser.error("which guest? (the file of a unikernel is missing)")
    arguments.guest, *arguments.guest_arguments = words


def _record(arguments: argparse.Namespace) -> int:
    from monitors.errors import MonitorError
    from replay.engines.errors import EngineError
    from replay.machine.errors import DeviceFailure
    from traces.errors import TraceError

    recording = _Recording(arguments)
    try:
        return recording.run()
    except KeyboardInterrupt:
        say(_PROGRAM, f"stopped at once; {recording.remains()}")
        return RecordStatus.REFUSED
    except (MonitorError, DeviceFailure) as error:
        say(_PROGRAM, str(error))
        return RecordStatus.REFUSED
    except OSError as error:
        say(_PROGRAM, f"{error.filename}: {error.strerror}")
        return RecordStatus.REFUSED
    except (EngineError, TraceError) as error:
        say(_PROGRAM, str(error))
        return RecordStatus.TOOL_FAILURE


class _Recording:
    """The steps of one recording, in the order in which a tender finds fault."""

    def __init__(self, arguments: argparse.Namespace) -> None:
        self._arguments = arguments
        self._file = Path(arguments.guest)
        self._guest_name = os.fsencode(self._file.name).decode("utf-8", "backslashreplace")
        self._output = Path(arguments.output) if arguments.output else None
        self._begun: Path | None = None

    def remains(self) -> str:
        """What there is of a trace when everything is dropped at once."""
        if self._begun is None:
            return "the guest did not run yet"
        return f"{self._begun} is incomplete, but replays to its end"

    def run(self) -> int:
        """From the guest's file to the exit status."""
        from monitors.elf import read_image

        guest = self._file.read_bytes()
        image = read_image(guest, name=self._guest_name)
        attached = self._attach(image)
        plan = self._plan(guest, image, attached)
        return self._run(plan, image, attached)

    def _attach(self, image: GuestImage) -> Attached:
        from replay.cli.device_options import DeviceOptions, attach, named_values

        given = self._arguments
        options = DeviceOptions(
            nets=named_values(given.net),
            macs=named_values(given.net_mac),
            blocks=named_values(given.block),
            sector_sizes=named_values(given.block_sector_size),
        )
        return attach(image.manifest, options)

    def _plan(self, guest: bytes, image: GuestImage, attached: Attached) -> MachinePlan:
        from monitors.registry import monitor_for
        from monitors.vcpu import virtual_cpu
        from replay.devices.processor import NOMINAL_TSC_HZ
        from replay.machine.plan import MachinePlan

        monitor = monitor_for(image, attached.attachments)
        return MachinePlan(
            guest=guest,
            guest_name=self._guest_name,
            mem_size=self._memory_size(monitor),
            tsc_hz=NOMINAL_TSC_HZ,
            cpu=virtual_cpu(self._arguments.cpu),
            command_line=b" ".join(map(os.fsencode, self._arguments.guest_arguments)),
            attachments=attached.attachments,
        )

    def _memory_size(self, monitor: Monitor) -> int:
        mib = self._arguments.mem
        size = monitor.memory_size(mib)
        if size != mib << 20:
            say(_PROGRAM, f"warning: memory adjusted from {mib} MiB to {size >> 20} MiB")
        return size

    def _run(self, plan: MachinePlan, image: GuestImage, attached: Attached) -> int:
        from replay.cli.stopping import Stopper
        from replay.devices.live import LiveSource
        from replay.engines.registry import choose_engine, engine_factory
        from replay.machine.machine import boot_machine

        name = choose_engine(self._arguments.engine)
        self._explain(f"engine {name}, memory {plan.mem_size >> 20} MiB, cpu {plan.cpu.name}")
        engine = engine_factory(name)()
        machine = boot_machine(plan, engine, image)
        stopper = Stopper()
        source = LiveSource(
            plan.cpu,
            plan.tsc_hz,
            images=attached.images,
            interfaces=attached.interfaces,
            stop_fd=stopper.fd,
        )
        header = self._header(plan, image, name)
        try:
            with stopper.watching(engine):
                recorded, path = self._to_new_trace(machine, source, header)
        finally:
            machine.close()
        return self._report(recorded, stopper, path)

    def _header(self, plan: MachinePlan, image: GuestImage, engine: str) -> Header:
        import time

        from replay.machine.plan import header_of
        from replay.version import CREATED_BY

        host = os.uname()
        return replace(
            header_of(
                plan,
                image,
                engine=engine,
                created_by=CREATED_BY,
                embed=not self._arguments.no_embed,
            ),
            recorded_at_ns=time.clock_gettime_ns(time.CLOCK_REALTIME),
            host={"system": host.sysname, "release": host.release, "machine": host.machine},
        )

    def _to_new_trace(
        self, machine: Machine, source: LiveSource, header: Header
    ) -> tuple[Recorded, Path]:
        """Record into the file asked for, or the first free one that is named for the guest."""
        from replay.recorder.session import record
        from traces.errors import TraceExists

        for path in self._paths():
            self._begun = path
            try:
                return record(machine, source, path, header), path
            except TraceExists:
                self._begun = None
                if self._output is not None:
                    raise
        raise AssertionError("itertools.count never ends")

    def _paths(self) -> Iterator[Path]:
        if self._output is not None:
            yield self._output
            return
        yield Path(f"{self._file.stem}.mp")
        yield from (Path(f"{self._file.stem}.{number}.mp") for number in itertools.count(2))

    def _report(self, recorded: Recorded, stopper: Stopper, path: Path) -> int:
        from replay.engines.errors import NotReproducible
        from replay.machine.ending import Halted, Misused, Stopped

        status: int = RecordStatus.REFUSED
        match recorded.ending:
            case Halted() as halted:
                status = halted.process_status
            case Misused() as misused:
                say(_PROGRAM, f"guest: {misused.detail}")
            case Stopped():
                say(_PROGRAM, stopper.reason)
            case _:
                say(_PROGRAM, str(recorded.failure))
                if isinstance(recorded.failure, NotReproducible):
                    status = RecordStatus.TOOL_FAILURE
        if not self._arguments.quiet:
            size = size_text(path.stat().st_size)
            say(_PROGRAM, f"{recorded.events} events, {size} in {path}; `solo5-replay {path}`")
        return status

    def _explain(self, text: str) -> None:
        if self._arguments.verbose:
            say(_PROGRAM, text)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=_PROGRAM,
        usage="%(prog)s [OPTIONS] [--] GUEST [GUEST ARGUMENTS]",
        description="Run a Solo5 unikernel and record it, so that it can be replayed bit for bit.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"{_PROGRAM} {VERSION}")
    parser.add_argument("-o", "--output", metavar="FILE", help="the trace to make; must not exist")
    parser.add_argument(
        "--mem", type=_mebibytes, default=_DEFAULT_MEM_MIB, metavar="MIB", help="memory (512)"
    )
    devices = parser.add_argument_group("devices (NAME as in the guest's manifest)")
    devices.add_argument("--net", **_device("TAP", "attach a TAP interface: --net:NAME=TAP"))
    devices.add_argument("--net-mac", **_device("MAC", "its address: --net-mac:NAME=MAC"))
    devices.add_argument("--block", **_device("FILE", "attach an image: --block:NAME=FILE"))
    devices.add_argument(
        "--block-sector-size", **_device("N", "its block size: --block-sector-size:NAME=N")
    )
    how = parser.add_argument_group("recording")
    how.add_argument("--engine", default="auto", metavar="NAME", help="auto or unicorn")
    how.add_argument(
        "--cpu",
        default="westmere",
        metavar="MODEL",
        help="westmere, westmere+rdrand, westmere+rdrand+rdseed",
    )
    how.add_argument("--no-embed", action="store_true", help="leave the guest out of the trace")
    how.add_argument("-q", "--quiet", action="store_true", help="say nothing at the end")
    how.add_argument("-v", "--verbose", action="store_true", help="say what is used")
    parser.add_argument("command", nargs=argparse.REMAINDER, help=argparse.SUPPRESS)
    return parser


def _device(value: str, text: str) -> dict[str, Any]:
    return {"action": "append", "default": [], "metavar": f"NAME={value}", "help": text}


def _mebibytes(text: str) -> int:
    if not (text.isascii() and text.isdigit() and int(text)):
        raise argparse.ArgumentTypeError(f"not a number of MiB: {text!r}")
    return int(text)

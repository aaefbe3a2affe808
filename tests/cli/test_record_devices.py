"""solo5-record and its devices as processes: wrong inputs, failing devices, full disks."""

from __future__ import annotations

import fcntl
import os
import random
import shutil
import struct
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from replay.cli.exit_codes import RecordStatus, ReplayStatus
from tests.conformance.tender import CASE_LIMIT_S, Done, Tender, program
from tests.net.liverun import LiveRun
from tests.net.namespace import Namespace, why_unavailable

pytestmark = pytest.mark.slow

MIB = 1 << 20
NOISE = random.Random(5).randbytes(2 * MIB)


@pytest.fixture(scope="module")
def guests(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("tender-guests")


@pytest.fixture
def tender(tmp_path: Path, guests: Path) -> Tender:
    return Tender(tmp_path, guests)


@pytest.fixture
def namespace() -> Iterator[Namespace]:
    reason = why_unavailable()
    if reason:
        pytest.skip(reason)
    made = Namespace()
    yield made
    made.close()


def noisy_image(tender: Tender) -> Path:
    path = tender.folder / "noise.img"
    path.write_bytes(NOISE)
    return path


def assert_refused(tender: Tender, done: Done, message: str) -> None:
    """Status 1, a message on stderr, nothing from the guest, and no trace."""
    assert (done.status, done.stdout) == (RecordStatus.REFUSED, ""), done.output
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert not tender.trace.exists()


def assert_faithful_so_far(tender: Tender, message: str) -> None:
    """The trace is valid up to where the recording ended."""
    checked = tender.check()
    assert checked.status == ReplayStatus.INCOMPLETE, checked.output
    assert checked.stdout.startswith("faithful so far: ")
    assert message in checked.stdout


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ((), "device storage (BLOCK_BASIC) is not attached"),
        (("--block:storage=missing.img",), "missing.img for reading and writing: No such file"),
        (("--block:storage=odd.img",), "Backing storage size must be block aligned"),
        (("--block:storage=empty.img",), "must hold at least one block"),
        (("--block:storage=.",), "Is a directory"),
        (("--block:storage=odd.img", "--block:tape=odd.img"), "no BLOCK_BASIC device 'tape'"),
        (("--block:storage=odd.img", "--net:wire=tap0"), "no NET_BASIC device 'wire'"),
        ((f"--block:{'s' * 68}=odd.img",), "has 67 characters at most"),
        (("--block:storage=good.img", "--mem=4097"), "memory of 4097 MiB"),
        (("--block:storage=good.img", "--dumpcore=missing"), "missing: No such file"),
        (("--block:storage=good.img", "--dumpcore=good.img"), "good.img: Not a directory"),
    ],
)
def test_devices_that_are_refused(tender: Tender, options: tuple[str, ...], message: str) -> None:
    for name, size in (("odd.img", 700), ("empty.img", 0), ("good.img", 4096)):
        tender.image(name, size)
    assert_refused(tender, tender.record(*options, tender.guest("blk")), message)


def test_a_bad_guest_is_named_before_bad_options(tender: Tender) -> None:
    (tender.folder / "text").write_text("no unikernel")
    assert_refused(tender, tender.record("--bogus", "text"), "text: not an ELF file")
    assert_refused(tender, tender.record("--bogus", "nothing"), "nothing: No such file")
    guest = tender.guest("hello")
    assert_refused(tender, tender.record("--bogus", guest), "invalid option: unrecognized")


@pytest.mark.parametrize(("length", "status"), [(8191, 0), (8192, 1)])
def test_the_longest_command_line(tender: Tender, length: int, status: int) -> None:
    done = tender.record("--mem=16", tender.guest("hello"), "x" * (length - 4), "", "yz")
    assert done.status == status, done.output
    if status:
        assert f"command line of {length} bytes" in done.stderr


def test_an_image_that_is_in_use(tender: Tender) -> None:
    image = tender.image("disk.img", MIB)
    with image.open("rb") as held:
        fcntl.flock(held, fcntl.LOCK_SH)
        done = tender.record(f"--block:storage={image}", tender.guest("blk"))
        assert_refused(tender, done, f"{image} is locked")
        words = ("--block-overlay", f"--block:storage={image}", tender.guest("blk"))
        assert tender.record(*words).status == 0


def test_an_overlay_leaves_the_image_as_it_is(tender: Tender) -> None:
    image = noisy_image(tender)
    image.chmod(0o444)
    words = (f"--block:storage={image}", "--block-overlay:storage", tender.guest("blk"))
    done = tender.record(*words)
    assert (done.status, "SUCCESS" in done.stdout) == (0, True), done.output
    assert image.read_bytes() == NOISE
    assert tender.check().status == ReplayStatus.FAITHFUL


def test_an_image_beyond_4_gib(tender: Tender) -> None:
    image = tender.image("large.img", 5 << 30)
    done = tender.record("--mem=16", f"--block:storage={image}", tender.guest("blkcalls"))
    assert (done.status, "SUCCESS" in done.stdout) == (0, True), done.output
    assert image.stat().st_blocks * 512 < MIB
    image.unlink()
    assert tender.check().status == ReplayStatus.FAITHFUL


def trace_size_of(tender: Tender, *passes: str) -> int:
    """Of a recording that goes over the noisy image; checked without it."""
    tender.trace.unlink(missing_ok=True)
    image = noisy_image(tender)
    options = (f"--block:storage={image}", "--block-sector-size:storage=32768")
    done = tender.record("--mem=16", *options, tender.guest("blkpass"), *passes)
    assert done.status == 0, done.output
    image.unlink()
    assert tender.check().status == ReplayStatus.FAITHFUL
    return tender.trace.stat().st_size


def test_bytes_that_a_trace_knows_are_not_stored_again(tender: Tender) -> None:
    """A guest's own writes cost nothing, a first reading the data, any other nothing."""
    nothing = trace_size_of(tender)
    calls = len(NOISE) // 32768
    written = trace_size_of(tender, "write", "read", "read")
    assert written - nothing < 3 * calls * 40
    once = trace_size_of(tender, "read")
    assert len(NOISE) < once - nothing < 1.01 * len(NOISE)
    twice = trace_size_of(tender, "read", "read")
    assert twice - once < calls * 40


def test_an_image_that_shrinks_while_it_is_read(tender: Tender) -> None:
    image = noisy_image(tender)
    words = [f"--block:storage={image}", tender.guest("blkpass"), *["read"] * 1000]
    with subprocess.Popen(
        [program("solo5-record"), "--mem=16", "-o", tender.trace, *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as recorder:
        assert recorder.stdout is not None
        while not recorder.stdout.readline().startswith("read: "):
            assert recorder.poll() is None
        os.truncate(image, 4096)
        _, stderr = recorder.communicate(timeout=CASE_LIMIT_S)
    assert recorder.returncode == RecordStatus.REFUSED
    assert "noise.img is shorter than when it was opened" in stderr
    assert_faithful_so_far(tender, "the recording ended with a failing device: ")


@pytest.mark.parametrize(("size", "fits"), [((32 << 20) - 4096, True), (32 << 20, False)])
def test_a_read_that_no_event_can_hold(tender: Tender, size: int, fits: bool) -> None:
    image = tender.image("disk.img", 64 << 20)
    done = tender.record(f"--block:storage={image}", tender.guest("blkcalls"), "read", str(size))
    if fits:
        assert f"read of {size} bytes: 0" in done.stdout, done.output
        assert tender.check().status == ReplayStatus.FAITHFUL
        return
    assert done.status == RecordStatus.REFUSED
    assert f"the guest reads {size} bytes of device 1 at once" in done.stderr
    assert_faithful_so_far(tender, "failing device: the guest reads")


def assert_lost(tender: Tender, done: Done, why: str) -> None:
    """The recording has ended early, the guest has not, and its exit is reported."""
    assert done.status == RecordStatus.TOOL_FAILURE, done.output
    assert f"the trace cannot be written ({why})" in done.stderr
    assert "recording has ended, and the guest goes on without it" in done.stderr
    assert "the guest exited with status 0" in done.stderr
    assert "SUCCESS" in done.stdout
    assert_faithful_so_far(tender, "the recorder was killed")


def test_a_limit_for_files(tender: Tender) -> None:
    image = noisy_image(tender)
    image.write_bytes(2 * NOISE)
    record = ["prlimit", f"--fsize={3 * MIB}", program("solo5-record"), "-o", tender.trace]
    words = ["--mem=2", f"--block:storage={image}", tender.guest("blkpass"), "read", "read"]
    assert_lost(tender, tender.command([*record, *words]), "File too large")
    assert 2 * MIB < tender.trace.stat().st_size <= 3 * MIB


@pytest.mark.parametrize("size_kib", [600, 8])
def test_a_file_system_that_is_full(tender: Tender, size_kib: int) -> None:
    """The smaller one has no room for even the guest's file, so the guest does not start."""
    if os.geteuid() != 0 or shutil.which("unshare") is None:
        pytest.skip("a small file system needs root and unshare (apt-get install util-linux)")
    image, small = noisy_image(tender), tender.folder / "small"
    small.mkdir()
    script = (
        f'mount -t tmpfs -o size={size_kib}k small {small} || exit 99; "$@"; status=$?; '
        f"mv {small}/* {tender.folder}; exit $status"
    )
    record = [program("solo5-record"), "--mem=16", "-o", small / tender.trace.name]
    words = [f"--block:storage={image}", tender.guest("blkpass"), "read"]
    done = tender.command(["unshare", "-m", "sh", "-c", script, "sh", *record, *words])
    if done.status == 99:
        pytest.skip(f"this host mounts nothing: {done.stderr.strip()}")
    if size_kib > 100:
        assert_lost(tender, done, "No space left on device")
        return
    assert (done.status, done.stdout) == (RecordStatus.TOOL_FAILURE, ""), done.output
    assert "the trace cannot be written (No space left on device)" in done.stderr
    assert not tender.trace.exists()


def test_a_core_of_any_position(tender: Tender) -> None:
    done = tender.record("--mem=16", tender.guest("hello"), "Hello_Solo5")
    assert done.status == 0
    core = tender.folder / "core"
    replayed = tender.run("solo5-replay", "-q", tender.trace, "--until", "5+100", "--core", core)
    assert replayed.status == 0, replayed.output
    assert f"core in {core}\n" in replayed.stderr
    assert core.read_bytes()[:4] == b"\x7fELF"
    again = tender.run("solo5-replay", tender.trace, "--core", core)
    assert (again.status, again.stdout) == (ReplayStatus.USAGE, "")
    assert "nothing is overwritten" in again.stderr


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ((), "device service0 (NET_BASIC) is not attached; attach it with --net:service0=TAP"),
        (("--net:service0=tap7",), "`sudo ip tuntap add tap7 mode tap user $USER"),
        (("--net:service0=lo",), "interface lo is down"),
        (("--net:service0=a-very-long-name",), "interface name: they have 1 to 15 characters"),
        (("--net:service0=@999",), "descriptor 999 is no TAP interface"),
        (("--net:service0=tap7", "--net-mac:service0=1:2"), "write it as 02:00:00:00:00:01"),
    ],
)
def test_interfaces_that_are_refused(
    tender: Tender, namespace: Namespace, options: tuple[str, ...], message: str
) -> None:
    done = namespace.run(tender.record, *options, tender.guest("netmtu"))
    assert_refused(tender, done, message)


def test_an_interface_that_disappears(tender: Tender, namespace: Namespace, guests: Path) -> None:
    namespace.add_tap("tap0", "10.0.0.1/24")
    with LiveRun(namespace, tender.guest("net"), {"service0": "tap0"}) as run:
        run.wait_for("MTU is")
        namespace.command(["ip", "link", "del", "tap0"])
        recorded = run.finish()
        run.trace.rename(tender.trace)
    assert recorded.status == RecordStatus.REFUSED
    assert "interface tap0 is gone: it was removed while in use" in recorded.stderr
    assert_faithful_so_far(tender, "failing device: interface tap0 is gone")


def test_an_interface_that_disappears_is_an_spt_guests_own_affair(
    tmp_path: Path, namespace: Namespace, guests: Path
) -> None:
    """As with spt's tender, reads fail, of which this guest makes an end; and that replays."""
    tender = Tender(tmp_path, guests, "spt")
    namespace.add_tap("tap0", "10.0.0.1/24")
    with LiveRun(namespace, tender.guest("net"), {"service0": "tap0"}) as run:
        run.wait_for("MTU is")
        namespace.command(["ip", "link", "del", "tap0"])
        recorded = run.finish()
        run.trace.rename(tender.trace)
    assert recorded.status == 1
    assert "FAILURE" in recorded.stdout
    replayed = tender.check()
    assert replayed.status == ReplayStatus.GUEST_FAILED, replayed.output
    assert replayed.stdout.startswith("faithful, guest failed as recorded: ")


def test_an_open_descriptor_of_an_interface(tender: Tender, namespace: Namespace) -> None:
    """As a supervisor without rights for the recorder would pass it on."""
    namespace.add_tap("tap0", mtu=1234)
    fd = os.open("/dev/net/tun", os.O_RDWR)
    request = struct.pack("16sH22x", b"tap0", 0x1002)  # IFF_TAP | IFF_NO_PI
    namespace.run(fcntl.ioctl, fd, 0x400454CA, request)
    record = [program("solo5-record"), "-o", tender.trace]
    done = namespace.run(
        subprocess.run,
        [*record, f"--net:service0=@{fd}", tender.guest("netmtu")],
        pass_fds=(fd,),
        capture_output=True,
        text=True,
        check=False,
        timeout=CASE_LIMIT_S,
    )
    os.close(fd)
    assert (done.returncode, "MTU is 1234" in done.stdout) == (0, True), done.stderr
    assert tender.check().status == ReplayStatus.FAITHFUL

"""Whether a guest runs everywhere alike: a warning before it is recorded, or a refusal."""

from __future__ import annotations

from monitors.errors import GuestRefused
from monitors.ports import GuestImage
from replay.cli.messages import say
from replay.export.words import counted

_EMULATORS = frozenset(("unicorn",))
_SHOWN_MAX = 3
_REPORT = "`solo5-elftool check-portability` lists all"


def check_portability(
    program: str, guest: bytes, image: GuestImage, engine: str, *, strict: bool
) -> None:
    """Look for instructions of concern where it matters; ``strict`` raises ``GuestRefused``.

    An emulator without ``strict`` needs no look: it refuses by itself what it cannot compute.
    """
    if strict:
        _refuse_any(guest, image)
    elif engine not in _EMULATORS:
        _warn(program, guest, image, engine)


def _refuse_any(guest: bytes, image: GuestImage) -> None:
    from replay.engines.known_code import known_code
    from replay.engines.portability import scan
    from replay.player.symbols import Symbols

    found = scan(image, known_code(guest))
    if not found:
        return
    symbols = Symbols(guest)
    first = "; ".join(f"{symbols.place(each.address)}: {each.text}" for each in found[:_SHOWN_MAX])
    count = counted(len(found), "instruction")
    raise GuestRefused(f"{count} may not run everywhere alike: {first}", hint=_REPORT)


def _warn(program: str, guest: bytes, image: GuestImage, engine: str) -> None:
    from replay.engines.known_code import known_code
    from replay.engines.portability import Concern, scan

    found = scan(image, known_code(guest))
    found = [each for each in found if each.concern is not Concern.HIDDEN]
    if found:
        count = counted(len(found), "instruction")
        example = f"{found[0].text} at {found[0].address:#x}"
        say(
            program,
            f"warning: recorded on {engine}, {count} may not replay everywhere alike"
            f" ({example}); {_REPORT}",
        )

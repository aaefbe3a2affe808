"""The solo5-elftool command: manifests into C source, and what an image's notes say.

Commands, output and statuses are upstream's (Solo5 v0.12); check-portability is our own.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from replay.export.words import printable

if TYPE_CHECKING:
    from monitors.manifest import Manifest

_USAGE = """\
usage: solo5-elftool COMMAND ...

commands:
  gen-manifest SOURCE OUTPUT
      make the C file OUTPUT from the JSON manifest SOURCE ("-": standard input or output)
  query-manifest BINARY
      print the manifest of a unikernel as JSON
  query-abi BINARY
      print the target and the ABI version of a unikernel as JSON
  check-portability BINARY
      print the instructions that may not run everywhere alike, with the reasons

examples:
  solo5-elftool gen-manifest manifest.json manifest.c
  solo5-elftool query-abi app.hvt
"""

SOURCE_SIZE_MAX = 4 << 20  # characters of up to 4 bytes
BINARY_SIZE_MAX = 1 << 30


class _Failure(Exception):
    """A file that cannot be read or written; the text is the whole message."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; the status is 0, or 1 for wrong usage, a bad file and a refused manifest."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    if arguments and arguments[0] in ("-h", "--help", "help"):
        sys.stdout.write(_USAGE)
        return 0
    command, count = _COMMANDS.get(arguments[0] if arguments else "", (None, 0))
    if command is None or len(arguments) != count + 1:
        sys.stderr.write(_USAGE)
        return 1
    return _run(command, arguments[1:])


def _run(command: Callable[..., None], operands: Sequence[str]) -> int:
    from monitors.errors import GuestRefused

    try:
        command(*operands)
    except (GuestRefused, _Failure) as error:
        print(f"solo5-elftool: {error}", file=sys.stderr)
        return 1
    return 0


def _gen_manifest(source: str, output: str) -> None:
    from replay.toolchain.manifest_source import read_manifest_source

    origin = "standard input" if source == "-" else source
    # Bytes that are no UTF-8 are let through: a name or a type that holds one is refused anyway.
    text = _read(source, SOURCE_SIZE_MAX).decode("utf-8", "surrogateescape")
    _write(output, read_manifest_source(text, origin=origin).c_source())


def _query_manifest(binary: str) -> None:
    from monitors.elf import query_manifest

    _write("-", _manifest_json(query_manifest(_read(binary, BINARY_SIZE_MAX), name=binary)))


def _query_abi(binary: str) -> None:
    from monitors.elf import query_abi

    abi = query_abi(_read(binary, BINARY_SIZE_MAX), name=binary)
    record = {"type": "solo5.abi", "target": abi.target, "version": abi.version}
    _write("-", json.dumps(record, indent=2) + "\n")


def _check_portability(binary: str) -> None:
    from monitors.elf import read_image
    from replay.engines.known_code import known_code
    from replay.engines.portability import scan
    from replay.player.symbols import Symbols

    data = _read(binary, BINARY_SIZE_MAX)
    symbols = Symbols(data)
    found = scan(read_image(data, name=binary), known_code(data))
    lines = [
        f"{symbols.place(each.address)}: {each.text}: {each.concern.value}"
        f" (matters on {', '.join(each.engines)})\n"
        for each in found
    ]
    _write("-", "".join(map(printable, lines)) or "nothing that would not run everywhere alike\n")


_COMMANDS: dict[str, tuple[Callable[..., None], int]] = {
    "gen-manifest": (_gen_manifest, 2),
    "query-manifest": (_query_manifest, 1),
    "query-abi": (_query_abi, 1),
    "check-portability": (_check_portability, 1),
}


def _manifest_json(manifest: Manifest) -> str:
    devices = [
        f'    {{ "name": {json.dumps(entry.name)}, "type": {json.dumps(entry.type_name)} }}'
        for entry in manifest.entries[1:]
    ]
    lines = [
        "{",
        '  "type": "solo5.manifest",',
        '  "version": 1,',
        '  "devices": [',
        *([",\n".join(devices)] if devices else []),
        "  ]",
        "}",
    ]
    return "\n".join(lines) + "\n"


def _read(path: str, size_max: int) -> bytes:
    try:
        if path == "-":
            data = sys.stdin.buffer.read(size_max + 1)
        else:
            with Path(path).open("rb") as file:
                data = file.read(size_max + 1)
    except (OSError, ValueError) as error:
        raise _Failure(f"{path}: cannot be read: {_reason(error)}") from error
    if len(data) > size_max:
        raise _Failure(f"{path}: larger than {size_max} bytes")
    return data


def _write(path: str, text: str) -> None:
    try:
        if path == "-":
            sys.stdout.write(text)
            sys.stdout.flush()
        else:
            Path(path).write_text(text, encoding="ascii")
    except OSError as error:
        name = "standard output" if path == "-" else path
        raise _Failure(f"{name}: cannot be written: {_reason(error)}") from error


def _reason(error: Exception) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or str(error)

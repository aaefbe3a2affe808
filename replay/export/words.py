"""Numbers and texts of a trace as people read them, with nothing that a terminal would obey."""

from __future__ import annotations

_ESCAPES = {
    code: f"\\x{code:02x}" for code in (*range(32), *range(127, 160)) if code not in (9, 10)
}


def printable(text: str) -> str:
    """``text`` without anything that a terminal would obey; line ends and tabs stay."""
    return text.translate(_ESCAPES)


def one_line(text: str) -> str:
    """``text`` with everything escaped that is not plainly visible, line ends included."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


def counted(count: int, what: str) -> str:
    """``1 event``, ``2 events``."""
    return f"{count} {what}" if count == 1 else f"{count} {what}s"


def size_text(size_bytes: int) -> str:
    """A number of bytes for people."""
    value, unit = float(size_bytes), "bytes"
    for unit in ("bytes", "KiB", "MiB", "GiB"):
        if value < 1024 or unit == "GiB":
            break
        value /= 1024
    return f"{size_bytes} bytes" if unit == "bytes" else f"{value:.1f} {unit}"

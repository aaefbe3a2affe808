"""The file beside a trace that a session is kept in."""

from __future__ import annotations

import os
from pathlib import Path

from replay.tui.model.session_state import (
    SESSION_BYTES_MAX,
    SESSION_SUFFIX,
    BadSession,
    SessionState,
    session_from_text,
    session_to_text,
)


def session_path(trace: Path) -> Path:
    """Where the session of a trace is kept."""
    return trace.with_name(trace.name + SESSION_SUFFIX)


def load_session(path: Path) -> SessionState | None:
    """The session that was kept, ``None`` where there is none; raises ``BadSession``."""
    try:
        if path.stat().st_size > SESSION_BYTES_MAX:
            raise BadSession(f"{path} is too large for a session; it is left alone")
        return session_from_text(path.read_text("utf-8"))
    except FileNotFoundError:
        return None
    except BadSession as error:
        raise BadSession(f"{path}: {error}; it is left alone") from error
    except UnicodeDecodeError as error:
        raise BadSession(f"{path} is no text; it is left alone") from error
    except OSError as error:
        raise BadSession(f"{path}: {error.strerror}; no session is kept") from error


def save_session(path: Path, state: SessionState) -> None:
    """Keep a session, as a whole or not at all; raises ``OSError``."""
    beside = path.with_name(f"{path.name}.{os.getpid()}")
    try:
        beside.write_text(session_to_text(state), "utf-8")
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)

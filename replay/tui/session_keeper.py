"""The session beside a trace, from when it is opened to when the user leaves."""

from __future__ import annotations

from pathlib import Path

from replay.tui.desk import Way
from replay.tui.model.points import BadPoints
from replay.tui.model.session_state import BadSession, SessionState
from replay.tui.opening import Opening
from replay.tui.session_file import load_session, save_session, session_path


class SessionKeeper:
    """Loads what was kept, once, and keeps what there is; what is not ours stays as it is."""

    def __init__(self, trace: Path) -> None:
        self._path = session_path(trace)
        self._is_ours = True
        self._saved: SessionState | None = None

    def opening(self, way: Way | None) -> Opening:
        """How to begin: where ``way`` leads, or where the last session ended."""
        try:
            kept = load_session(self._path)
            self._saved = kept
            return Opening(way, kept or SessionState())
        except BadSession as error:
            remark = str(error)
        except BadPoints as error:
            remark = f"{self._path}: {error}; it is left alone"
        self._is_ours = False
        return Opening(way, remarks=(remark,))

    def save(self, state: SessionState | None) -> str:
        """Keep a session if there is one; what has to be told about that, mostly nothing."""
        if state is None or not self._is_ours or state == self._saved:
            return ""
        try:
            save_session(self._path, state)
        except OSError as error:
            self._is_ours = False
            return f"{self._path}: {error.strerror}; this session is not remembered"
        self._saved = state
        return ""

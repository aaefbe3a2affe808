"""The program's name and version, without loading anything else."""

from __future__ import annotations

VERSION = "0.1.0"
CREATED_BY = f"solo5-replay {VERSION}"

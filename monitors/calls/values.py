"""How the values are made that live for one crossing only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar, dataclass_transform

_Value = TypeVar("_Value")


@dataclass_transform(frozen_default=True)
def crossing_value(kind: type[_Value]) -> type[_Value]:
    """A slotted dataclass that is frozen for the type checker, and hashed and compared as one.

    At run time nothing keeps it from being changed: each field of a frozen one is set by a call,
    which makes it three times as dear, and a guest without an agent makes some for every event.
    """
    return dataclass(slots=True, unsafe_hash=True)(kind)
